package statement

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// What a sample may take in bytes: the whole, all of its values, one value.
const (
	maxSample = 32 << 10
	maxValues = 8 << 10
	maxBinary = 64
	maxName   = 256
	// leastText is what a statement gets at least, or it is not shown at all.
	leastText = 256
	// overhead is what the lines that are always there may take.
	overhead = 2 << 10
)

// A Message is what a person is shown who decides about it.
type Message struct {
	Parts  []action.Part
	Behind []action.Part // what an EXECUTE in Parts may run
	Values []byte        // as the Bind or the call has them, nil without
	// Types are those of Values, as far as they are known.
	Types []uint32
	// Transaction says how it stands, in words; "" where none is open.
	Transaction string
}

// A sample is written line by line; hidden counts what it leaves out.
type sample struct {
	b      strings.Builder
	hidden int64
	full   bool // nothing is left out
}

// room is what there is room for.
func (s *sample) room(n int) int {
	if s.full {
		return math.MaxInt
	}
	return n
}

// Sample gives a message as a person reads it, and how many bytes of it are left
// out: for each statement what it does and its text, then the values, the
// database and the user.
func Sample(m Message) (text []byte, hidden int64) { return new(sample).write(m) }

// Full gives all of it, however long it is.
func Full(m Message) []byte {
	text, _ := (&sample{full: true}).write(m)
	return text
}

func (s *sample) write(m Message) (text []byte, hidden int64) {
	var values []string
	if m.Values != nil {
		values = s.values(m.Values)
	}
	room := s.room(maxSample - overhead)
	for _, v := range values {
		room -= len(v)
	}
	if len(m.Behind) == 0 {
		s.statements("statement", m.Parts, room)
	} else {
		s.statements("statement", m.Parts, room/2)
		s.statements("prepared statement", m.Behind, room/2)
	}
	for _, v := range values {
		s.b.WriteString(v)
	}
	s.named("transaction", m.Transaction)
	if f := first(m.Parts); f != nil {
		s.named("database", f.Database)
		s.named("user", f.User)
	}
	return []byte(s.b.String()), s.hidden
}

// ConnectSample gives the beginning of a session as a person reads it.
func ConnectSample(parts []action.Part, parameters []wire.Parameter) (text []byte, hidden int64) {
	var s sample
	s.b.WriteString("connect\n")
	if f := first(parts); f != nil {
		s.named("database", f.Database)
		s.named("user", f.User)
	}
	for i, p := range parameters {
		if s.b.Len() > maxSample-overhead {
			for _, p := range parameters[i:] {
				s.hidden += int64(len(p.Name) + len(p.Value))
			}
			s.b.WriteString(notShown(s.hidden))
			break
		}
		s.b.WriteString(action.SampleMargin + escape(p.Name) + " = " + s.quoted(p.Value, maxName) + "\n")
	}
	return []byte(s.b.String()), s.hidden
}

func first(parts []action.Part) *sql.Facts {
	if len(parts) == 0 {
		return nil
	}
	f, _ := parts[0].Facts.(*sql.Facts)
	return f
}

func notShown(n int64) string { return fmt.Sprintf("[… %d bytes not shown …]\n", n) }

// named writes a line for something that the agent named.
func (s *sample) named(what, name string) {
	if name == "" {
		return
	}
	if len(name) > s.room(maxName) {
		s.hidden += int64(len(name) - maxName)
		name = name[:maxName] + cutMark
	}
	s.b.WriteString(what + ": " + escape(name) + "\n")
}

// statements writes as many of parts as there is room for, and names what the
// others do.
func (s *sample) statements(what string, parts []action.Part, room int) {
	for i, p := range parts {
		f, ok := p.Facts.(*sql.Facts)
		if !ok || f.Shape == nil {
			continue
		}
		head := fmt.Sprintf("%s %d of %d: %s, %s\n", what, i+1, len(parts), f.Verb, p.Effects)
		share := room/(len(parts)-i) - len(head)
		if share < leastText {
			share = min(room-len(head), leastText)
		}
		if share < leastText && share < shown(f.Text) {
			s.others(what, parts[i:], i, len(parts))
			return
		}
		before := s.b.Len()
		s.b.WriteString(head)
		s.body(f.Text, share)
		room -= s.b.Len() - before
	}
}

// others says what the statements from number n on do, whose texts are left out.
func (s *sample) others(what string, rest []action.Part, n, of int) {
	var does []string
	var effects action.Effects
	var left int64
	for _, p := range rest {
		effects |= p.Effects
		f, ok := p.Facts.(*sql.Facts)
		if !ok || f.Shape == nil {
			continue
		}
		left += int64(len(f.Text))
		if !slices.Contains(does, f.Verb) {
			does = append(does, f.Verb)
		}
	}
	slices.Sort(does)
	fmt.Fprintf(&s.b, "%s %d to %d of %d: %s, %s\n", what, n+1, of, of, strings.Join(does, " "), effects)
	s.hidden += left
	s.b.WriteString(notShown(left))
}

