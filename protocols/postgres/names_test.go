package postgres

import (
	"context"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"

	"github.com/jackc/pgx/v5/pgproto3"
)

// asksWrites asks about whatever does more than read, and the answer is no.
func asksWrites(l *line) {
	l.decide = func(a *action.Action) action.Decision {
		for _, p := range a.Parts {
			if p.Effects != action.EffectRead {
				return action.Decision{Verdict: action.Ask, Rule: "writes"}
			}
		}
		return action.Decision{Verdict: action.Allow}
	}
	l.settle = func(context.Context, *action.Action, action.Decision) action.Decision {
		return action.Decision{Rule: "writes", Reason: "No."}
	}
}

// The server keeps 63 bytes of a name, in its own encoding: two names that differ
// here may be one to it.
func TestT37_NamesAreOneOnBothSides(t *testing.T) {
	l := newLine(t, asksWrites)
	cl := l.ready(t)
	long := strings.Repeat("n", 63)
	harmless, evil := long+"1", long+"2"
	cl.send(prepare(harmless, "SELECT 1"), syncNow)
	cl.until('Z')
	// To the server this closes the first, to whoever compares whole names it closes nothing.
	cl.send(&pgproto3.Close{ObjectType: 'S', Name: evil}, syncNow)
	cl.until('Z')
	cl.send(prepare(evil, "INSERT INTO doomed VALUES (39)"), syncNow)
	cl.until('Z')
	for _, m := range []pgproto3.FrontendMessage{bind("", harmless), bind(harmless, ""), run(harmless)} {
		cl.send(m, run(""), syncNow)
		if got := cl.until('Z'); got != "E:42622 Z:I" {
			t.Errorf("%+v: %s", m, got)
		}
	}
	cl.send(prepare("ñ", "SELECT 1"), syncNow)
	if got := cl.until('Z'); got != "E:42622 Z:I" {
		t.Errorf("a name that is converted: %s", got)
	}
	cl.send(prepare(long, "SELECT 7"), bind(long, long), run(long), syncNow)
	if got := cl.until('Z'); got != "1 2 D:7 C:SELECT 1 Z:I" {
		t.Errorf("a name of 63 bytes: %s", got)
	}
	// The server closes what the cut name stands for.
	cl.send(&pgproto3.Close{ObjectType: 'S', Name: evil}, bind("", long), run(""), syncNow)
	if got := cl.until('Z'); got != "E:26000 Z:I" {
		t.Errorf("bound after its end: %s", got)
	}
	if got, err := needDatabase(t).psql("app", "DELETE FROM doomed WHERE id = 39 RETURNING id"); err != nil || got != "" {
		t.Errorf("%q was written, %v", got, err)
	}
}
