package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"

	"github.com/jackc/pgx/v5/pgproto3"
)

// settled checks what must hold after every fault: each action that was begun has
// its one closed record (the line's own end checks that), nothing is left running,
// and nobody can cancel the session any more.
func (l *line) settled(t *testing.T, goroutines int) {
	t.Helper()
	l.served.Wait()
	await(t, "every goroutine ends", func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := l.proto.ring.Len(); n != 0 {
		t.Errorf("%d sessions can still be cancelled", n)
	}
	for _, r := range l.find("query") {
		if !r.done {
			t.Errorf("the record of %s is open", r.act.Summary)
		}
	}
}

// ending is a server that logs anybody in and answers the first query with bytes.
func ending(said []byte, reset bool) func(net.Conn) {
	return func(c net.Conn) {
		hearStartUp(c)
		say(c, &pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"},
			&pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte("keys")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		hear(c)
		c.Write(said)
		if reset {
			c.(*net.TCPConn).SetLinger(0)
		}
	}
}

// TestTheServerDiesInTheMiddleOfAResult: the agent gets what was whole, hears why
// that is all where a message can still be said, and never half a message with
// something else behind it.
func TestTheServerDiesInTheMiddleOfAResult(t *testing.T) {
	row, err := (&pgproto3.DataRow{Values: [][]byte{[]byte("value")}}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	head, err := (&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("a")}}}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := append(head, bytes.Repeat(row, 3)...)
	large := append([]byte{'D', 0, 0x10, 0, 0}, make([]byte, 300<<10)...) // a third of a row of a megabyte
	frame := func(typ byte, length ...byte) []byte { return append([]byte{typ}, length...) }
	for _, c := range []struct {
		name  string
		said  []byte
		reset bool
		want  string
	}{
		{"between two rows", rows, false, "D:value D:value D:value E:08006"},
		{"within a header", append(bytes.Clone(rows), 'D', 0), false, "D:value D:value D:value E:08006"},
		{"within a row", append(bytes.Clone(rows), row[:len(row)-2]...), false, "D:value D:value D:value end: unexpected EOF"},
		{"within a large row", append(bytes.Clone(rows), large...), false, "D:value D:value D:value end: unexpected EOF"},
		{"by a reset", nil, true, "E:08006"},
		{"before the result", nil, false, "E:08006"},
		{"with a length of 0", append(bytes.Clone(rows), frame('D', 0, 0, 0, 0)...), false, "D:value D:value D:value E:08006"},
		{"with a length of 3", append(bytes.Clone(rows), frame('D', 0, 0, 0, 3)...), false, "D:value D:value D:value E:08006"},
		{"with a length of 2^31", append(bytes.Clone(rows), frame('D', 0x80, 0, 0, 0)...), false, "D:value D:value D:value E:08006"},
		{"with a message of no kind", append(bytes.Clone(rows), frame('?', 0, 0, 0, 4)...), false, "D:value D:value D:value E:08006"},
		{"with a ready of no state", frame('Z', 0, 0, 0, 4), false, "E:08006"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLineTo(t, scripted(t, ending(c.said, c.reset)), nil, plaintext, as(""))
			before := runtime.NumGoroutine()
			cl := l.ready(t)
			cl.send(query("SELECT a FROM t"))
			got := cl.until('E')
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if rest, err := io.ReadAll(cl.conn); len(rest) > 0 && err == nil {
				t.Errorf("behind the end: %q", rest)
			}
			l.settled(t, before)
			r := l.find("query")
			if len(r) != 1 || !r[0].result.Failed || r[0].result.Err == "" {
				t.Fatalf("records %+v", r)
			}
			want := int64(strings.Count(c.want, "D:"))
			if strings.Contains(c.name, "within a") && strings.Contains(c.name, "row") {
				want++ // the row that was begun
			}
			if r[0].result.Rows != want {
				t.Errorf("%d rows are recorded, want %d", r[0].result.Rows, want)
			}
			if len(l.serves) != 1 || l.serves[0] == nil {
				t.Errorf("the session ended with %v", l.serves)
			}
		})
	}
}

