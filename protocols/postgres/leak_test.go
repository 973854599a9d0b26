package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/statement"

	"github.com/jackc/pgx/v5/pgproto3"
)

// usersStay refuses whatever reads the table users, and what no rule may allow.
func usersStay(l *line) {
	l.decide = func(a *action.Action) action.Decision {
		for _, p := range a.Parts {
			s := statement.Shape(p)
			if s == nil {
				continue
			}
			for _, table := range s.Tables {
				if strings.Contains(table, "users") {
					return action.Decision{Rule: "users-stay", Reason: "No."}
				}
			}
		}
		return action.Decision{Verdict: action.Allow}
	}
}

// heard gives every message up to ReadyForQuery, as a driver would see it, without
// the number of the action.
func (c *client) heard() string {
	c.t.Helper()
	var all []string
	for {
		m, err := c.fe.Receive()
		if err != nil {
			return strings.Join(append(all, err.Error()), "\n")
		}
		if e, ok := m.(*pgproto3.ErrorResponse); ok {
			e.Detail, _, _ = strings.Cut(e.Detail, "action id: ")
			all = append(all, fmt.Sprintf("%+v", *e))
			continue
		}
		all = append(all, fmt.Sprintf("%T %+v", m, m))
		if _, ok := m.(*pgproto3.ReadyForQuery); ok {
			return strings.Join(all, "\n")
		}
	}
}

// TestT37_ARefusalTellsNothing: whether what was refused is there, what its columns
// are called and whether its values fit shows neither in the error nor in what is
// described of it.
func TestT37_ARefusalTellsNothing(t *testing.T) {
	l := newLine(t, usersStay)
	cl := l.ready(t)
	there := []string{
		"SELECT name FROM users", "SELECT id FROM users", "SELECT name::int FROM users", "SELECT 1/(SELECT count(*) FROM users)", "UPDATE users SET name = 'x' WHERE id = 1",
	}
	gone := []string{
		"SELECT name FROM users_not", "SELECT not_a_column FROM users", "SELECT 1/0 FROM nothing_users", "SELECT f(1) FROM no.users", "SELECT name FROM users WHERE id = 'x'",
	}
	ask := func(text string) (simple, described string) {
		cl.send(query(text))
		simple = cl.heard()
		cl.send(prepare("leak", text), &pgproto3.Describe{ObjectType: 'S', Name: "leak"}, bind("leak", "leak"),
			&pgproto3.Describe{ObjectType: 'P', Name: "leak"}, run("leak"), syncNow)
		return simple, cl.heard()
	}
	simple, described := ask(there[0])
	for _, answer := range []string{simple, described} {
		if strings.Contains(answer, "RowDescription") || strings.Contains(answer, "ParameterDescription") || strings.Count(answer, "\n") != 1 {
			t.Errorf("more than an error: %s", answer)
		}
	}
	for _, text := range append(there, gone...) {
		s, d := ask(text)
		if s != simple || d != described {
			t.Errorf("%s is told apart:\n%s\n%s\nwant\n%s\n%s", text, s, d, simple, described)
		}
	}
	// What stands behind the refusal is not there either.
	cl.send(&pgproto3.Describe{ObjectType: 'S', Name: "leak"}, syncNow)
	if got := cl.heard(); !strings.Contains(got, "26000") {
		t.Errorf("a refused statement is described: %s", got)
	}
}

// TestT53_TheLargestMessages: as many parameters and as long a text as the protocol
// and the gateway take are judged like any other, and one more is refused in words.
func TestT53_TheLargestMessages(t *testing.T) {
	l := newLine(t, func(l *line) {
		l.decide = func(a *action.Action) action.Decision {
			for _, p := range a.Parts {
				if p.Effects&action.EffectDestructive != 0 {
					return action.Decision{Rule: "no-drop"}
				}
			}
			return action.Decision{Verdict: action.Allow}
		}
	})
	cl := l.ready(t)
	cl.conn.SetDeadline(time.Now().Add(5 * time.Minute)) // a race build on a busy machine takes its time
	const most = 65_535
	oids := make([]uint32, most)
	values := make([][]byte, most)
	for i := range oids {
		oids[i], values[i] = 23, []byte("7")
	}
	bound := func(text string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: text, ParameterOIDs: oids}, &pgproto3.Bind{Parameters: values}, run(""), syncNow,
		}
	}
	cl.send(bound("SELECT $1 + $65535")...)
	if got := cl.until('Z'); got != "1 2 D:14 C:SELECT 1 Z:I" {
		t.Errorf("65,535 parameters: %s", got)
	}
	cl.send(bound("DROP TABLE doomed /* $1 */")...)
	if got := cl.until('Z'); got != "E:42501 Z:I" {
		t.Errorf("65,535 parameters of what is denied: %s", got)
	}
	fill := func(text string, size int) string { return text + strings.Repeat(" ", size-len(text)) }
	for _, c := range []struct {
		text string
		want string
	}{
		{fill("SELECT 5", maxText-1), "D:5 C:SELECT 1 Z:I"},
		{fill("DROP TABLE doomed", maxText-1), "E:42501 Z:I"},
		{fill("SELECT 5", maxText), "E:54000 Z:I"},
		{fill("DROP TABLE doomed", 3*maxText), "E:54000 Z:I"},
		{"SELECT 5;" + strings.Repeat(" ", maxText-100) + "; DROP TABLE doomed", "E:42501 Z:I"},
		{strings.Repeat("(", 100_000) + "SELECT 5" + strings.Repeat(")", 100_000), "E:42501 Z:I"},
	} {
		cl.send(query(c.text))
		if got := cl.until('Z'); got != c.want {
			t.Errorf("%.20q… of %d bytes: %s, want %s", c.text, len(c.text), got, c.want)
		}
	}
	if out, err := needDatabase(t).psql("app", "SELECT count(*) FROM doomed"); err != nil {
		t.Errorf("the table is gone: %s", out)
	}
}

// TestT37_AnAskedTextIsNotRunToBeDescribed: what is asked about is parsed and may be
// described, because drivers do that first; nothing of it is carried out by that.
func TestT37_AnAskedTextIsNotRunToBeDescribed(t *testing.T) {
	l := newLine(t, asksWrites)
	cl := l.ready(t)
	cl.send(prepare("w", "INSERT INTO doomed SELECT 53 RETURNING id"), &pgproto3.Describe{ObjectType: 'S', Name: "w"}, syncNow)
	if got := cl.heard(); !strings.Contains(got, "RowDescription") {
		t.Errorf("drivers describe before they bind: %s", got)
	}
	cl.send(bind("p", "w"), &pgproto3.Describe{ObjectType: 'P', Name: "p"}, run("p"), syncNow)
	if got := cl.heard(); strings.Contains(got, "RowDescription") || !strings.Contains(got, "42501") {
		t.Errorf("refused at its Bind: %s", got)
	}
	c := l.connect(t, "")
	if _, err := c.Prepare(context.Background(), "v", "INSERT INTO doomed SELECT 54 RETURNING id"); err != nil {
		t.Errorf("pgx prepares it: %v", err)
	}
	if got, err := needDatabase(t).psql("app", "DELETE FROM doomed WHERE id IN (53, 54) RETURNING id"); err != nil || got != "" {
		t.Errorf("%q was written, %v", got, err)
	}
}
