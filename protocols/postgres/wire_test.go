package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/protocols/postgres/hold"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A client is a raw end of the protocol.
type client struct {
	t    *testing.T
	conn net.Conn
	fe   *pgproto3.Frontend
	key  pgproto3.BackendKeyData
}

func (l *line) raw(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.listen.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(enough))
	return c
}

// open starts a session by hand.
func (l *line) open(t *testing.T, params ...string) *client {
	t.Helper()
	return l.opens(t, params)
}

// straight opens a session, says ms with the same breath, and waits until it is ready:
// no pause of this machine comes between the two, which a short time of the service
// would take for silence.
func (l *line) straight(t *testing.T, ms ...pgproto3.FrontendMessage) *client {
	t.Helper()
	cl := l.opens(t, nil, ms...)
	if got := cl.until('Z'); !strings.HasSuffix(got, "Z:I") {
		t.Fatal(got)
	}
	return cl
}

func (l *line) opens(t *testing.T, params []string, ms ...pgproto3.FrontendMessage) *client {
	t.Helper()
	c := l.raw(t)
	cl := &client{t: t, conn: c, fe: pgproto3.NewFrontend(c, c)}
	m := map[string]string{"user": "anybody", "database": "app"}
	for i := 0; i+1 < len(params); i += 2 {
		m[params[i]] = params[i+1]
	}
	cl.fe.Send(&pgproto3.StartupMessage{ProtocolVersion: 196608, Parameters: m})
	for _, m := range ms {
		cl.fe.Send(m)
	}
	if err := cl.fe.Flush(); err != nil {
		t.Fatal(err)
	}
	return cl
}

// ready opens a session and waits until it is ready.
func (l *line) ready(t *testing.T, params ...string) *client {
	t.Helper()
	cl := l.open(t, params...)
	if got := cl.until('Z'); !strings.HasSuffix(got, "Z:I") {
		t.Fatal(got)
	}
	return cl
}

func (c *client) send(ms ...pgproto3.FrontendMessage) {
	c.t.Helper()
	for _, m := range ms {
		c.fe.Send(m)
	}
	if err := c.fe.Flush(); err != nil {
		c.t.Fatal(err)
	}
}

// until reads up to a message of the type and gives what came as words.
func (c *client) until(typ byte) string {
	c.t.Helper()
	var got []string
	for {
		m, err := c.fe.Receive()
		if err != nil {
			return strings.Join(append(got, "end: "+err.Error()), " ")
		}
		var w string
		var is byte
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			w, is = "E:"+m.Code, 'E'
		case *pgproto3.ReadyForQuery:
			w, is = "Z:"+string(m.TxStatus), 'Z'
		case *pgproto3.CommandComplete:
			w, is = "C:"+string(m.CommandTag), 'C'
		case *pgproto3.NoticeResponse:
			w, is = "N:"+m.Message, 'N'
		case *pgproto3.BackendKeyData:
			c.key = pgproto3.BackendKeyData{ProcessID: m.ProcessID, SecretKey: bytes.Clone(m.SecretKey)}
			continue
		case *pgproto3.CopyInResponse:
			w, is = "G", 'G'
		case *pgproto3.ParseComplete:
			w, is = "1", '1'
		case *pgproto3.BindComplete:
			w, is = "2", '2'
		case *pgproto3.DataRow:
			w, is = "D", 'D'
			if len(m.Values) > 0 && len(m.Values[0]) < 40 {
				w = "D:" + string(m.Values[0])
			}
		default:
			continue
		}
		got = append(got, w)
		if is == typ {
			return strings.Join(got, " ")
		}
	}
}

func prepare(name, sql string) *pgproto3.Parse { return &pgproto3.Parse{Name: name, Query: sql} }
func bind(portal, name string) *pgproto3.Bind {
	return &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: name}
}
func run(portal string) *pgproto3.Execute { return &pgproto3.Execute{Portal: portal} }
func query(sql string) *pgproto3.Query    { return &pgproto3.Query{String: sql} }

var syncNow = &pgproto3.Sync{}