// TestASessionIsTerminatedInTheMiddleOfAResult ends the real server's end.
func TestASessionIsTerminatedInTheMiddleOfAResult(t *testing.T) {
	db := needDatabase(t)
	l := newLine(t)
	before := runtime.NumGoroutine()
	cl := l.ready(t)
	cl.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"))
	if _, err := io.CopyN(io.Discard, cl.conn, 1<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := db.psql("app", fmt.Sprintf("SELECT pg_terminate_backend(%d)", cl.key.ProcessID)); err != nil {
		t.Fatal(out)
	}
	// A server that is stuck in a row says nothing more; any other says 57P01.
	if rest, err := io.ReadAll(cl.conn); err != nil || len(rest) > 900<<20 {
		t.Errorf("%d bytes more, %v", len(rest), err)
	}
	l.settled(t, before)
	if r := l.find("query"); len(r) != 1 || !r[0].result.Failed || r[0].result.Rows < 1000 {
		t.Errorf("records %+v", r)
	}
}

// TestTheAgentDiesInTheMiddleOfAResult: what it had is recorded, and the server is
// told to stop.
func TestTheAgentDiesInTheMiddleOfAResult(t *testing.T) {
	db := needDatabase(t)
	for _, c := range []struct {
		name        string
		reset, late bool
	}{{"closed", false, false}, {"reset", true, false}, {"noticed late", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(t, func(l *line) {
				if c.late {
					l.wrap = func(c net.Conn) net.Conn { return late{c, make(chan struct{})} }
				}
			})
			before := runtime.NumGoroutine()
			cl := l.ready(t)
			cl.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 10000000)"))
			if _, err := io.CopyN(io.Discard, cl.conn, 1<<20); err != nil {
				t.Fatal(err)
			}
			if c.reset {
				cl.conn.(*net.TCPConn).SetLinger(0)
			}
			cl.conn.Close()
			l.settled(t, before)
			await(t, "the server's end is gone", func() bool {
				out, err := db.psql("app", fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", cl.key.ProcessID))
				return err == nil && out == "0"
			})
			if r := l.find("query"); len(r) != 1 || !r[0].result.Failed || r[0].result.Rows < 1000 || r[0].result.Received < 1<<20 {
				t.Errorf("records %+v", r)
			}
		})
	}
}

// late is a connection whose writer goes on, when it has failed, only after its session
// has given it up.
type late struct {
	net.Conn
	over chan struct{}
}

func (l late) SetWriteDeadline(at time.Time) error {
	if at.Equal(longAgo) {
		close(l.over)
	}
	return l.Conn.SetWriteDeadline(at)
}

func (l late) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	if err == nil {
		return n, nil
	}
	select {
	case <-l.over:
		time.Sleep(100 * time.Millisecond)
	case <-time.After(30 * time.Second): // the test will tell
	}
	return n, err
}

// TestTheAgentDiesInTheMiddleOfACopy: the server takes nothing of it, and nothing
// is left of the session.
func TestTheAgentDiesInTheMiddleOfACopy(t *testing.T) {
	db := needDatabase(t)
	half := []byte{'d', 0, 1, 0, 0, '9'} // the beginning of 64 kB
	for _, c := range []struct {
		name string
		way  []pgproto3.FrontendMessage // to a COPY
		kind string
		half bool
	}{
		{"simple", []pgproto3.FrontendMessage{query("COPY loaded FROM STDIN")}, "query", false},
		{"simple, within a message", []pgproto3.FrontendMessage{query("COPY loaded FROM STDIN")}, "query", true},
		{"extended", []pgproto3.FrontendMessage{prepare("", "COPY loaded FROM STDIN"), bind("", ""), run("")}, "execute", false},
		{"extended, within a message", []pgproto3.FrontendMessage{prepare("", "COPY loaded FROM STDIN"), bind("", ""), run("")}, "execute", true},
		{"in a transaction", []pgproto3.FrontendMessage{query("BEGIN; COPY loaded FROM STDIN")}, "query", true},
	} {
		for _, reset := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reset %t", c.name, reset), func(t *testing.T) {
				l := newLine(t)
				before := runtime.NumGoroutine()
				cl := l.ready(t)
				cl.send(c.way...)
				if got := cl.until('G'); !strings.HasSuffix(got, "G") {
					t.Fatal(got)
				}
				cl.send(&pgproto3.CopyData{Data: []byte("4711\tlost\n")}, &pgproto3.CopyData{Data: []byte("4712\tlost\n")})
				if c.half {
					if _, err := cl.conn.Write(half); err != nil {
						t.Fatal(err)
					}
				}
				await(t, "the data are counted", func() bool {
					out, err := db.psql("app", fmt.Sprintf("SELECT count(*) FROM pg_stat_progress_copy WHERE pid = %d AND bytes_processed > 0", cl.key.ProcessID))
					return err == nil && out == "1" || !c.half // a server that waits for more shows nothing yet
				})
				if reset {
					cl.conn.(*net.TCPConn).SetLinger(0)
				}
				cl.conn.Close()
				l.settled(t, before)
				await(t, "the server's end is gone", func() bool {
					out, err := db.psql("app", fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", cl.key.ProcessID))
					return err == nil && out == "0"
				})
				if out, err := db.psql("app", "SELECT count(*) FROM loaded WHERE id IN (4711, 4712)"); err != nil || out != "0" {
					t.Errorf("%s rows are left, %v", out, err)
				}
				if r := l.find(c.kind); len(r) != 1 || !r[0].done || !r[0].result.Failed {
					t.Errorf("records %+v", r)
				}
			})
		}
	}
}

