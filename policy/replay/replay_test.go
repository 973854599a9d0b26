package replay

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
)

// strict denies, asks or cannot tell actions by what their summary holds.
type strict struct{ deny, ask, untold string }

func (s strict) Replay(a *action.Action, _ time.Time) (action.Decision, bool) {
	has := func(word string) bool { return word != "" && strings.Contains(a.Summary, word) }
	switch {
	case has(s.untold):
		return action.Decision{}, false
	case has(s.deny):
		return action.Decision{Verdict: action.Deny, Rule: "no " + s.deny, Reason: "No."}, true
	case has(s.ask):
		return action.Decision{Verdict: action.Ask}, true
	}
	return action.Decision{Verdict: action.Allow}, true
}

// records are texts "verdict summary"; "gap" is none, "bad" cannot be read, "lost"
// cannot be judged again.
func records(texts ...string) Source {
	return Source{
		Reader: func() func([]byte) (Past, error) {
			return func(raw []byte) (Past, error) {
				word, summary, _ := strings.Cut(string(raw), " ")
				v, _ := action.ParseVerdict(word)
				p := Past{ID: summary, Summary: summary, Expect: v, Action: &action.Action{Summary: summary}}
				switch word {
				case "gap":
					p.None = true
				case "bad":
					return p, errors.New("it is bad")
				case "lost":
					p.Action, p.Why = nil, "the facts are lost"
				}
				return p, nil
			}
		},
		Records: func(yield func([]byte, error) bool) {
			buffer := make([]byte, 0, 64)
			for _, text := range texts {
				if text == "broken" {
					yield(nil, errors.New("it broke off"))
					return
				}
				buffer = append(buffer[:0], text...) // the bytes last until the next
				if !yield(buffer, nil) {
					return
				}
			}
		},
	}
}

func many(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = "allow " + strconv.Itoa(i)
	}
	return texts
}

func TestDiff(t *testing.T) {
	got, err := Diff(t.Context(), records("allow a red", "allow a blue", "gap", "allow a green", "lost x", "allow odd", "allow blue again"),
		strict{ask: "green", untold: "odd"}, strict{deny: "blue"}, Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Replayed != 6 || got.Untold != 2 || got.Changed() != 3 || fmt.Sprint(got.Groups) != "[{allow deny 2} {ask allow 1}]" {
		t.Errorf("%+v", got)
	}
	if c := got.Changes[0]; c.ID != "a blue" || c.Old != action.Allow || c.New != action.Deny || c.Rule != "no blue" || c.Reason != "No." {
		t.Errorf("%+v", c)
	}
}

// However many processors judge, changes come in the order of the records.
func TestDiffKeepsTheOrder(t *testing.T) {
	const n = 20_000
	got, err := Diff(t.Context(), records(many(n)...), strict{}, strict{deny: "7"}, Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	for _, c := range got.Changes {
		i, _ := strconv.Atoi(c.ID)
		if i <= last {
			t.Fatalf("%d comes behind %d", i, last)
		}
		last = i
	}
	if got.Replayed != n || len(got.Changes) < n/10 {
		t.Errorf("%d replayed, %d changes", got.Replayed, len(got.Changes))
	}
}

func TestDiffIsBounded(t *testing.T) {
	got, err := Diff(t.Context(), records(many(5000)...), strict{}, strict{deny: "1"}, Bounds{Records: 1000, Changes: 10})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Cut || got.Replayed != 1000 || len(got.Changes) != 10 || got.LeftOff != 261 || got.Groups[0].Count != 271 {
		t.Errorf("%+v", got)
	}
	got, err = Diff(t.Context(), records(many(1000)...), strict{}, strict{}, Bounds{Records: 1000})
	if err != nil || got.Cut || got.Replayed != 1000 {
		t.Errorf("just as many: %+v, %v", got, err)
	}
}

// What breaks off is no comparison, and nothing is left running.
func TestDiffFailsWhole(t *testing.T) {
	before := runtime.NumGoroutine()
	texts := many(1000)
	texts[700] = "bad"
	if got, err := Diff(t.Context(), records(texts...), strict{}, strict{}, Bounds{}); err == nil || got != nil || err.Error() != "action 701: it is bad" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := Diff(t.Context(), records("allow a", "broken"), strict{}, strict{}, Bounds{}); err == nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	endless := Source{Reader: records().Reader, Records: func(yield func([]byte, error) bool) {
		for i := 0; yield([]byte("allow x"), nil); i++ {
			if i == 1000 {
				cancel()
			}
		}
	}}
	if got, err := Diff(ctx, endless, strict{}, strict{}, Bounds{}); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	// One that has done its work is waited for, and ends a moment later.
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}

func TestCheck(t *testing.T) {
	var got []string
	err := Check(t.Context(), records("allow red", "deny red", "deny blue", "ask odd", "lost x"), strict{deny: "blue", untold: "odd"}, nil, func(f Finding) {
		got = append(got, fmt.Sprintf("%d %v %s", f.Line, f.Same(), f.Reason))
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "1 true |2 false |3 true No.|4 false A rule reads what is not recorded.|5 false the facts are lost"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}