func TestConversations(t *testing.T) {
	for _, c := range []struct {
		name string
		send [][]pgproto3.FrontendMessage
		want []string
	}{
		{
			"flush without sync",
			[][]pgproto3.FrontendMessage{{prepare("", "SELECT 1"), bind("", ""), run(""), &pgproto3.Flush{}}, {syncNow}},
			[]string{"1 2 D:1 C:SELECT 1", "Z:I"},
		},
		{
			"a pipeline whose second half is skipped",
			[][]pgproto3.FrontendMessage{{
				prepare("", "SELECT 1"), bind("", ""), run(""), prepare("", "SELECT 1/0"), bind("", ""), run(""),
				prepare("", "SELECT 2"), bind("", ""), run(""), syncNow,
			}},
			[]string{"1 2 D:1 C:SELECT 1 1 E:22012 Z:I"},
		},
		{
			"a denial behind an error leaves no trace",
			[][]pgproto3.FrontendMessage{
				{prepare("", "SELECT 1/0"), bind("", ""), run(""), prepare("", "DROP TABLE doomed"), bind("", ""), run(""), syncNow},
				{query("SELECT 5")},
			},
			[]string{"1 E:22012 Z:I", "D:5 C:SELECT 1 Z:I"},
		},
		{
			"a query behind an error is skipped too",
			[][]pgproto3.FrontendMessage{
				{prepare("", "SELECT * FROM no_such_table"), query("SELECT 1"), query("DROP TABLE doomed"), syncNow},
				{query("SELECT 5")},
			},
			[]string{"E:42P01 Z:I", "D:5 C:SELECT 1 Z:I"},
		},
		{
			"a denied query amid queries sent at once",
			[][]pgproto3.FrontendMessage{{query("SELECT 1"), query("DROP TABLE doomed"), query("SELECT 2")}},
			[]string{"D:1 C:SELECT 1 Z:I", "E:42501 Z:I", "D:2 C:SELECT 1 Z:I"},
		},
		{
			"a text the grammar rejects",
			[][]pgproto3.FrontendMessage{{query("SELEC 1")}, {query("SELECT 2")}},
			[]string{"E:42601 Z:I", "D:2 C:SELECT 1 Z:I"},
		},
		{
			"bind of what was never prepared",
			[][]pgproto3.FrontendMessage{{bind("", "nope"), run(""), syncNow}, {query("SELECT 2")}},
			[]string{"E:26000 Z:I", "D:2 C:SELECT 1 Z:I"},
		},
		{
			"execute of what was never bound",
			[][]pgproto3.FrontendMessage{{run(""), syncNow}, {run("c"), syncNow}},
			[]string{"E:34000 Z:I", "E:34000 Z:I"},
		},
		{
			"a cursor of SQL executed by the protocol",
			[][]pgproto3.FrontendMessage{
				{query("BEGIN"), query("DECLARE c CURSOR FOR SELECT 7"), run("c"), syncNow, query("COMMIT")},
			},
			[]string{"C:BEGIN Z:T", "C:DECLARE CURSOR Z:T", "D:7 C:SELECT 1 Z:T", "C:COMMIT Z:I"},
		},
		{
			"copy in by the extended protocol, its first Sync ignored by the server",
			[][]pgproto3.FrontendMessage{
				{prepare("", "COPY loaded FROM STDIN"), bind("", ""), run(""), syncNow},
				{&pgproto3.CopyData{Data: []byte("1\tx\n")}, &pgproto3.CopyDone{}, syncNow},
				{query("DELETE FROM loaded WHERE id = 1")},
			},
			[]string{"1 2 G", "C:COPY 1 Z:I", "C:DELETE 1 Z:I"},
		},
		{
			"copy in that fails",
			[][]pgproto3.FrontendMessage{
				{query("COPY loaded FROM STDIN")},
				{&pgproto3.CopyData{Data: []byte("nonsense\n")}, &pgproto3.CopyDone{}},
				{query("SELECT 2")},
			},
			[]string{"G", "E:22P02 Z:I", "D:2 C:SELECT 1 Z:I"},
		},
		{
			"copy in given up, within a pipeline",
			[][]pgproto3.FrontendMessage{
				{prepare("", "COPY loaded FROM STDIN"), bind("", ""), run("")},
				{&pgproto3.CopyFail{Message: "no"}, syncNow},
				{query("SELECT 2")},
			},
			[]string{"1 2 G", "E:57014 Z:I", "D:2 C:SELECT 1 Z:I"},
		},
		{
			"two copies in one query",
			[][]pgproto3.FrontendMessage{
				{query("COPY loaded FROM STDIN; COPY loaded FROM STDIN")},
				{&pgproto3.CopyData{Data: []byte("1\tx\n")}, &pgproto3.CopyDone{}},
				{&pgproto3.CopyData{Data: []byte("1\tx\n")}, syncNow, &pgproto3.CopyDone{}},
				{query("DELETE FROM loaded WHERE id = 1")},
			},
			[]string{"G", "C:COPY 1 G", "C:COPY 1 Z:I", "C:DELETE 2 Z:I"},
		},
		{
			"a portal in pieces",
			[][]pgproto3.FrontendMessage{
				{query("BEGIN"), prepare("", "SELECT id FROM users ORDER BY id"), bind("p", ""), &pgproto3.Execute{Portal: "p", MaxRows: 1}, syncNow},
				{&pgproto3.Execute{Portal: "p", MaxRows: 1}, syncNow, query("COMMIT")},
			},
			[]string{"C:BEGIN Z:T", "1 2 D:1 Z:T", "D:2 Z:T", "C:COMMIT Z:I"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(t, dropsDenied)
			cl := l.ready(t)
			want := c.want
			for _, round := range c.send {
				cl.send(round...)
				for range answersTo(round) {
					if len(want) == 0 {
						break
					}
					end := want[0][len(want[0])-1:]
					typ := byte('Z')
					switch {
					case strings.HasSuffix(want[0], "G"):
						typ = 'G'
					case !strings.Contains(want[0], "Z:") && end != "G":
						typ = 'C'
					}
					if got := cl.until(typ); got != want[0] {
						t.Fatalf("got %q, want %q", got, want[0])
					}
					want = want[1:]
				}
			}
			if len(want) > 0 {
				t.Errorf("not seen: %q", want)
			}
		})
	}
}

