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

// What an EXECUTE runs is what has the name when the server comes to it, not when
// the EXECUTE was prepared or bound.
func TestT37_AnExecuteIsJudgedByWhatItRuns(t *testing.T) {
	l := newLine(t, asksWrites)
	cl := l.ready(t)
	const evil = "INSERT INTO doomed VALUES (37)"
	play := func(name, want string, ms ...pgproto3.FrontendMessage) {
		t.Helper()
		cl.send(append(ms, syncNow)...)
		if got := cl.until('Z'); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	drop := &pgproto3.Close{ObjectType: 'S', Name: "a"}
	for _, wrapper := range []string{"", "b"} {
		play("the name is harmless", "1 1 Z:I", prepare("a", "SELECT 7"), prepare(wrapper, "EXECUTE a"))
		play("run as it is", "2 D:7 C:SELECT 1 Z:I", bind("", wrapper), run(""))
		play("another meaning", "1 Z:I", drop, prepare("a", evil))
		play("bound to another meaning", "E:42501 Z:I", bind("", wrapper), run(""))
		play("harmless again", "1 Z:I", drop, prepare("a", "SELECT 8"))
		play("changed between bind and execute", "E:42501 Z:I", bind("", wrapper), drop, prepare("a", evil), run(""))
		play("the end of it", "Z:I", drop, &pgproto3.Close{ObjectType: 'S', Name: wrapper})
	}
	say := func(text, want string) {
		t.Helper()
		cl.send(query(text))
		if got := cl.until('Z'); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
	// FETCH runs a portal that was bound and not executed.
	say("BEGIN", "C:BEGIN")
	play("bound to be fetched", "E:42501 Z:E", prepare("a", "SELECT 7"), prepare("b", "EXECUTE a"), bind("p", "b"))
	play("another meaning", "Z:E", drop, prepare("a", evil+" RETURNING id"))
	say("FETCH ALL FROM p", "E:")
	say("ROLLBACK", "C:ROLLBACK")
	play("all of it is gone", "Z:I", drop, &pgproto3.Close{ObjectType: 'S', Name: "b"})
	play("one executes the other", "1 1 Z:I", prepare("a", "SELECT 7"), prepare("b", "EXECUTE a"))
	for _, text := range []string{"EXECUTE b", "EXPLAIN EXECUTE b", "EXPLAIN ANALYZE EXECUTE b", "EXPLAIN CREATE TABLE t AS EXECUTE b"} {
		say(text, "E:42501 Z:I")
	}
	play("itself", "Z:I", drop, prepare("a", "EXECUTE a"))
	say("EXPLAIN EXECUTE a", "E:42501 ") // a server would run out of its stack
	if got, err := needDatabase(t).psql("app", "DELETE FROM doomed WHERE id = 37 RETURNING id"); err != nil || got != "" {
		t.Errorf("%q was written, %v", got, err)
	}
}

// A COPY that was prepared by the protocol and is run by EXECUTE takes data, too.
func TestT37_ACopyBehindANameIsACopy(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	cl.send(prepare("c", "COPY loaded FROM STDIN"), syncNow)
	cl.until('Z')
	cl.send(query("EXECUTE c"))
	if got := cl.until('G'); got != "G" {
		t.Fatal(got)
	}
	cl.send(&pgproto3.CopyData{Data: []byte("3737\tx\n")}, &pgproto3.CopyDone{}, query("SELECT 5"))
	if got := cl.until('Z') + " " + cl.until('Z'); got != "C:COPY 1 Z:I D:5 C:SELECT 1 Z:I" {
		t.Error(got)
	}
	cl.send(query("DELETE FROM loaded WHERE id = 3737"))
	cl.until('Z')
}
