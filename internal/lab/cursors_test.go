package lab_test

import (
	"fmt"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/lab"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// peopleStay is what a reload adds to take a table away.
const peopleStay = `
rule "people stay where they are" {
  on      = [service.db]
  tables  = ["people", "public.people"]
  verdict = "deny"
}
`

// talk sends messages of the protocol and gives what came back up to ReadyForQuery:
// the rows' first columns, the errors' codes and the status of the transaction.
func talk(t *testing.T, c *pgx.Conn, messages ...pgproto3.FrontendMessage) string {
	t.Helper()
	fe := c.PgConn().Frontend()
	for _, m := range messages {
		fe.Send(m)
	}
	if err := fe.Flush(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		m, err := fe.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			got = append(got, string(m.Values[0]))
		case *pgproto3.PortalSuspended:
			got = append(got, "more")
		case *pgproto3.ErrorResponse:
			got = append(got, m.Code)
		case *pgproto3.ReadyForQuery:
			return strings.Join(append(got, string(m.TxStatus)), " ")
		}
	}
}

func say(text string) pgproto3.FrontendMessage { return &pgproto3.Query{String: text} }

// bound opens a portal under a name and takes one row of it.
func bound(name, text string) []pgproto3.FrontendMessage {
	return []pgproto3.FrontendMessage{
		&pgproto3.Parse{Query: text}, &pgproto3.Bind{DestinationPortal: name},
		&pgproto3.Execute{Portal: name, MaxRows: 1}, &pgproto3.Sync{},
	}
}

// TestT37_AReloadTakesTheRestOfTheRowsAway: rows of a statement that the rules have
// taken away since are not fetched either, however it was opened and is fetched.
func TestT37_AReloadTakesTheRestOfTheRowsAway(t *testing.T) {
	const read = "SELECT id FROM people ORDER BY id"
	more := []pgproto3.FrontendMessage{&pgproto3.Execute{Portal: "c", MaxRows: 1}, &pgproto3.Sync{}}
	fetch := []pgproto3.FrontendMessage{say("FETCH 1 FROM c")}
	l, open := valued(t)
	for _, c := range []struct {
		name        string
		open, fetch []pgproto3.FrontendMessage
		first       string // the answer to open
		next        string // to fetch, while nothing has changed
	}{
		{"bound, executed", bound("c", read), more, "1 more T", "2 more T"},
		{"bound, fetched by SQL", bound("c", read), fetch, "1 more T", "2 T"},
		{"bound, moved by SQL", bound("c", read), []pgproto3.FrontendMessage{say("MOVE 1 FROM c")}, "1 more T", "T"},
		{"bound, fetched in a pipeline", bound("c", read), bound("", "FETCH 1 FROM c"), "1 more T", "2 more T"},
		{"declared, fetched by SQL", []pgproto3.FrontendMessage{say("DECLARE c CURSOR FOR " + read)}, fetch, "T", "1 T"},
		{"declared, executed", []pgproto3.FrontendMessage{say("DECLARE c CURSOR FOR " + read)}, more, "T", "1 more T"},
		{"declared in a pipeline", bound("", "DECLARE c CURSOR FOR "+read), fetch, "T", "1 T"},
		{"declared anew behind a CLOSE", anew("c", read), fetch, "T", "1 T"},
		{"declared to stay", []pgproto3.FrontendMessage{say("DECLARE c CURSOR WITH HOLD FOR " + read + "; COMMIT; BEGIN")}, fetch, "T", "1 T"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, after := range []string{"", peopleStay} {
				conn := open("")
				talk(t, conn, say("BEGIN"))
				if got := talk(t, conn, c.open...); got != c.first {
					t.Fatalf("opened: %s, want %s", got, c.first)
				}
				l.Reload(valuesJob + after + elsewhere(after))
				want, end := c.next, "T"
				if after != "" {
					want, end = "42501 E", "E"
				}
				if got := talk(t, conn, c.fetch...); got != want {
					t.Errorf("after %q: %s, want %s", after, got, want)
				}
				if got, want := talk(t, conn, say("SELECT 7")), map[string]string{"T": "7 T", "E": "25P02 E"}[end]; got != want {
					t.Errorf("behind it: %s, want %s", got, want)
				}
				if got := talk(t, conn, say("ROLLBACK")) + " " + talk(t, conn, say("SELECT 7")); got != "I 7 I" {
					t.Errorf("the end: %s", got)
				}
				l.Reload(valuesJob)
			}
		})
	}
	t.Run("between Bind and Execute of a FETCH", func(t *testing.T) { fetchedLate(t, l, open("")) })
}

