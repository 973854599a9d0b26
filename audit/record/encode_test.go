package record

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
)

// TestEncodingIsJSON compares the fast encoder with the slow one.
func TestEncodingIsJSON(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var r Record
		fill(rnd, reflect.ValueOf(&r).Elem())
		want, err := marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.AppendJSON(nil); string(got) != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// fill sets a random half of the fields to something.
func fill(rnd *rand.Rand, v reflect.Value) {
	texts := []string{"plain", "", "<&>\"\\", "line\nfeed", "\x1b[31m", "é\u2028", "\xff\xfe", "\x7f", "a\x00b"}
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanSet() || rnd.IntN(2) == 0 {
			continue
		}
		switch f := f.Addr().Interface().(type) {
		case *time.Time:
			*f = time.Unix(rnd.Int64N(1<<32), rnd.Int64N(1e9)).UTC()
		case *json.RawMessage:
			*f = json.RawMessage(`{"a":[1,"b"]}`)
		case *string:
			*f = texts[rnd.IntN(len(texts))]
		case *[]string:
			*f = texts[:rnd.IntN(4)]
		case *bool:
			*f = true
		case *Hash:
			f[3] = byte(rnd.IntN(256))
		case *uint64:
			*f = rnd.Uint64N(1 << 60)
		case *int64:
			*f = rnd.Int64()
		case *time.Duration:
			*f = time.Duration(rnd.Int64())
		case *Agent:
			fill(rnd, reflect.ValueOf(f).Elem())
		case **action.Usage:
			*f = new(action.Usage)
			fill(rnd, reflect.ValueOf(*f).Elem())
		case *int:
			*f = rnd.Int()
		case **action.Answer:
			*f = new(action.Answer)
			fill(rnd, reflect.ValueOf(*f).Elem())
		case *[]action.AnswerField:
			*f = make([]action.AnswerField, rnd.IntN(3))
			for i := range *f {
				fill(rnd, reflect.ValueOf(&(*f)[i]).Elem())
			}
		case *[]Part:
			*f = make([]Part, rnd.IntN(3))
			for i := range *f {
				fill(rnd, reflect.ValueOf(&(*f)[i]).Elem())
			}
		case *[]Ask:
			*f = make([]Ask, rnd.IntN(3))
			for i := range *f {
				fill(rnd, reflect.ValueOf(&(*f)[i]).Elem())
			}
		default:
			panic(fmt.Sprintf("%T is not filled", f))
		}
	}
}

func TestHashText(t *testing.T) {
	var h Hash
	if err := h.UnmarshalText([]byte(strings.Repeat("ab", 32))); err != nil || h.String() != strings.Repeat("ab", 32) {
		t.Errorf("%v %s", err, h)
	}
	for _, bad := range []string{"", "ab", strings.Repeat("zz", 32), strings.Repeat("ab", 33)} {
		if h.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is a hash", bad)
		}
	}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		verdict action.Verdict
		failed  bool
		want    string
	}{
		{action.Allow, false, Done}, {action.Allow, true, Failed}, {action.Deny, false, Refused}, {action.Ask, false, Pending},
	} {
		var r Record
		r.Finish(action.Decision{Verdict: c.verdict}, action.Result{Failed: c.failed})
		if r.Outcome != c.want {
			t.Errorf("%v failed=%v: %s, want %s", c.verdict, c.failed, r.Outcome, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	r := Record{Time: month(6), Agent: Agent{Name: "ci"}, Service: "db", Summary: "DROP TABLE users", Verdict: "deny", Rule: "no-drop", Reason: "Never.", Outcome: Refused}
	if got, want := r.Line(), "2026-06-10T12:00:00Z  deny   ci  db  DROP TABLE users  rule no-drop  (Never.)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r = Record{Time: month(6), Agent: Agent{Name: "ci"}, Service: "db", Summary: "SELECT 1", Verdict: "allow", Outcome: Done, Status: "SELECT 1"}
	if got, want := r.Line(), "2026-06-10T12:00:00Z  allow  ci  db  SELECT 1  done SELECT 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Clean("a\nb\u202ec\xff"); got != `a\nb\u202ec\ufffd` {
		t.Errorf("%q", got)
	}
}
