package postgres

import (
	"context"
	"strings"
	"sync"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/entry"
	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
)

// asksAll asks about everything but what only steers, says yes, and keeps what
// the approver saw.
func asksAll(seen *approver) func(*line) {
	return func(l *line) {
		l.decide = func(a *action.Action) action.Decision {
			if a.Kind == "connect" || a.Kind == "catalog" {
				return action.Decision{Verdict: action.Allow}
			}
			return action.Decision{Verdict: action.Ask, Rule: "all"}
		}
		l.settle = func(_ context.Context, a *action.Action, _ action.Decision) action.Decision {
			seen.mu.Lock()
			defer seen.mu.Unlock()
			seen.samples = append(seen.samples, string(a.Sample))
			seen.hidden = append(seen.hidden, a.Hidden)
			return action.Decision{Verdict: action.Allow}
		}
	}
}

type approver struct {
	mu      sync.Mutex
	samples []string
	hidden  []int64
}

// last gives what the approver saw last.
func (a *approver) last() (string, int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.samples) == 0 {
		return "", 0
	}
	return a.samples[len(a.samples)-1], a.hidden[len(a.hidden)-1]
}

func TestT40_TheApproverSeesWhatRuns(t *testing.T) {
	var seen approver
	l := newLine(t, asksAll(&seen))
	cl := l.ready(t)
	has := func(t *testing.T, want ...string) {
		t.Helper()
		got, hidden := seen.last()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%q is missing in\n%s", w, got)
			}
		}
		if hidden != 0 {
			t.Errorf("%d bytes are hidden", hidden)
		}
	}
	t.Run("what a comment seems to hide", func(t *testing.T) {
		cl.send(query("UPDATE loaded SET name = 'x' WHERE id = 7 --\n OR id > 0"))
		cl.until('Z')
		has(t, "WHERE id = 7 --\n|  OR id > 0\n", "database: app\n", "user: ")
	})
	t.Run("a second statement behind a long one", func(t *testing.T) {
		cl.send(query("SELECT '" + strings.Repeat("x", 600) + "'; DELETE FROM doomed WHERE id = 666"))
		cl.until('Z')
		has(t, "statement 1 of 2: select, read\n", "statement 2 of 2: delete, ", "| DELETE FROM doomed WHERE id = 666\n")
	})
	t.Run("the values of a bind", func(t *testing.T) {
		shown(cl, &seen, "impact: update of", prepare("", "UPDATE loaded SET name = $1 WHERE id = $2"), &pgproto3.Bind{
			ParameterFormatCodes: []int16{0, 1}, Parameters: [][]byte{[]byte("attacker"), {0, 0, 2, 0x9a}},
		}, run(""), syncNow)
		has(t, "impact: update of about ", " in public.loaded (the planner's estimate; nothing was run)\n", "| UPDATE loaded SET name = $1 WHERE id = $2\n", "$1 = 'attacker'\n", "$2 = (binary, 4 bytes) 0000029a\n")
	})
	t.Run("what a name stands for", func(t *testing.T) {
		cl.send(prepare("s", "DELETE FROM doomed WHERE id = $1"), syncNow)
		cl.until('Z')
		cl.send(query("EXECUTE s(5)"))
		cl.until('Z')
		has(t, "| EXECUTE s(5)\n", "prepared statement 1 of 1: delete, ", "| DELETE FROM doomed WHERE id = $1\n")
	})
	t.Run("the arguments of a call", func(t *testing.T) {
		cl.send(&pgproto3.FunctionCall{Function: 964, ArgFormatCodes: []uint16{1}, Arguments: [][]byte{{0, 0, 0, 7}}, ResultFormatCode: 1})
		cl.until('Z')
		has(t, "lo_unlink", "$1 = (binary, 4 bytes) 00000007\n")
	})
}

func TestT40_AConnectIsShown(t *testing.T) {
	s := &session{wish: wishOf("app", "bob", "application_name", "x\ndatabase: other")}
	s.f.Service = &action.Service{}
	c := s.connect(nil)
	if err := c.Learn(t.Context(), action.Whole); err != nil {
		t.Fatal(err)
	}
	if got := string(c.act.Sample); got != "connect\ndatabase: app\nuser: bob\n| application_name = 'x\\ndatabase: other'\n" || len(c.act.Digest) != 32 {
		t.Errorf("%s", got)
	}
}

func wishOf(database, user string, parameters ...string) entry.Wish {
	w := entry.Wish{Database: database, User: user}
	for i := 0; i+1 < len(parameters); i += 2 {
		w.Parameters = append(w.Parameters, wire.Parameter{Name: parameters[i], Value: parameters[i+1]})
	}
	return w
}