// answersTo counts the answers that a round of messages should bring.
func answersTo(round []pgproto3.FrontendMessage) []struct{} {
	n := 0
	for _, m := range round {
		if p, ok := m.(*pgproto3.Parse); ok && strings.Contains(p.Query, "no_such_table") {
			return make([]struct{}, 1)
		}
		switch m.(type) {
		case *pgproto3.Sync, *pgproto3.Query:
			n++
		}
	}
	return make([]struct{}, max(n, 1))
}

func TestT37_ASkippedParseDoesNotChangeWhatANameStandsFor(t *testing.T) {
	l := newLine(t)
	mu := make(chan struct{}, 1)
	mu <- struct{}{}
	asked := 0
	l.decide = func(a *action.Action) action.Decision {
		<-mu
		defer func() { mu <- struct{}{} }()
		if strings.Contains(a.Summary, "DELETE") && a.Kind == "execute" {
			asked++
			return action.Decision{Reason: "not now"}
		}
		return action.Decision{Verdict: action.Allow}
	}
	cl := l.ready(t)
	cl.send(prepare("s", "DELETE FROM doomed WHERE id = 1"), syncNow)
	cl.until('Z')
	// The second Parse is skipped by the server, because the first fails there.
	cl.send(prepare("x", "SELECT * FROM no_such_table"), prepare("s", "SELECT 1"), syncNow, bind("", "s"), run(""), syncNow)
	if got := cl.until('Z'); got != "E:42P01 Z:I" {
		t.Fatal(got)
	}
	if got := cl.until('Z'); got != "E:42501 Z:I" {
		t.Errorf("the old statement ran as the new one: %s", got)
	}
	if asked != 1 {
		t.Errorf("judged %d times", asked)
	}
}

func TestMalformedFramesCloseTheSession(t *testing.T) {
	frame := func(typ byte, n uint32, body string) []byte {
		b := append([]byte{typ}, 0, 0, 0, 0)
		binary.BigEndian.PutUint32(b[1:], n)
		return append(b, body...)
	}
	for name, b := range map[string][]byte{
		"length 0":          frame('Q', 0, ""),
		"length 3":          frame('Q', 3, ""),
		"length 2^31":       frame('Q', 1<<31, ""),
		"unknown type":      frame('y', 4, ""),
		"password":          frame('p', 6, "x\x00"),
		"query without NUL": frame('Q', 12, "SELECT 1"),
		"query with two":    frame('Q', 14, "SELECT 1\x00\x00"),
		"bind without end":  frame('B', 6, "xx"),
		"parse too short":   frame('P', 6, "\x00\x00"),
		"execute too long":  frame('E', 20, "\x00aaaaaaaaaaaaaaa"),
		"close of nothing":  frame('C', 6, "Z\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t)
			cl := l.ready(t)
			if _, err := cl.conn.Write(b); err != nil {
				t.Fatal(err)
			}
			if got := cl.until('E'); got != "E:08P01" {
				t.Errorf("got %q", got)
			}
			if _, err := io.Copy(io.Discard, cl.conn); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
				t.Errorf("not closed: %v", err)
			}
		})
	}
}

func TestAHugeHeaderCostsNoMemory(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b := append([]byte{'B', 0x3f, 0xff, 0xff, 0xf0}, make([]byte, 300)...) // Bind of a gigabyte, both names empty
	cl.send(prepare("", "SELECT 1"), syncNow)
	cl.until('Z')
	if _, err := cl.conn.Write(b); err != nil {
		t.Fatal(err)
	}
	await(t, "the bind is judged", func() bool { return len(l.find("execute")) == 1 })
	runtime.ReadMemStats(&after)
	if grown := int64(after.TotalAlloc) - int64(before.TotalAlloc); grown > 1<<20 {
		t.Errorf("%d bytes allocated", grown)
	}
}

