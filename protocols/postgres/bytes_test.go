package postgres

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"sallyport.dev/sallyport/action"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A recorder keeps every byte that goes to the server, connection by connection.
type recorder struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *recorder) see(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf.Write(b)
}

// messages reads what was sent, from the start-up packet on.
func (r *recorder) messages(t *testing.T) []pgproto3.FrontendMessage {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	be := pgproto3.NewBackend(bytes.NewReader(r.buf.Bytes()), io.Discard)
	m, err := be.ReceiveStartupMessage()
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := m.(*pgproto3.StartupMessage); !ok || s.Parameters["user"] != "scram_ro" || len(s.Parameters) != 2 {
		t.Fatalf("%+v", m)
	}
	var all []pgproto3.FrontendMessage
	be.SetAuthType(pgproto3.AuthTypeSASL)
	for {
		switch len(all) {
		case 1:
			be.SetAuthType(pgproto3.AuthTypeSASLContinue)
		case 2:
			be.SetAuthType(pgproto3.AuthTypeOk)
		}
		m, err := be.Receive()
		if err != nil {
			return all
		}
		switch m := m.(type) {
		case *pgproto3.SASLInitialResponse, *pgproto3.SASLResponse:
			if len(all) > 1 {
				t.Fatalf("%T after the login", m)
			}
			all = append(all, m)
		case *pgproto3.Query:
			all = append(all, query(m.String))
		case *pgproto3.Parse:
			all = append(all, prepare(m.Name, m.Query))
		case *pgproto3.Bind:
			all = append(all, bind(m.DestinationPortal, m.PreparedStatement))
		case *pgproto3.Execute:
			all = append(all, run(m.Portal))
		case *pgproto3.FunctionCall:
			all = append(all, &pgproto3.FunctionCall{Function: m.Function})
		default:
			all = append(all, m)
		}
	}
}

// TestEveryByteUpstreamIsExplained holds every message that reached the server
// against a record, or the list of those that only steer.
func TestEveryByteUpstreamIsExplained(t *testing.T) {
	var rec recorder
	l := newLine(t, dropsDenied, func(l *line) { l.tap = rec.see })
	cl := l.ready(t)
	rounds := [][]pgproto3.FrontendMessage{
		{query("SELECT 1")},
		{query("DROP TABLE doomed")},
		{query("not SQL")},
		{prepare("a", "SELECT 2"), bind("", "a"), &pgproto3.Describe{ObjectType: 'P'}, run(""), &pgproto3.Flush{}, syncNow},
		{prepare("b", "DROP TABLE doomed"), bind("", "b"), run(""), query("SELECT 'skipped'"), syncNow},
		{bind("", "a"), run(""), bind("", "missing"), run(""), syncNow},
		{query("COPY loaded FROM STDIN"), &pgproto3.CopyData{Data: []byte("5\tx\n")}, &pgproto3.CopyDone{}},
		{query("DELETE FROM loaded WHERE id = 5")},
		{&pgproto3.FunctionCall{Function: 1598, Arguments: [][]byte{}, ArgFormatCodes: []uint16{}}},
		{&pgproto3.Close{ObjectType: 'S', Name: "a"}, syncNow},
	}
	for _, r := range rounds {
		cl.send(r...)
		cl.until('Z')
	}
	cl.send(&pgproto3.Terminate{})
	l.served.Wait()

	allowed := map[string]int{}
	refused := map[string]int{}
	for _, r := range l.judged {
		if r.decision.Verdict == action.Allow {
			allowed[r.act.Kind+" "+r.act.Summary]++
			continue
		}
		refused[r.act.Kind]++
	}
	take := func(key string) bool {
		allowed[key]--
		return allowed[key] >= 0
	}
	executes := 0
	for _, m := range rec.messages(t) {
		switch m := m.(type) {
		case *pgproto3.Query:
			if strings.HasPrefix(m.String, "sallyport_") {
				refused["query"]--
			} else if !take("query " + m.String) {
				t.Errorf("unexplained: %+v", m)
			}
		case *pgproto3.Parse:
			if strings.HasPrefix(m.Query, "sallyport_") {
				refused["token"]++
			} else if !take("parse " + m.Query) {
				t.Errorf("unexplained: %+v", m)
			}
		case *pgproto3.Bind:
			executes++
			if !take("execute SELECT 2") {
				t.Errorf("unexplained: %+v", m)
			}
		case *pgproto3.Execute:
			executes--
		case *pgproto3.SASLInitialResponse, *pgproto3.SASLResponse: // of the connect
		case *pgproto3.Sync, *pgproto3.Flush, *pgproto3.Describe, *pgproto3.Close, *pgproto3.Terminate: // steer
		case *pgproto3.CopyData, *pgproto3.CopyDone: // of the COPY
		default:
			t.Errorf("unexplained: %T %+v", m, m)
		}
	}
	if executes != 0 || refused["query"] != -1 || refused["token"] != refused["parse"]+refused["execute"] {
		// The refused call has a Query in its place too.
		t.Errorf("%d executes without a bind, refusals %v", executes, refused)
	}
}

