package statement

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

func of(verb string, e action.Effects, text string) action.Part {
	return action.Part{Effects: e, Facts: &sql.Facts{Shape: &sql.Shape{Verb: verb}, Text: text, Conversation: &sql.Conversation{Database: "app", User: "bob"}}}
}

// bound encodes values as a Bind has them; nil is NULL, a leading 0x01 binary.
func bound(values ...any) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(values)))
	for _, v := range values {
		_, bin := v.([]byte)
		b = binary.BigEndian.AppendUint16(b, map[bool]uint16{true: 1}[bin])
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(values)))
	for _, v := range values {
		if v == nil {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		s := fmt.Sprintf("%s", v)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return append(b, 0, 0)
}

func TestT40_TheSampleShowsAllThatRuns(t *testing.T) {
	for name, c := range map[string]struct {
		m    Message
		want string
	}{
		"lines": {
			Message{Parts: []action.Part{of("update", action.EffectWrite, "UPDATE t --\n\tSET a = 1\r OR true\r\n\n;")}},
			"statement 1 of 1: update, write\n| UPDATE t --\n| \tSET a = 1\n|  OR true\n| \n| ;\ndatabase: app\nuser: bob\n",
		},
		"what would forge": {
			Message{Parts: []action.Part{of("select", action.EffectRead, "SELECT 1\ndatabase: other\n\x1b[2K\u202e\u200b\u3164\xff")}},
			"statement 1 of 1: select, read\n| SELECT 1\n| database: other\n| \\x1b[2K\\u202e\\u200b\\u3164\\xff\ndatabase: app\nuser: bob\n",
		},
		"several": {
			Message{Parts: []action.Part{of("select", action.EffectRead, "SELECT 1"), of("delete", action.EffectWrite, "DELETE FROM t")}},
			"statement 1 of 2: select, read\n| SELECT 1\nstatement 2 of 2: delete, write\n| DELETE FROM t\ndatabase: app\nuser: bob\n",
		},
		"values": {
			Message{Parts: []action.Part{of("select", action.EffectRead, "SELECT $1")}, Values: bound("it's\nme", nil, []byte("\x00\x00\x02\x9a"))},
			"statement 1 of 1: select, read\n| SELECT $1\n$1 = 'it''s\\nme'\n$2 = NULL\n$3 = (binary, 4 bytes) 0000029a\ndatabase: app\nuser: bob\n",
		},
		"behind a name": {
			Message{Parts: []action.Part{of("execute", action.EffectWrite, "EXECUTE s")}, Behind: []action.Part{of("delete", action.EffectWrite, "DELETE FROM t")}},
			"statement 1 of 1: execute, write\n| EXECUTE s\nprepared statement 1 of 1: delete, write\n| DELETE FROM t\ndatabase: app\nuser: bob\n",
		},
	} {
		got, hidden := Sample(c.m)
		if string(got) != c.want || hidden != 0 {
			t.Errorf("%s: %d hidden in\n%s", name, hidden, got)
		}
	}
}

func TestT40_TheSampleSaysWhatItLeavesOut(t *testing.T) {
	long := "INSERT INTO t VALUES ('" + strings.Repeat("x", 100_000) + "'); -- end"
	got, hidden := Sample(Message{Parts: []action.Part{of("insert", action.EffectWrite, long)}})
	mark := fmt.Sprintf("\n[… %d bytes not shown …]\n| ", hidden)
	shownBytes := strings.Count(string(got), "x")
	if hidden == 0 || !strings.Contains(string(got), mark) || !strings.Contains(string(got), "-- end\ndatabase") || shownBytes+int(hidden) != 100_000 {
		t.Errorf("%d hidden, %d shown, %d bytes", hidden, shownBytes, len(got))
	}
	var many []action.Part
	for range 5000 {
		many = append(many, of("select", action.EffectRead, "SELECT 1"))
	}
	many = append(many, of("drop_table", action.EffectAdmin, "DROP TABLE t"))
	got, hidden = Sample(Message{Parts: many, Values: bound(strings.Repeat("v", 60_000), strings.Repeat("w", 60_000))})
	if len(got) > maxSample || hidden < 100_000 || !strings.Contains(string(got), " of 5001: drop_table select, ") {
		t.Errorf("%d bytes, %d hidden\n%.300s", len(got), hidden, got[len(got)-300:])
	}
}

// What the sample leaves out can be read: all of it, line by line.
func TestT40_ATranscriptLeavesNothingOut(t *testing.T) {
	var parts []action.Part
	for range 3000 {
		parts = append(parts, of("select", action.EffectRead, "SELECT 1"))
	}
	parts = append(parts, of("delete", action.EffectWrite, "DELETE FROM t WHERE a = '"+strings.Repeat("x", 100_000)+"' -- \u202eend"))
	values := bound(strings.Repeat("v", 60_000), strings.Repeat("w", 60_000))
	m := Message{Parts: parts, Values: values}
	var b strings.Builder
	tr := NewTranscript([]byte("impact: none\n"), m)
	clear(values) // the stream goes on
	if _, err := tr.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for what, n := range map[string]int{"| SELECT 1\n": 3000, "x": 100_000, "v": 60_000, "w": 60_000} {
		if c := strings.Count(got, what); c < n {
			t.Errorf("%q stands %d times of %d", what, c, n)
		}
	}
	if strings.Contains(got, "not shown") || strings.Contains(got, "\u202e") || !strings.HasPrefix(got, "impact: none\nstatement 1 of 3001: ") {
		t.Errorf("%.300q", got)
	}
}

func TestTheSampleOfAConnect(t *testing.T) {
	got, hidden := ConnectSample(Control("app", "bob\nroot"), []wire.Parameter{{Name: "application_name", Value: "x'\n"}})
	if want := "connect\ndatabase: app\nuser: bob\\nroot\n| application_name = 'x''\\n'\n"; string(got) != want || hidden != 0 {
		t.Errorf("%s", got)
	}
}

func TestSummaryOfSeveral(t *testing.T) {
	parts := []action.Part{of("select", 0, "SELECT 1"), of("drop", 0, "DROP x"), of("drop", 0, "DROP y")}
	if got := SummaryOf("SELECT 1; DROP x; DROP y", parts); got != "SELECT 1 (+2 more statements)" {
		t.Error(got)
	}
	if got := SummaryOf("SELECT 1; DROP x", parts[:2]); got != "SELECT 1 (+1 more statement)" {
		t.Error(got)
	}
	if got := Summary(strings.Repeat("x", 600)); !strings.HasSuffix(got, "x…") || len(got) > action.MaxSummary {
		t.Error(got)
	}
	if got := Summary(strings.Repeat("x", action.MaxSummary)); strings.Contains(got, "…") {
		t.Error(got)
	}
}

// FuzzSample holds that no text writes a line of its own, that the bounds hold,
// and that whatever is not hidden is there.
func FuzzSample(f *testing.F) {
	f.Add("SELECT 1\n-- x\r OR true", []byte("\x00\x00\x00\x01\x00\x00\x00\x01a\x00\x00"), uint16(3))
	f.Add(strings.Repeat("a\n", 300), []byte{}, uint16(400))
	f.Fuzz(func(t *testing.T, text string, values []byte, times uint16) {
		part := of("select", action.EffectRead, strings.Repeat(text, int(times%600)+1))
		got, _ := Sample(Message{Parts: []action.Part{part, part}, Behind: []action.Part{part}, Values: values})
		if len(got) > maxSample || !utf8.Valid(got) {
			t.Errorf("%d bytes", len(got))
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(got), "\n"), "\n") {
			switch {
			case strings.HasPrefix(line, action.SampleMargin), strings.HasPrefix(line, "$"), strings.HasPrefix(line, "[… "):
			case line == "database: app", line == "user: bob":
			case strings.HasPrefix(line, "statement ") && strings.HasSuffix(line, " of 2: select, read"):
			case line == "prepared statement 1 of 1: select, read", line == "statement 1 to 2 of 2: select, read":
			default:
				t.Errorf("a line of its own: %q", line)
			}
		}
		if s := SummaryOf(text, []action.Part{part, part}); len(s) > action.MaxSummary || !utf8.ValidString(s) || strings.ContainsAny(s, "\n\r\x1b") {
			t.Errorf("summary %q", s)
		}
	})
}