// TestT37_AReloadAsksForTheRestOfTheRows: what the rules would ask about by now is
// asked about once, whoever opened the cursor, and again after a change of the terms.
func TestT37_AReloadAsksForTheRestOfTheRows(t *testing.T) {
	const read = "SELECT id FROM people ORDER BY id"
	asks := valuesJob + strings.ReplaceAll(peopleStay, `"deny"`, `"ask"`)
	more := []pgproto3.FrontendMessage{&pgproto3.Execute{Portal: "c", MaxRows: 1}, &pgproto3.Sync{}}
	fetch := []pgproto3.FrontendMessage{say("FETCH 1 FROM c")}
	l, open := valued(t)
	for _, c := range []struct {
		name        string
		open, fetch []pgproto3.FrontendMessage
		next        [3]string // the answers to fetch
	}{
		{"bound, fetched by SQL", bound("c", read), fetch, [3]string{"2 T", "T", "T"}},
		{"declared, fetched by SQL", []pgproto3.FrontendMessage{say("DECLARE c CURSOR FOR " + read)}, fetch, [3]string{"1 T", "2 T", "T"}},
		{"declared, executed", []pgproto3.FrontendMessage{say("DECLARE c CURSOR FOR " + read)}, more, [3]string{"1 more T", "2 more T", "T"}},
		{"declared in a pipeline", bound("", "DECLARE c CURSOR FOR "+read), fetch, [3]string{"1 T", "2 T", "T"}},
		{"declared to stay", []pgproto3.FrontendMessage{say("DECLARE c CURSOR WITH HOLD FOR " + read + "; COMMIT; BEGIN")}, fetch, [3]string{"1 T", "2 T", "T"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer l.Reload(valuesJob)
			conn := open("")
			talk(t, conn, say("BEGIN"))
			talk(t, conn, c.open...)
			l.Reload(asks)
			if got := answered(t, l, conn, true, c.fetch...); got != c.next[0] {
				t.Errorf("with a yes: %s, want %s", got, c.next[0])
			}
			if got := talk(t, conn, c.fetch...); got != c.next[1] {
				t.Errorf("after it: %s, want %s", got, c.next[1])
			}
			l.Reload(asks + elsewhere(""))
			if got := talk(t, conn, c.fetch...); got != c.next[2] {
				t.Errorf("after a change elsewhere: %s, want %s", got, c.next[2])
			}
			talk(t, conn, say("ROLLBACK"))
		})
	}
	t.Run("with a no", func(t *testing.T) {
		defer l.Reload(valuesJob)
		conn := open("")
		talk(t, conn, say("BEGIN"))
		talk(t, conn, say("DECLARE c CURSOR FOR "+read))
		l.Reload(asks)
		answered(t, l, conn, true, fetch...)
		l.Reload(strings.ReplaceAll(asks, "stay where they are", "are asked about"))
		if got := answered(t, l, conn, false, fetch...); got != "42501 E" {
			t.Error(got)
		}
	})
	t.Run("asked about from the start", func(t *testing.T) {
		l.Reload(asks)
		defer l.Reload(valuesJob)
		conn := open("")
		talk(t, conn, say("BEGIN"))
		if got := answered(t, l, conn, true, say("DECLARE c CURSOR FOR "+read)); got != "T" {
			t.Fatal(got)
		}
		for _, change := range []string{"", elsewhere("")} {
			l.Reload(asks + change)
			if got := talk(t, conn, fetch...); got == "42501 E" {
				t.Errorf("after %q: %s", change, got)
			}
		}
	})
}

// answered sends messages of which somebody is asked, and answers for them.
func answered(t *testing.T, l *lab.Lab, c *pgx.Conn, yes bool, messages ...pgproto3.FrontendMessage) string {
	t.Helper()
	got := make(chan string, 1)
	go func() { got <- talk(t, c, messages...) }()
	l.Answer(yes)
	return <-got
}

// anew binds a DECLARE while there is such a cursor and executes it when that is closed.
func anew(name, text string) []pgproto3.FrontendMessage {
	run := func(text string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{&pgproto3.Parse{Query: text}, &pgproto3.Bind{}, &pgproto3.Execute{}}
	}
	declare := "DECLARE " + name + " CURSOR FOR " + text
	all := append(run(declare), &pgproto3.Parse{Query: declare}, &pgproto3.Bind{DestinationPortal: "later"})
	return append(append(all, run("CLOSE "+name)...), &pgproto3.Execute{Portal: "later"}, &pgproto3.Sync{})
}

// elsewhere is a change of the rules that says nothing about people.
func elsewhere(unless string) string {
	if unless != "" {
		return ""
	}
	return strings.ReplaceAll(strings.ReplaceAll(peopleStay, "people", "nobody"), "stay", "stays")
}

func fetchedLate(t *testing.T, l *lab.Lab, c *pgx.Conn) {
	talk(t, c, say("BEGIN"))
	talk(t, c, say("DECLARE c CURSOR FOR SELECT id FROM people"))
	if got := talk(t, c, &pgproto3.Parse{Query: "FETCH 1 FROM c"}, &pgproto3.Bind{DestinationPortal: "f"}, &pgproto3.Sync{}); got != "T" {
		t.Fatal(got)
	}
	l.Reload(valuesJob + peopleStay)
	defer l.Reload(valuesJob)
	if got := talk(t, c, &pgproto3.Execute{Portal: "f"}, &pgproto3.Sync{}); got != "42501 E" {
		t.Error(got)
	}
}

// A cursor's name is free again once it is closed, and so is the room for it.
func TestAClosedCursorIsForgotten(t *testing.T) {
	l, open := valued(t)
	c := open("")
	for i := range 1100 { // more than may be open
		got := talk(t, c, say(fmt.Sprintf("DECLARE c%d CURSOR WITH HOLD FOR SELECT id FROM people", i)))
		got += talk(t, c, say(fmt.Sprintf("CLOSE c%d", i)))
		if got != "II" {
			t.Fatalf("cursor %d: %s", i, got)
		}
	}
	talk(t, c, say("DECLARE c CURSOR WITH HOLD FOR SELECT id FROM people"))
	talk(t, c, say("CLOSE ALL"))
	talk(t, c, say("DECLARE c CURSOR WITH HOLD FOR SELECT 7"))
	l.Reload(valuesJob + peopleStay)
	if got := talk(t, c, say("FETCH c")); got != "7 I" {
		t.Error(got)
	}
	last := ""
	for i := range 1100 {
		if last = talk(t, c, say(fmt.Sprintf("DECLARE d%d CURSOR WITH HOLD FOR SELECT 1", i))); last != "I" {
			break
		}
	}
	if last != "54000 I" {
		t.Errorf("open without end: %s", last)
	}
}
