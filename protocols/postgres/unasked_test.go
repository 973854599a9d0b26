package postgres

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// asked is a text that somebody is asked about and nobody allows. What it does
// outlasts every rollback, so the server shows whether it ever ran.
const asked = "SELECT nextval('unasked')"

// TestT37_NothingUnansweredRuns sends random conversations that mix up the names of
// statements, portals and cursors, of the protocol's and of SQL's making. The text
// behind an ask reaches the server with its Parse, because only its Bind is asked
// about; whatever the names stand for at the time, it never runs.
func TestT37_NothingUnansweredRuns(t *testing.T) {
	db := needDatabase(t)
	if out, err := db.psql("app", "DROP SEQUENCE IF EXISTS unasked; CREATE SEQUENCE unasked; GRANT ALL ON SEQUENCE unasked TO PUBLIC"); err != nil {
		t.Fatal(out)
	}
	owner, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://root@127.0.0.1:%d/app?sslmode=disable", db.port))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(context.Background())
	asks := 0
	l := newLine(t, asksWrites, func(l *line) {
		no := l.settle
		l.settle = func(ctx context.Context, a *action.Action, d action.Decision) action.Decision {
			l.mu.Lock()
			asks++
			l.mu.Unlock()
			return no(ctx, a, d)
		}
	})
	for seed := range uint64(60) {
		m := &muddle{r: rand.New(rand.NewPCG(37, seed)), cl: l.ready(t)}
		for range 6 {
			if !m.round() {
				break
			}
		}
		m.cl.conn.Close()
		var called bool
		if err := owner.QueryRow(t.Context(), "SELECT is_called FROM unasked").Scan(&called); err != nil || called {
			t.Fatalf("conversation %d ran what nobody allowed: %v\n%s", seed, err, strings.Join(m.said, "\n"))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if asks == 0 {
		t.Error("nobody was ever asked")
	}
}

// A muddle is one random conversation.
type muddle struct {
	r    *rand.Rand
	cl   *client
	said []string
	ends int

	names []string
	theme []int // the texts that it keeps to
}

// round sends a few messages and waits for the answer to the last; false if the
// session is over.
func (m *muddle) round() bool {
	for range 2 + m.r.IntN(30) {
		m.send(m.message())
		if m.r.IntN(2) == 0 {
			m.send(syncNow) // what comes next is not skipped
		}
	}
	m.ends++
	end := fmt.Sprintf("end of %d", m.ends)
	m.send(syncNow)
	m.send(query([]string{"ROLLBACK", "COMMIT"}[m.r.IntN(2)]))
	m.send(query("SELECT '" + end + "'"))
	if m.cl.fe.Flush() != nil {
		return false
	}
	for {
		got, err := m.cl.fe.Receive()
		if err != nil {
			return false
		}
		if row, ok := got.(*pgproto3.DataRow); ok && len(row.Values) == 1 && bytes.Equal(row.Values[0], []byte(end)) {
			return true // its ReadyForQuery is read in the next round
		}
	}
}

func (m *muddle) send(f pgproto3.FrontendMessage) {
	m.said = append(m.said, fmt.Sprintf("%T %+v", f, f))
	m.cl.fe.Send(f)
}

func (m *muddle) of(list ...string) string { return list[m.r.IntN(len(list))] }

// name is one of two, so that they meet; some are one only to the server.
func (m *muddle) name() string {
	if m.names == nil {
		long := strings.Repeat("n", 63)
		m.names = [][]string{{"", "a"}, {"a", "b"}, {"a", "A"}, {long, long + "1"}, {long + "1", long + "2"}}[m.r.IntN(5)]
	}
	return m.of(m.names...)
}

func (m *muddle) message() pgproto3.FrontendMessage {
	switch m.r.IntN(12) {
	case 0, 1, 2:
		return prepare(m.name(), m.text())
	case 3, 4:
		return bind(m.name(), m.name())
	case 5, 6:
		return &pgproto3.Execute{Portal: m.name(), MaxRows: uint32(m.r.IntN(2))}
	case 7:
		return &pgproto3.Close{ObjectType: m.of("S", "P")[0], Name: m.name()}
	case 8:
		return &pgproto3.Describe{ObjectType: m.of("S", "P")[0], Name: m.name()}
	case 9:
		return query(m.text())
	case 10:
		return &pgproto3.Flush{}
	}
	return syncNow
}

// text is one that is asked about, one that reads, one that fails, or one that makes
// or drops a name.
func (m *muddle) text() string {
	if m.r.IntN(2) == 0 {
		return m.of(asked, "SELECT 1")
	}
	name := `"` + m.name() + `"`
	if name == `""` {
		name = "a"
	}
	all := []string{
		"SELECT 1/0", "SELECT nothing", "not SQL", "", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "SELECT 1; SELECT 2",
		"PREPARE " + name + " AS SELECT 2", "PREPARE " + name + " AS " + asked, "EXECUTE " + name, "EXECUTE " + name, "DEALLOCATE " + name,
		"SELECT 1; DEALLOCATE " + name, "DEALLOCATE " + name + "; SELECT 1/0", "DEALLOCATE ALL", "DISCARD ALL", "BEGIN; DEALLOCATE ALL; ROLLBACK",
		"DECLARE " + name + " CURSOR WITH HOLD FOR SELECT 3", "CLOSE " + name, "CLOSE ALL", "FETCH ALL FROM " + name,
		"EXPLAIN ANALYZE EXECUTE " + name, "CREATE TEMP TABLE made AS EXECUTE " + name,
	}
	if m.theme == nil {
		m.theme = m.r.Perm(len(all))[:3]
	}
	return all[m.theme[m.r.IntN(3)]]
}
