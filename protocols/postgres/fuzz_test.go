package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/entry"
	"sallyport.dev/sallyport/protocols/postgres/statement"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"
	"sallyport.dev/sallyport/vault"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A toy is a server in memory that keeps the order of the protocol and runs
// nothing. It remembers every text that reached it.
type toy struct {
	conn  net.Conn
	mu    sync.Mutex
	texts []string
}

func (y *toy) serve() {
	in, err := wire.NewStream(y.conn, nil, wire.NewPool())
	if err != nil {
		return
	}
	in.SetSink(discard{})
	skip := false
	for {
		m, err := in.Next()
		if err != nil || m.Size > 1<<22 {
			return
		}
		body, err := in.Body()
		if err != nil {
			return
		}
		out, stop := y.answer(m.Type, body, &skip)
		for _, a := range out {
			b, err := a.Encode(nil)
			if err != nil {
				return
			}
			if _, err := y.conn.Write(b); err != nil {
				return
			}
		}
		if stop || in.Drop() != nil {
			return
		}
	}
}

func (y *toy) answer(typ byte, body []byte, skip *bool) (out []pgproto3.BackendMessage, stop bool) {
	done := &pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")}
	ready := &pgproto3.ReadyForQuery{TxStatus: 'I'}
	if *skip && typ != 'S' && typ != 'X' {
		return nil, false
	}
	note := func(text string) *pgproto3.ErrorResponse {
		y.mu.Lock()
		defer y.mu.Unlock()
		y.texts = append(y.texts, text)
		if !strings.HasPrefix(text, "sallyport_") {
			return nil
		}
		return &pgproto3.ErrorResponse{Severity: "ERROR", Code: "42601", Message: `syntax error at or near "` + text + `"`}
	}
	switch typ {
	case 'Q':
		if e := note(string(body[:len(body)-1])); e != nil {
			return []pgproto3.BackendMessage{e, ready}, false
		}
		return []pgproto3.BackendMessage{done, ready}, false
	case 'P':
		_, text, _, err := wire.ParseText(body)
		if err != nil {
			return nil, true
		}
		if e := note(text); e != nil {
			*skip = true
			return []pgproto3.BackendMessage{e}, false
		}
		return []pgproto3.BackendMessage{&pgproto3.ParseComplete{}}, false
	case 'B':
		return []pgproto3.BackendMessage{&pgproto3.BindComplete{}}, false
	case 'D':
		return []pgproto3.BackendMessage{&pgproto3.NoData{}}, false
	case 'C':
		return []pgproto3.BackendMessage{&pgproto3.CloseComplete{}}, false
	case 'E':
		return []pgproto3.BackendMessage{done}, false
	case 'F':
		return []pgproto3.BackendMessage{&pgproto3.FunctionCallResponse{}, ready}, false
	case 'S':
		*skip = false
		return []pgproto3.BackendMessage{ready}, false
	case 'X':
		return nil, true
	}
	return nil, false
}

type discard struct{}

func (discard) Put([]byte, bool) error { return nil }

// A tally is a Do in memory that denies what drops and counts records.
type tally struct {
	mu          sync.Mutex
	begun, done int
}

func (y *tally) do(ctx context.Context, ex protocols.Exchange) error {
	a := ex.Action()
	deny := len(a.Parts) == 0 || strings.Contains(strings.ToUpper(a.Summary), "DROP")
	for _, p := range a.Parts {
		for _, v := range statement.Shape(p).Verbs {
			deny = deny || v == "drop"
		}
	}
	if deny {
		return ex.Refuse(ctx, action.Decision{})
	}
	h := &heldTally{y: y}
	_, err := ex.Forward(ctx, h)
	if err != nil {
		h.Done(action.Result{}, err)
	}
	return err
}

type heldTally struct {
	y    *tally
	held bool
	once sync.Once
}

func (h *heldTally) Link(context.Context, protocols.Open) (protocols.Link, *vault.Credential, error) {
	return nil, nil, errors.New("nothing to reach")
}

func (h *heldTally) Hold(func()) protocols.Held {
	h.held = true
	h.y.mu.Lock()
	defer h.y.mu.Unlock()
	h.y.begun++
	return h
}

func (h *heldTally) Check(context.Context) action.Decision {
	return action.Decision{Verdict: action.Allow}
}

func (h *heldTally) Done(action.Result, error) {
	if !h.held {
		return
	}
	h.once.Do(func() {
		h.y.mu.Lock()
		defer h.y.mu.Unlock()
		h.y.done++
	})
}

// memory makes a session between two pipes, past its login.
func memory(p *Protocol, do protocols.Do, svc *action.Service) (s *session, agent, server net.Conn) {
	agent, near := net.Pipe()
	far, server := net.Pipe()
	ctx := context.Background()
	s = &session{
		p: p, do: do, ctx: ctx, agent: &wire.Mouth{Conn: near}, wish: entry.Wish{Database: "d", User: "u"},
		f: protocols.Flow{Peer: &action.Peer{ID: "a"}, Service: svc},
	}
	s.live.Agent, s.live.Lost = near, s.deliver
	s.work, s.quit = context.WithCancel(ctx)
	s.in, _ = wire.NewStream(near, nil, p.pool)
	s.link, _ = upstream.NewLink(far, far, p.pool)
	s.begin(&upstream.Greeting{Setting: map[string]string{"standard_conforming_strings": "on", "client_encoding": "UTF8"}})
	return s, agent, server
}

