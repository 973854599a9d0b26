package catalog

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/catalog/texts"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"
	"sallyport.dev/sallyport/vault"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A dial is an Upstream that leads to a server played by a test.
type dial struct {
	conn   net.Conn
	beside protocols.Link
}

func (d *dial) Hold(func()) protocols.Held { return nil }

func (d *dial) Link(ctx context.Context, open protocols.Open) (protocols.Link, *vault.Credential, error) {
	d.beside = open.Beside
	l, err := open.Dress(ctx, plainWire{d.conn, nil})
	return l, nil, err
}

type plainWire struct {
	net.Conn
	protocols.Wire
}

func (w plainWire) Read(b []byte) (int, error)         { return w.Conn.Read(b) }
func (w plainWire) Write(b []byte) (int, error)        { return w.Conn.Write(b) }
func (w plainWire) Close() error                       { return w.Conn.Close() }
func (w plainWire) LocalAddr() net.Addr                { return w.Conn.LocalAddr() }
func (w plainWire) RemoteAddr() net.Addr               { return w.Conn.RemoteAddr() }
func (w plainWire) SetDeadline(t time.Time) error      { return w.Conn.SetDeadline(t) }
func (w plainWire) SetReadDeadline(t time.Time) error  { return w.Conn.SetReadDeadline(t) }
func (w plainWire) SetWriteDeadline(t time.Time) error { return w.Conn.SetWriteDeadline(t) }

// A peer plays a server: it notes what it hears and has an empty catalog.
type peer struct {
	start  *pgproto3.StartupMessage
	asked  []string
	others []string
}

func (p *peer) serve(conn net.Conn, answer func(text string) []pgproto3.BackendMessage) {
	defer conn.Close()
	b := pgproto3.NewBackend(conn, conn)
	first, err := b.ReceiveStartupMessage()
	if err != nil {
		return
	}
	p.start, _ = first.(*pgproto3.StartupMessage)
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for b.Flush() == nil {
		m, err := b.Receive()
		if err != nil {
			return
		}
		q, ok := m.(*pgproto3.Query)
		if !ok {
			p.others = append(p.others, string(encoded(m)))
			continue
		}
		p.asked = append(p.asked, q.String)
		for _, m := range answer(q.String) {
			b.Send(m)
		}
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}

func encoded(m pgproto3.Message) []byte {
	b, err := m.Encode(nil)
	if err != nil {
		panic(err)
	}
	return b
}

func lookAt(t *testing.T, answer func(string) []pgproto3.BackendMessage) (*peer, *dial, *Snapshot, action.Result, error) {
	t.Helper()
	near, far := net.Pipe()
	p, d := new(peer), &dial{conn: near}
	done := make(chan struct{})
	go func() { defer close(done); p.serve(far, answer) }()
	var res action.Result
	w := &Way{
		Service: &action.Service{Name: "svc", Plaintext: true}, Beside: nowhere(t), Pool: wire.NewPool(),
		Database: "app", Wish: "canary-user", Login: upstream.Login{Version: wire.Version30, User: "agent_ro"},
		Do: func(ctx context.Context, ex protocols.Exchange) (err error) {
			if a := ex.Action(); a.Kind != "catalog" || len(a.Parts) != 1 || !a.Parts[0].Control {
				t.Errorf("%+v", a)
			}
			res, err = ex.Forward(ctx, d)
			return err
		},
	}
	s, err := w.look(t.Context(), known.NewFunctions())
	<-done
	return p, d, s, res, err
}

func TestALookUpOnlyReadsAndSaysNothingOfTheAgent(t *testing.T) {
	p, d, s, res, err := lookAt(t, func(text string) []pgproto3.BackendMessage {
		if text == texts.Self {
			return []pgproto3.BackendMessage{&pgproto3.DataRow{Values: [][]byte{[]byte("public"), []byte("agent_ro")}}}
		}
		return []pgproto3.BackendMessage{&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")}}
	})
	if err != nil || s == nil || s.Path != "public" || s.User != "agent_ro" || res.Failed || res.Rows != 1 {
		t.Fatalf("%+v, %+v, %v", s, res, err)
	}
	if d.beside == nil {
		t.Error("it does not go to the session's own address")
	}
	want := []string{
		texts.Begin, texts.Self, texts.Path, texts.Schemas, texts.Relations, texts.Parents, texts.Foreign, texts.Instead, texts.Code,
		texts.Rules, texts.RuleTables, texts.RuleColumns, texts.RuleFunctions, texts.RuleVerbs,
	}
	if !slices.Equal(p.asked, want) {
		t.Errorf("asked %q", p.asked)
	}
	if !strings.HasSuffix(texts.Begin, "READ ONLY") || p.start.Parameters["default_transaction_read_only"] != "on" {
		t.Errorf("it may write: %v", p.start.Parameters)
	}
	for name, value := range p.start.Parameters {
		if strings.Contains(name+value, "canary") {
			t.Errorf("%s = %s is the agent's", name, value)
		}
	}
	if len(p.others) != 1 || p.others[0][0] != 'X' {
		t.Errorf("beside its questions it said %q", p.others)
	}
}

func TestALookUpThatTheServerRefusesFails(t *testing.T) {
	_, _, s, res, err := lookAt(t, func(text string) []pgproto3.BackendMessage {
		if text == texts.RuleTables {
			return []pgproto3.BackendMessage{&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42501", Message: "permission denied for table pg_rewrite"}}
		}
		return nil
	})
	if s != nil || err == nil || !res.Failed || !strings.Contains(res.Err, "42501") {
		t.Errorf("%+v, %+v, %v", s, res, err)
	}
}

func TestASnapshotIsReplacedBesideTheTraffic(t *testing.T) {
	looked := make(chan struct{}, 8)
	s := sight(t, func(context.Context) (*Snapshot, error) {
		defer func() { looked <- struct{}{} }()
		return plain(time.Now()), nil
	})
	first := plain(time.Now().Add(-refreshAfter))
	s.entry.snap.Store(first)
	for range 10 { // nobody waits, and one look-up is enough
		if got := catalogOf(s.Expand(t.Context(), parts(shape("users")))); got != sql.CatalogKnown {
			t.Fatal(got)
		}
	}
	<-looked
	deadline := time.Now().Add(20 * time.Second)
	for s.entry.snap.Load() == first {
		if time.Now().After(deadline) {
			t.Fatal("the old snapshot stays")
		}
		time.Sleep(time.Millisecond)
	}
	if len(looked) > 0 {
		t.Error("looked up more than once")
	}
}

func TestTheEndOfASessionIsNoFailureOfTheServer(t *testing.T) {
	s := sight(t, func(context.Context) (*Snapshot, error) { return nil, errors.Join(errors.New("cut"), context.Canceled) })
	ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	s.Expand(ctx, parts(shape("users")))
	if !s.entry.failed.IsZero() {
		t.Error("others would have to wait")
	}
}
