package postgres

import (
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
	l := newLine(t, func(l *line) { l.service.Session.StatementTimeout = 300 * time.Millisecond })
	cl := l.ready(t)
	cl.send(query("SELECT pg_sleep(20)"))
	if got := cl.until('Z'); got != "E:57014 Z:I" {
		t.Errorf("the server's own: %s", got)
	}
	cl.send(query("SET statement_timeout = 0"))
	if got := cl.until('Z'); got != "E:42501 Z:I" {
		t.Error(got)
	}
	cl.send(query("DO $$ BEGIN PERFORM set_config('statement_timeout', '0', false); END $$"), query("SELECT pg_sleep(20)"))
	if got := cl.until('Z'); got != "C:DO Z:I" {
		t.Fatal(got)
	}
	if got := cl.until('Z'); got != "E:57014 Z:I" {
		t.Errorf("the gateway's: %s", got)
	}
	if len(l.find("cancel")) != 1 {
		t.Error("no cancel was recorded")
	}
}

func TestIdleTimeoutEndsASession(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.IdleTimeout = 300 * time.Millisecond })
	cl := l.ready(t)
	cl.send(query("SELECT pg_sleep(0.8)"))
	if got := cl.until('Z'); !strings.HasSuffix(got, "Z:I") {
		t.Fatalf("a busy session is not idle: %s", got)
	}
	cl.send(query("BEGIN"))
	cl.until('Z')
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
