package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestMaxRowsCutsAResult(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.MaxRows = 10 })
	cl := l.ready(t)
	for _, c := range []struct {
		send []pgproto3.FrontendMessage
		want string
	}{
		{[]pgproto3.FrontendMessage{query("SELECT 1 FROM generate_series(1, 10)")}, "C:SELECT 10 Z:I"},
		{[]pgproto3.FrontendMessage{query("SELECT 1 FROM generate_series(1, 11)")}, "E:54000 Z:I"},
		{[]pgproto3.FrontendMessage{query("SELECT 1 FROM generate_series(1, 3000000)")}, "E:54000 Z:I"},
		{[]pgproto3.FrontendMessage{query("SELECT 1 FROM generate_series(1, 11); SELECT 2")}, "E:54000 Z:I"},
		{[]pgproto3.FrontendMessage{query("COPY users TO STDOUT")}, "E:54000 Z:I"},
		{[]pgproto3.FrontendMessage{prepare("", "SELECT 1 FROM generate_series(1, 11)"), bind("", ""), run(""), syncNow}, "E:54000 Z:I"},
		{[]pgproto3.FrontendMessage{prepare("", "SELECT 1 FROM generate_series(1, 3000000)"), bind("", ""), run(""), syncNow}, "E:54000 Z:I"},
		{[]pgproto3.FrontendMessage{query("SELECT 7")}, "D:7 C:SELECT 1 Z:I"},
	} {
		cl.send(c.send...)
		got := cl.until('Z')
		if !strings.HasSuffix(got, c.want) {
			t.Errorf("%v: %s", c.send, got)
		}
		if n := strings.Count(got, "D:"); n > 10 {
			t.Errorf("%v: %d rows", c.send, n)
		}
	}
}

func TestMaxRowsCountsAPortalAsOne(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.MaxRows = 10 })
	cl := l.ready(t)
	piece := &pgproto3.Execute{Portal: "p", MaxRows: 8}
	cl.send(query("BEGIN"), prepare("", "SELECT 1 FROM generate_series(1, 100)"), bind("p", ""), piece, syncNow, piece, syncNow)
	cl.until('Z')
	cl.until('Z')
	if got := cl.until('Z'); !strings.Contains(got, "E:54000") {
		t.Error(got)
	}
}

func TestMaxBytesCutsAResult(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.MaxBytes = 1 << 20 })
	cl := l.ready(t)
	cl.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)"))
	if got := cl.until('Z'); !strings.HasSuffix(got, "E:54000 Z:I") || strings.Count(got, "D") > 1100 {
		t.Errorf("%d rows, %s", strings.Count(got, "D"), got[max(0, len(got)-20):])
	}
	cl.send(query("SELECT repeat('x', 2000000)"))
	if got := cl.until('Z'); got != "E:54000 Z:I" {
		t.Error(got)
	}
}

func TestReadOnlyBindsBeforeRules(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.ReadOnly = true })
	cl := l.ready(t)
	for _, c := range []struct{ sql, want string }{
		{"SELECT 7", "D:7 C:SELECT 1 Z:I"},
		{"BEGIN", "C:BEGIN Z:T"},
		{"COMMIT", "C:COMMIT Z:I"},
		{"DELETE FROM doomed WHERE id = 1", "E:25006 Z:I"},
		{"SET default_transaction_read_only = off", "E:42501 Z:I"},
		{"BEGIN READ WRITE", "E:25006 Z:I"},
		{"SHOW default_transaction_read_only", "D:on C:SHOW Z:I"},
	} {
		cl.send(query(c.sql))
		if got := cl.until('Z'); got != c.want {
			t.Errorf("%s: %s, want %s", c.sql, got, c.want)
		}
	}
}

func TestStatementTimeoutHoldsWhateverTheAgentSets(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.StatementTimeout = time.Second })
	cl := l.ready(t)
	// quick says something that takes no time, again where this machine took it.
	quick := func(text string) (got string) {
		for range 5 {
			cl.send(query(text))
			if got = cl.until('Z'); got != "E:57014 Z:I" {
				break
			}
		}
		return got
	}
	cl.send(query("SELECT pg_sleep(60)"))
	if got := cl.until('Z'); got != "E:57014 Z:I" {
		t.Errorf("the server's own: %s", got)
	}
	if got := quick("SET statement_timeout = 0"); got != "E:42501 Z:I" {
		t.Error(got)
	}
	if got := quick("DO $$ BEGIN PERFORM set_config('statement_timeout', '0', false); END $$"); got != "C:DO Z:I" {
		t.Fatal(got)
	}
	before := len(l.find("cancel")) // one may have been ahead of the server's own
	cl.send(query("SELECT pg_sleep(60)"))
	if got := cl.until('Z'); got != "E:57014 Z:I" {
		t.Errorf("the gateway's: %s", got)
	}
	if len(l.find("cancel")) == before {
		t.Error("no cancel was recorded")
	}
}