func TestALongStatementIsRefusedAndTheSessionGoesOn(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	long := "SELECT '" + strings.Repeat("x", 2<<20) + "'"
	cl.send(query(long))
	if got := cl.until('Z'); got != "E:54000 Z:I" {
		t.Error(got)
	}
	cl.send(prepare("", long), bind("", ""), run(""), syncNow)
	if got := cl.until('Z'); got != "E:54000 Z:I" {
		t.Error(got)
	}
	cl.send(query("SELECT 2"))
	if got := cl.until('Z'); got != "D:2 C:SELECT 1 Z:I" {
		t.Error(got)
	}
}

func TestEndOfAccessIsToldInTime(t *testing.T) {
	l := newLine(t)
	idle, busy := l.ready(t), l.ready(t)
	busy.send(query("SELECT pg_sleep(20)"))
	await(t, "the query runs", func() bool { return len(l.find("query")) == 1 })
	clock := pulse.Start()
	defer clock.Stop()
	start := time.Now()
	l.stop()
	for _, c := range []*client{idle, busy} {
		if got := c.until('E'); got != "E:57P01" {
			t.Error(got)
		}
	}
	l.served.Wait()
	if d := clock.Since(start); d > time.Second { // 250 ms on a machine that has the time
		t.Errorf("it took %s", d)
	}
}

func TestAnApprovalIsWaitedFor(t *testing.T) {
	asks := func(l *line) {
		l.decide = func(a *action.Action) action.Decision {
			if strings.Contains(a.Summary, "DELETE") {
				return action.Decision{Verdict: action.Ask, Rule: "careful"}
			}
			return action.Decision{Verdict: action.Allow}
		}
	}
	t.Run("yes", func(t *testing.T) {
		l := newLine(t, asks, func(l *line) {
			l.settle = func(context.Context, *action.Action, action.Decision) action.Decision {
				return action.Decision{Verdict: action.Allow}
			}
		})
		cl := l.ready(t)
		began := time.Now()
		cl.send(query("DELETE FROM doomed WHERE id = 1"))
		got := cl.until('Z')
		if time.Since(began) > hold.Grace { // it did wait, if only for this machine
			got = strings.TrimPrefix(got, "N:"+waiting+" ")
		}
		if got != "C:DELETE 0 Z:I" { // there was nothing to wait for
			t.Error(got)
		}
		cl.send(prepare("", "DELETE FROM doomed WHERE id = 1"), bind("", ""), run(""), syncNow)
		if got := cl.until('Z'); !strings.HasSuffix(got, "C:DELETE 0 Z:I") {
			t.Error(got)
		}
	})
	waits := func(l *line) {
		l.settle = func(ctx context.Context, _ *action.Action, _ action.Decision) action.Decision {
			<-ctx.Done()
			return action.Decision{Reason: fmt.Sprint(context.Cause(ctx))}
		}
	}
	t.Run("hang-up", func(t *testing.T) {
		l := newLine(t, asks, waits)
		cl := l.ready(t)
		cl.send(query("DELETE FROM doomed WHERE id = 1"))
		cl.until('N')
		cl.conn.Close()
		await(t, "the wait ends", func() bool { return len(l.find("query")) == 1 && l.find("query")[0].done })
		if got := l.find("query")[0].decision; got.Verdict != action.Deny || !strings.Contains(got.Reason, "hung up") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		l := newLine(t, asks, waits)
		cl := l.ready(t)
		cl.send(query("DELETE FROM doomed WHERE id = 1"))
		cl.until('N')
		l.cancel(t, cl.key)
		if got := cl.until('Z'); got != "E:57014 Z:I" {
			t.Error(got)
		}
		cl.send(query("SELECT 2"))
		if got := cl.until('Z'); got != "D:2 C:SELECT 1 Z:I" {
			t.Error(got)
		}
	})
}

func (l *line) cancel(t *testing.T, key pgproto3.BackendKeyData) {
	t.Helper()
	if err := l.request(key); err != nil {
		t.Fatal(err)
	}
}

// request sends a cancel request and waits until it was taken.
func (l *line) request(key pgproto3.BackendKeyData) error {
	c, err := net.Dial("tcp", l.listen.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(enough))
	b, err := (&pgproto3.CancelRequest{ProcessID: key.ProcessID, SecretKey: key.SecretKey}).Encode(nil)
	if err != nil {
		return err
	}
	if _, err := c.Write(b); err != nil {
		return err
	}
	io.Copy(io.Discard, c)
	return nil
}