func TestALargeResultStreamsAtFlatMemory(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	cl.send(query("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000)) TO STDOUT"))
	var peak uint64
	buf := make([]byte, 64<<10)
	total := 0
	for total < 100_000_000 {
		n, err := cl.conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if total += n; total%(8<<20) < n {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	if peak > 64<<20 {
		t.Errorf("%d MiB of heap", peak>>20)
	}
}

func TestARevokedStatementIsCancelled(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	cl.send(query("SELECT pg_sleep(20)"))
	await(t, "the query runs", func() bool { return len(l.find("query")) == 1 })
	await(t, "the server has it", func() bool { return needDatabase(t).backend(t, cl) != "idle" }) // a cancel of an idle server is lost
	l.find("query")[0].revoke()
	if got := cl.until('Z'); got != "E:57014 Z:I" {
		t.Error(got)
	}
	cl.send(query("SELECT 2"))
	if got := cl.until('Z'); got != "D:2 C:SELECT 1 Z:I" {
		t.Error(got)
	}
}

// What stands behind another statement when its permission ends does not run, either.
func TestARevokedStatementIsCancelledBehindAnother(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	cl.send(query("SELECT pg_sleep(20)"), query("SELECT pg_sleep(21)"))
	await(t, "both are under way", func() bool { return len(l.find("query")) == 2 })
	await(t, "the server has the first", func() bool { return needDatabase(t).backend(t, cl) != "idle" })
	l.find("query")[1].revoke()
	l.find("query")[0].revoke()
	for range 2 {
		if got := cl.until('Z'); got != "E:57014 Z:I" {
			t.Error(got)
		}
	}
	cl.send(query("SELECT 2"))
	if got := cl.until('Z'); got != "D:2 C:SELECT 1 Z:I" {
		t.Error(got)
	}
}

func TestAHangUpStopsWhatTheServerDoes(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	cl.send(query("SELECT pg_sleep(30) AS hung_up"))
	running := func(want string) bool {
		out, err := needDatabase(t).psql("app", "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%hung_up%' AND pid <> pg_backend_pid()")
		return err == nil && out == want
	}
	await(t, "the query runs", func() bool { return running("1") })
	cl.conn.Close()
	await(t, "the query is stopped", func() bool { return running("0") })
}

func TestT39_SettingsCountOnceTheyAreConfirmed(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	evil := `SELECT '\' ; DROP TABLE doomed; --'`
	cl.send(query("SET standard_conforming_strings = off"), query(evil))
	cl.until('Z')
	if got := cl.until('Z'); got != "E:42501 Z:I" {
		t.Errorf("in one packet: %s", got)
	}
	cl.send(query(evil))
	if got := cl.until('Z'); got != "E:42501 Z:I" {
		t.Errorf("afterwards: %s", got)
	}
	text := []pgproto3.FrontendMessage{prepare("", `SELECT 'a\b'`), bind("", ""), run(""), syncNow}
	cl.send(append([]pgproto3.FrontendMessage{query("SET standard_conforming_strings = on")}, text...)...)
	cl.until('Z')
	if got := cl.until('Z'); got != `1 2 D:a\b C:SELECT 1 Z:I` {
		t.Errorf("behind a barrier: %s", got)
	}
	cl.send(append([]pgproto3.FrontendMessage{prepare("", "SELECT 1"), bind("", ""), run("")}, text...)...)
	if got := cl.until('Z'); got != "1 2 D:1 C:SELECT 1 E:42501 Z:I" {
		t.Errorf("behind what may change it, without a barrier: %s", got)
	}
	cl.send(query("SET client_encoding = 'SJIS'"), query("SELECT 'é'"))
	cl.until('Z')
	if got := cl.until('Z'); got != "E:42501 Z:I" {
		t.Errorf("another encoding: %s", got)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	l := newLine(t)
	before := runtime.NumGoroutine()
	for range 20 {
		cl := l.ready(t)
		cl.send(query("SELECT 1"))
		cl.until('Z')
		cl.conn.Close()
	}
	l.served.Wait()
	await(t, "every goroutine ends", func() bool { return runtime.NumGoroutine() <= before+1 })
	if n := l.proto.ring.Len(); n != 0 {
		t.Errorf("%d entries left", n)
	}
}