// body writes a text behind the margin: all of it, or its beginning and its end.
func (s *sample) body(text string, room int) {
	if shown(text) <= room {
		s.lines(text)
		return
	}
	room -= len(notShown(int64(len(text))))
	head := fit(text, room*2/3, false)
	tail := fit(text[head:], room/3, true)
	s.lines(text[:head])
	left := int64(len(text) - head - tail)
	s.hidden += left
	s.b.WriteString(notShown(left))
	s.lines(text[len(text)-tail:])
}

// lines writes a text line by line. A carriage return ends a line too, as it ends
// a comment.
func (s *sample) lines(text string) {
	for text != "" {
		line, rest := cutLine(text)
		s.b.WriteString(action.SampleMargin + escapeLine(line) + "\n")
		text = rest
	}
}

func cutLine(text string) (line, rest string) {
	i := strings.IndexAny(text, "\r\n")
	if i < 0 {
		return text, ""
	}
	n := 1
	if strings.HasPrefix(text[i:], "\r\n") {
		n = 2
	}
	return text[:i], text[i+n:]
}

// escapeLine leaves tabs, which indent.
func escapeLine(line string) string {
	if !strings.Contains(line, "\t") {
		return escape(line)
	}
	cells := strings.Split(line, "\t")
	for i := range cells {
		cells[i] = escape(cells[i])
	}
	return strings.Join(cells, "\t")
}

// shown is what lines makes of a text, in bytes.
func shown(text string) int {
	n := 0
	for text != "" {
		line, rest := cutLine(text)
		n += len(action.SampleMargin) + len(escapeLine(line)) + 1
		text = rest
	}
	return n
}

// fit gives how much of the beginning, or of the end, of a text takes at most
// room. It cuts between runes.
func fit(text string, room int, end bool) int {
	n := 0
	room -= len(action.SampleMargin) + 1
	for n < len(text) {
		var size int
		if end {
			_, size = utf8.DecodeLastRuneInString(text[:len(text)-n])
		} else {
			_, size = utf8.DecodeRuneInString(text[n:])
		}
		piece := text[n : n+size]
		if end {
			piece = text[len(text)-n-size : len(text)-n]
		}
		cost := len(escape(piece))
		if piece == "\n" || piece == "\r" {
			cost = len(action.SampleMargin) + 1
		}
		if room -= cost; room < 0 {
			break
		}
		n += size
	}
	return n
}

// values gives a line for each value of a Bind or a call.
func (s *sample) values(raw []byte) []string {
	values, ok := wire.Values(raw)
	if !ok {
		s.hidden += int64(len(raw))
		return []string{notShown(int64(len(raw)))}
	}
	lines := make([]string, 0, min(len(values), 1000))
	room := s.room(maxValues)
	for i, v := range values {
		if room < leastText {
			left := int64(0)
			for _, v := range values[i:] {
				left += int64(len(v.Bytes))
			}
			s.hidden += max(left, 1)
			return append(lines, fmt.Sprintf("$%d to $%d: ", i+1, len(values))+notShown(left))
		}
		share := max(room/(len(values)-i), leastText) - 2*len(cutMark)
		line := fmt.Sprintf("$%d = %s\n", i+1, s.value(v, share))
		room -= len(line)
		lines = append(lines, line)
	}
	return lines
}

func (s *sample) value(v wire.Value, room int) string {
	switch {
	case v.Null:
		return "NULL"
	case v.Binary:
		word := fmt.Sprintf("(binary, %d bytes)", len(v.Bytes))
		n := min(len(v.Bytes), s.room(maxBinary))
		word += " " + hex.EncodeToString(v.Bytes[:n])
		if left := len(v.Bytes) - n; left > 0 {
			s.hidden += int64(left)
			word += " " + strings.TrimSuffix(notShown(int64(left)), "\n")
		}
		return word
	}
	return s.quoted(string(v.Bytes), room)
}

// quoted writes a value as SQL does, on one line.
func (s *sample) quoted(v string, room int) string {
	text := strings.ReplaceAll(escape(v), "'", "''")
	if len(text) <= room {
		return "'" + text + "'"
	}
	n := fit(v, room/2, false)
	s.hidden += int64(len(v) - n)
	return "'" + strings.ReplaceAll(escape(v[:n]), "'", "''") + "' " + strings.TrimSuffix(notShown(int64(len(v)-n)), "\n")
}