func encode(ms ...pgproto3.FrontendMessage) []byte {
	var b []byte
	for _, m := range ms {
		b, _ = m.Encode(b)
	}
	return b
}

// A script is read to its end, and ends once the server has answered or there is
// no hope of it.
type script struct {
	io.Reader
	s *session
}

func (c *script) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	for i := 0; errors.Is(err, io.EOF) && i < 20; i++ {
		if _, busy := c.s.ledger.Busy(); !busy {
			break
		}
		time.Sleep(100 * time.Microsecond)
	}
	return n, err
}

// FuzzAgent plays arbitrary bytes as an agent. Nothing panics or hangs, every
// record is closed, what reaches the agent is whole messages, and no text that
// drops reaches the server.
func FuzzAgent(f *testing.F) {
	p := New()
	f.Add(encode(query("SELECT 1"), query("DROP TABLE x"), prepare("a", "SELECT $1"), bind("", "a"), run(""), syncNow))
	f.Add(encode(prepare("", "DROP TABLE x"), bind("", ""), run(""), syncNow, query("SELECT 2"), &pgproto3.Terminate{}))
	f.Add(encode(query("PREPARE q AS SELECT 1"), query("EXECUTE q"), bind("p", "q"), run("p"), &pgproto3.Close{ObjectType: 'P', Name: "p"}, syncNow))
	f.Add(encode(&pgproto3.FunctionCall{Function: 952}, run("c"), &pgproto3.Flush{}, &pgproto3.CopyData{Data: []byte("x")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var y tally
		s, agent, far := memory(p, y.do, &action.Service{})
		srv := &toy{conn: far}
		var all sync.WaitGroup
		var heard bytes.Buffer
		all.Go(func() { srv.serve(); far.Close() })
		all.Go(func() { io.Copy(&heard, agent) })
		s.in, _ = wire.NewStream(&script{Reader: bytes.NewReader(b), s: s}, nil, p.pool)
		s.in.SetSink(&wire.Mouth{Conn: s.link.Conn})
		s.ledger.Flush = s.in.Flush
		if err := s.run(); protocols.IsPanic(err) {
			t.Error(err)
		}
		s.agent.Conn.Close()
		all.Wait()
		for _, text := range srv.texts {
			if strings.HasPrefix(strings.ToUpper(text), "DROP") {
				t.Errorf("reached the server: %q", text)
			}
		}
		if y.begun != y.done {
			t.Errorf("%d records begun, %d closed", y.begun, y.done)
		}
		if i := bytes.Index(heard.Bytes(), []byte("syntax error at or near \"sallyport_")); i >= 0 {
			t.Errorf("a token shows: %q", heard.Bytes()[i:])
		}
		whole(t, heard.Bytes())
	})
}

// whole checks that b is messages and nothing else.
func whole(t *testing.T, b []byte) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 5 || int(binary.BigEndian.Uint32(b[1:])) > len(b)-1 {
			t.Fatalf("half a message: %.40q", b)
		}
		b = b[1+binary.BigEndian.Uint32(b[1:]):]
	}
}

// FuzzServer plays arbitrary bytes as a server while a query and a bound
// statement are under way. Nothing panics, and every record is closed.
func FuzzServer(f *testing.F) {
	p := New()
	answer := func(ms ...pgproto3.BackendMessage) (b []byte) {
		for _, m := range ms {
			b, _ = m.Encode(b)
		}
		return b
	}
	f.Add(answer(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'}, &pgproto3.ParseComplete{}))
	f.Add(answer(&pgproto3.ErrorResponse{Code: "42601", Message: "sallyport_"}, &pgproto3.ReadyForQuery{TxStatus: 'E'}))
	f.Add(answer(&pgproto3.CopyInResponse{}, &pgproto3.ParameterStatus{Name: "client_encoding", Value: "SJIS"}, &pgproto3.NotificationResponse{}))
	f.Add([]byte("D\x3f\xff\xff\xff\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var y tally
		s, agent, server := memory(p, y.do, &action.Service{Session: action.Session{MaxRows: 2}})
		var all sync.WaitGroup
		all.Go(func() { io.Copy(io.Discard, agent) })
		all.Go(func() { io.Copy(io.Discard, server) })
		all.Go(func() {
			agent.SetWriteDeadline(time.Now().Add(10 * time.Second))
			agent.Write(encode(query("SELECT 1"), prepare("", "SELECT 2"), bind("", ""), run(""), query("DROP TABLE x"), syncNow))
			server.SetWriteDeadline(time.Now().Add(10 * time.Second))
			server.Write(b)
			server.Close()
		})
		if err := s.run(); protocols.IsPanic(err) {
			t.Error(err)
		}
		s.agent.Conn.Close()
		all.Wait()
		if y.begun != y.done {
			t.Errorf("%d records begun, %d closed", y.begun, y.done)
		}
	})
}
