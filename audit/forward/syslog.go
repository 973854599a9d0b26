package forward

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// RFC 5424, section 6.2.1.
const (
	facility = 13 // log audit
	alert    = 1
	warning  = 4
	notice   = 5
	info     = 6
)

const (
	// maxSequence is where sequenceId begins anew at 1 (RFC 5424, section 7.3.1).
	maxSequence = 2147483647
	maxHost     = 255
)

// A head is what a message says outside of the record.
type head struct {
	Recorded time.Time `json:"recorded"`
	Kind     string    `json:"kind"`
	Verdict  string    `json:"verdict"`
	Outcome  string    `json:"outcome"`
}

// severity orders records by what an operator would look at first.
func (h head) severity() int {
	switch {
	case h.Kind == "gap":
		return alert
	case h.Verdict == "deny" || h.Outcome == "failed":
		return warning
	case h.Verdict == "ask":
		return notice
	}
	return info
}

// Message is a record as a syslog message (RFC 5424): the record itself is its
// text. What would be longer than most bytes leaves out, in this order, the trace,
// the sample and the facts, and says so. The text is JSON, in which every control
// character is escaped: it holds no line break, whatever an agent wrote.
func Message(r Record, host, version string, most int) ([]byte, error) {
	var h head
	if err := json.Unmarshal(r.Line, &h); err != nil {
		return nil, fmt.Errorf("record %d: %w", r.Seq, err)
	}
	id := h.Kind
	if h.Verdict != "" {
		id = h.Verdict
	}
	before := fmt.Sprintf("<%d>1 %s %s sallyport - %s [origin software=\"sallyport\" swVersion=\"%s\"][meta sequenceId=\"%d\"] ",
		facility*8+h.severity(), h.Recorded.UTC().Format("2006-01-02T15:04:05.000000Z"), word(host, maxHost), word(id, 32),
		param(version), (r.Seq-1)%maxSequence+1)
	text, err := fit(escaped(r.Line), most-len(before))
	if err != nil {
		return nil, fmt.Errorf("record %d: %w", r.Seq, err)
	}
	return append([]byte(before), text...), nil
}

// escaped is JSON in which DEL and the control characters above ASCII are escaped as
// those below are; they stand in strings only.
func escaped(line []byte) []byte {
	control := func(r rune) bool { return r >= 0x7f && r < 0xa0 }
	if bytes.IndexFunc(line, control) < 0 {
		return line
	}
	var out bytes.Buffer
	for _, r := range string(line) { // it is UTF-8, as all that is recorded
		if control(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.Bytes()
}

// word is a field of the header: printable ASCII without a space.
func word(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}

// param is the value of a parameter of structured data (section 6.3.3), of which
// swVersion has at most 32 characters.
func param(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(word(s, 32))
}

// fit leaves out of a record what makes it too long.
func fit(line []byte, most int) ([]byte, error) {
	if len(line) <= most {
		return line, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(line, &all); err != nil {
		return nil, err
	}
	var out []string
	for _, name := range []string{"trace", "answer", "sample", "parts", "asks", "reason", "error", "summary"} {
		if _, ok := all[name]; !ok {
			continue
		}
		delete(all, name)
		out = append(out, strconv.Quote(name))
		all["left_out"] = json.RawMessage("[" + strings.Join(out, ",") + "]")
		short, err := json.Marshal(all)
		if err != nil || len(short) <= most {
			return short, err
		}
	}
	return json.Marshal(all)
}

// frame puts a message into a stream by counting its bytes (RFC 6587, section
// 3.4.1; RFC 5425, section 4.3), so that nothing in it can begin another.
func frame(stream, message []byte) []byte {
	stream = strconv.AppendInt(stream, int64(len(message)), 10)
	stream = append(stream, ' ')
	return append(stream, message...)
}