// TestMalformedFramesInTheMiddle: also while something is under way a frame that is
// none ends the session, with a word and a whole record.
func TestMalformedFramesInTheMiddle(t *testing.T) {
	for _, before := range []struct {
		name string
		send []pgproto3.FrontendMessage
		kind string
	}{
		{"of a query", []pgproto3.FrontendMessage{query("SELECT pg_sleep(20)")}, "query"},
		{"of a COPY", []pgproto3.FrontendMessage{query("COPY loaded FROM STDIN")}, "query"},
		{"of a pipeline", []pgproto3.FrontendMessage{prepare("", "SELECT 1"), bind("", ""), run("")}, "execute"},
	} {
		for name, frame := range map[string][]byte{
			"length 0":     {'Q', 0, 0, 0, 0},
			"length 3":     {'d', 0, 0, 0, 3},
			"length 2^31":  {'d', 0x80, 0, 0, 0},
			"unknown type": {'?', 0, 0, 0, 4},
		} {
			t.Run(name+" in the middle "+before.name, func(t *testing.T) {
				l := newLine(t)
				goroutines := runtime.NumGoroutine()
				cl := l.ready(t)
				cl.send(before.send...)
				await(t, "it is judged", func() bool { return len(l.find(before.kind)) == 1 })
				if _, err := cl.conn.Write(frame); err != nil {
					t.Fatal(err)
				}
				got := cl.until('E')
				if strings.HasSuffix(got, "E:57014") { // what runs was cancelled first
					got = cl.until('E')
				}
				if !strings.HasSuffix(got, "E:08P01") {
					t.Errorf("got %q", got)
				}
				l.settled(t, goroutines)
				if r := l.find(before.kind)[0]; !r.done {
					t.Errorf("record %+v", r)
				}
			})
		}
	}
}

// TestAnAgentDiesInALargeBind: a Bind that announces a gigabyte costs what has come
// of it, not what was announced, whether it is allowed or refused.
func TestAnAgentDiesInALargeBind(t *testing.T) {
	for name, verdict := range map[string]action.Verdict{"allowed": action.Allow, "refused": action.Deny} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t, func(l *line) {
				l.decide = func(a *action.Action) action.Decision {
					if a.Kind == "execute" {
						return action.Decision{Verdict: verdict}
					}
					return action.Decision{Verdict: action.Allow}
				}
			})
			goroutines := runtime.NumGoroutine()
			cl := l.ready(t)
			cl.send(prepare("", "SELECT $1::text"), syncNow)
			cl.until('Z')
			var start, end runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&start)
			head := []byte{'B', 0x3f, 0xff, 0xff, 0xf0, 0, 0, 0, 0, 0, 1, 0x3f, 0xff, 0xff, 0xe0} // one value that is nearly all of it
			if _, err := cl.conn.Write(head); err != nil {
				t.Fatal(err)
			}
			block := make([]byte, 1<<20)
			for range 64 {
				if _, err := cl.conn.Write(block); err != nil {
					t.Fatal(err)
				}
			}
			await(t, "the bind is judged", func() bool { return len(l.find("execute")) == 1 })
			runtime.ReadMemStats(&end)
			if grown := int64(end.TotalAlloc) - int64(start.TotalAlloc); grown > 16<<20 { // a quarter of what was sent
				t.Errorf("%d bytes were allocated", grown)
			}
			cl.conn.Close()
			l.settled(t, goroutines)
			if r := l.find("execute")[0]; !r.done || r.decision.Verdict != verdict {
				t.Errorf("record %+v", r)
			}
		})
	}
}

// TestSlowStartUps: those who begin and say no more cost little, reach no server
// and end with their access. (When they end by themselves is entry's own test.)
func TestSlowStartUps(t *testing.T) {
	const many = 200
	l := newLine(t)
	goroutines := runtime.NumGoroutine()
	var start, end runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&start)
	var all []net.Conn
	for i := range many {
		c := l.raw(t)
		all = append(all, c)
		// A length, a version and the beginning of a name, byte by byte.
		for _, b := range []byte{0, 0, 0x27, 0x10, 0, 3, 0, 0, 'u'}[:1+i%9] {
			if _, err := c.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
	}
	await(t, "all are served", func() bool { return runtime.NumGoroutine() >= goroutines+many })
	runtime.ReadMemStats(&end)
	if each := (int64(end.HeapInuse+end.StackInuse) - int64(start.HeapInuse+start.StackInuse)) / many; each > 32<<10 {
		t.Errorf("%d bytes for each", each)
	}
	if cl := l.ready(t); cl.key.ProcessID == 0 {
		t.Error("nobody else gets in")
	} else {
		cl.conn.Close()
	}
	for _, c := range all[:many/2] {
		c.Close()
	}
	l.stop()
	for _, c := range all[many/2:] {
		if _, err := io.ReadAll(c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("not closed: %v", err)
		}
	}
	l.served.Wait()
	await(t, "every goroutine ends", func() bool { return runtime.NumGoroutine() <= goroutines })
	if l.dials != 1 {
		t.Errorf("%d dials", l.dials)
	}
}