func TestIdleTimeoutEndsASession(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.IdleTimeout = time.Second })
	cl := l.straight(t, query("SELECT pg_sleep(2)"), query("BEGIN"))
	if got := cl.until('Z'); !strings.HasSuffix(got, "Z:I") {
		t.Fatalf("a busy session is not idle: %s", got)
	}
	if got := cl.until('Z'); got != "C:BEGIN Z:T" {
		t.Error(got)
	}
	if got := cl.until('E'); got != "E:57P05" {
		t.Error(got)
	}
}

func TestMaxConnectionsPerAgent(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.MaxConnections = 2 })
	a := l.ready(t)
	l.ready(t)
	if got := l.open(t).until('E'); got != "E:53300" {
		t.Error(got)
	}
	other := newLine(t, func(o *line) { o.proto, o.agent, o.service.Session.MaxConnections = l.proto, "agent-2", 2 })
	other.ready(t)
	a.send(&pgproto3.Terminate{})
	await(t, "a seat is free", func() bool {
		got := l.open(t).until('Z')
		return strings.HasSuffix(got, "Z:I")
	})
}

// TestLimitsOfACopyIn: the COPY fails as a whole, and the session goes on.
func TestLimitsOfACopyIn(t *testing.T) {
	data := func(s string) *pgproto3.CopyData { return &pgproto3.CopyData{Data: []byte(s)} }
	done := &pgproto3.CopyDone{}
	row := strings.Repeat("x", 1000)
	rows := func(n int) []pgproto3.FrontendMessage {
		list := make([]pgproto3.FrontendMessage, n)
		for i := range list {
			list[i] = data(fmt.Sprintf("%d\t%s\n", i, row))
		}
		return list
	}
	binary := "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x00\x01\x00\x00\x00\x04\x00\x00\x00\x07", 11) + "\xff\xff"
	const in = "COPY loaded FROM STDIN"
	for _, c := range []struct {
		name       string
		rows       int64
		bytes      int64
		sql        string
		data       []pgproto3.FrontendMessage
		end        []pgproto3.FrontendMessage
		want, left string
	}{
		{"ten rows", 10, 0, in, rows(10), nil, "C:COPY 10 Z:I", "10"},
		{"eleven rows", 10, 0, in, rows(11), nil, "E:54000 Z:I", "0"},
		{"eleven rows at once", 10, 0, in, []pgproto3.FrontendMessage{data(strings.Repeat("1\tx\n", 11))}, nil, "E:54000 Z:I", "0"},
		{"many more", 10, 0, in, rows(3000), nil, "E:54000 Z:I", "0"},
		{"rows in pieces", 10, 0, in, []pgproto3.FrontendMessage{data("1\ta\n2\t"), data("b"), data("\n")}, nil, "C:COPY 2 Z:I", "2"},
		{"the last line has no end", 1, 0, in, []pgproto3.FrontendMessage{data("1\ta\n2\tb")}, nil, "E:54000 Z:I", "0"},
		{"eleven binary rows", 10, 0, "COPY loaded (id) FROM STDIN BINARY", []pgproto3.FrontendMessage{data(binary)}, nil, "E:54000 Z:I", "0"},
		{"eleven binary rows are within", 11, 0, "COPY loaded (id) FROM STDIN BINARY", []pgproto3.FrontendMessage{data(binary)}, nil, "C:COPY 11 Z:I", "11"},
		{"few bytes", 0, 100_000, in, rows(50), nil, "C:COPY 50 Z:I", "50"},
		{"too many bytes", 0, 100_000, in, rows(500), nil, "E:54000 Z:I", "0"},
		{"in one message", 0, 100_000, in, []pgproto3.FrontendMessage{data("1\t" + strings.Repeat("x", 200_000) + "\n")}, nil, "E:54000 Z:I", "0"},
		{"the agent gives up", 0, 100_000, in, rows(5), []pgproto3.FrontendMessage{&pgproto3.CopyFail{Message: "no"}}, "E:57014 Z:I", "0"},
		{"bad data", 10, 0, in, []pgproto3.FrontendMessage{data("a\tb\n"), data(strings.Repeat("1\tx\n", 30))}, nil, "E:22P02 Z:I", "0"},
	} {
		for _, way := range []string{"simple", "extended"} {
			t.Run(c.name+" "+way, func(t *testing.T) {
				l := newLine(t, func(l *line) { l.service.Session.MaxRows, l.service.Session.MaxBytes = c.rows, c.bytes })
				db := needDatabase(t)
				if out, err := db.psql("app", "TRUNCATE loaded"); err != nil {
					t.Fatal(out)
				}
				cl := l.ready(t)
				if way == "simple" {
					cl.send(query(c.sql))
				} else {
					cl.send(prepare("", c.sql), bind("", ""), run(""))
				}
				if got := cl.until('G'); !strings.HasSuffix(got, "G") {
					t.Fatal(got)
				}
				end := c.end
				if end == nil {
					end = []pgproto3.FrontendMessage{done}
				}
				if way == "extended" {
					end = append(end, syncNow)
				}
				cl.send(c.data...)
				cl.send(end...)
				// Bad data and too many at once: whichever the server meets first.
				if got := cl.until('Z'); got != c.want && !(c.name == "bad data" && got == "E:54000 Z:I") {
					t.Errorf("%s, want %s", got, c.want)
				}
				cl.send(query("SELECT count(*) FROM loaded"))
				if got := cl.until('Z'); got != "D:"+c.left+" C:SELECT 1 Z:I" {
					t.Errorf("left: %s, want %s", got, c.left)
				}
				code := "54000"
				if !strings.Contains(c.want, code) {
					return
				}
				if got := append(l.find("execute"), l.find("query")...)[0].result; got.Status != code || !got.Failed {
					t.Errorf("recorded: %+v", got)
				}
			})
		}
	}
}

// TestALimitInOneCopyOfSeveral: the whole query fails, in a transaction too.
func TestALimitInOneCopyOfSeveral(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.MaxRows = 2 })
	if out, err := needDatabase(t).psql("app", "TRUNCATE loaded"); err != nil {
		t.Fatal(out)
	}
	cl := l.ready(t)
	one := &pgproto3.CopyData{Data: []byte("1\tx\n")}
	cl.send(query("COPY loaded FROM STDIN; COPY loaded FROM STDIN; SELECT 1"))
	cl.until('G')
	cl.send(one, one, &pgproto3.CopyDone{})
	cl.until('G')
	cl.send(one, one, one, &pgproto3.CopyDone{})
	if got := cl.until('Z'); got != "E:54000 Z:I" {
		t.Error(got)
	}
	cl.send(query("BEGIN"), query("COPY loaded FROM STDIN"))
	cl.until('G')
	cl.send(one, one, one, one, one)
	if got := cl.until('Z'); got != "E:54000 Z:E" {
		t.Error(got)
	}
	cl.send(one, &pgproto3.CopyDone{}, query("ROLLBACK"), query("SELECT count(*) FROM loaded"))
	cl.until('Z')
	if got := cl.until('Z'); got != "D:0 C:SELECT 1 Z:I" {
		t.Error(got)
	}
}

// TestAStalledCopyInIsIdle: it holds locks, and nothing happens.
func TestAStalledCopyInIsIdle(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.IdleTimeout = time.Second })
	cl := l.straight(t, query("COPY loaded FROM STDIN"), &pgproto3.CopyData{Data: []byte("1\tx\n")})
	if got := cl.until('E'); got != "G E:57P05" {
		t.Error(got)
	}
	await(t, "the lock is given back", func() bool { return !needDatabase(t).locked(t, "loaded") })
}

// TestAnAgentThatDoesNotListenIsIdle: the server would keep its snapshot for ever.
func TestAnAgentThatDoesNotListenIsIdle(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.IdleTimeout = time.Second })
	cl := l.straight(t, query("SELECT repeat('x', 10000) FROM generate_series(1, 1000000)"))
	await(t, "the server's session ends", func() bool { return needDatabase(t).backend(t, cl) == "gone" })
	await(t, "the session ends", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.serves) == 1 && errors.Is(l.serves[0], errIdle)
	})
}

// TestSettingsOfTheServiceStay: what gives back the start gives back the limits.
func TestSettingsOfTheServiceStay(t *testing.T) {
	l := newLine(t, func(l *line) {
		s := &l.service.Session
		s.ReadOnly, s.StatementTimeout, s.LockTimeout, s.IdleTimeout = true, 30*time.Second, 5*time.Second, time.Minute
	})
	for _, lift := range []string{
		"RESET ALL", "DISCARD ALL", "RESET statement_timeout", "SET lock_timeout TO DEFAULT", "SET statement_timeout = '1s'; RESET ALL",
		"RESET default_transaction_read_only", "BEGIN; SET LOCAL lock_timeout = '1s'; COMMIT",
	} {
		cl := l.ready(t)
		cl.send(query(lift))
		if got := cl.until('Z'); !strings.HasSuffix(got, "Z:I") || strings.Contains(got, "E:") {
			t.Errorf("%s: %s", lift, got)
		}
		for name, want := range map[string]string{
			"default_transaction_read_only": "on", "transaction_read_only": "on", "statement_timeout": "30s", "lock_timeout": "5s",
			"idle_in_transaction_session_timeout": "150s",
		} {
			cl.send(query("SHOW " + name))
			if got := cl.until('Z'); got != "D:"+want+" C:SHOW Z:I" {
				t.Errorf("%s: %s is %s, want %s", lift, name, got, want)
			}
		}
	}
}
