package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/answer"
	"sallyport.dev/sallyport/protocols/postgres/catalog"
	"sallyport.dev/sallyport/protocols/postgres/copyin"
	"sallyport.dev/sallyport/protocols/postgres/entry"
	"sallyport.dev/sallyport/protocols/postgres/hold"
	"sallyport.dev/sallyport/protocols/postgres/keys"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/life"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/screen"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/statement"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
)

// farewell bounds what is said at the end to a side that may no longer listen.
const farewell = 100 * time.Millisecond

var (
	errIdle = errors.New("nothing happened for the service's idle_timeout")
	longAgo = time.Unix(1, 0)
)

// A session is one agent's conversation with one server. The agent's pump is
// Serve's own goroutine and the only one that writes to the server; the server's
// pump is the one that writes to the agent, notices aside.
type session struct {
	p       *Protocol
	f       protocols.Flow
	do      protocols.Do
	ctx     context.Context // Serve's
	work    context.Context // of what the session starts; ends with it
	quit    context.CancelFunc
	wish    entry.Wish
	startup *wire.Startup

	agent  *wire.Mouth
	in     *wire.Stream   // from the agent
	link   *upstream.Link // set by connect
	screen *screen.Screen // set by connect; nil: the service has no account
	sight  *catalog.Sight // set by connect; nil: the service has no catalog
	way    catalog.Way    // of the gateway's own questions; set by connect

	pid    uint32
	theirs []byte // the server's cancel key
	ours   []byte // the one that the agent has
	ledger *ledger.Ledger

	// Of the agent's pump.
	text  sql.Session
	skip  bool // a refused message stands before: nothing counts until Sync
	drift statement.Drift
	copy  copyin.Copy

	reading sync.Mutex // held while a text is read

	heard atomic.Int64 // when the agent last said something, in Unix nanoseconds
	live  life.Life
}

// serveSession logs in and runs a session to its end.
func (p *Protocol) serveSession(ctx context.Context, f protocols.Flow, do protocols.Do, e *entry.Entry) (err error) {
	wish, bar := entry.Read(e.Startup)
	s := &session{p: p, f: f, do: do, ctx: ctx, wish: wish, startup: e.Startup, agent: &wire.Mouth{Conn: e.Conn, Timed: f.Service.Session.IdleTimeout > 0}}
	s.live.Agent, s.live.Lost = e.Conn, s.deliver
	defer s.apologize(&err)
	s.work, s.quit = context.WithCancel(ctx)
	defer s.quit()
	in, err := wire.NewStream(e.Conn, e.Ahead, p.pool)
	if err != nil {
		return err
	}
	s.in = in
	defer in.Release()
	if bar == nil && !statement.Offers(f.Service.Databases, wish.Database) {
		bar = refusal.NoDatabase(wish.Database, f.Service.Name)
	}
	if bar == nil && !p.seats.Take(s.key().Seat, f.Service.Session.MaxConnections) {
		bar = refusal.NoSeat()
	} else if bar == nil {
		defer p.seats.Leave(s.key().Seat)
	}
	err = do(ctx, s.connect(bar))
	if s.link == nil {
		return err
	}
	defer s.link.Retire()
	if s.ledger == nil || err != nil {
		return err
	}
	return s.run()
}

// key is what the session is known by to a cancel request.
func (s *session) key() keys.Key {
	return keys.Key{Seat: keys.Seat{Agent: s.f.Peer.ID, Service: s.f.Service.Name}, PID: s.pid, Secret: s.ours}
}

func (s *session) outside() bool { return s.ledger.Transaction() == ledger.Outside }

// begin prepares the session for its first message: from here on it can be
// cancelled.
func (s *session) begin(g *upstream.Greeting) {
	var start ledger.Settings
	for name, value := range g.Setting {
		start.Report(name, value)
	}
	s.ledger = ledger.New(start)
	s.ledger.Flush = s.in.Flush
	if s.sight != nil {
		s.ledger.Rest = s.sight.Rest
	}
	s.copy = copyin.Copy{In: s.in, Ledger: s.ledger, Bounds: &s.f.Service.Session, Placeholders: s.f.Placeholders}
	s.in.SetSink(&wire.Mouth{Conn: s.link.Conn})
	s.link.Stream.SetSink(s.agent)
	if s.screen != nil {
		s.link.Stream.SetScreen(s.screen.Mask)
	}
	s.text = sql.Session{
		Agent: s.f.Peer.ID, Done: s.ctx.Done(), SearchPath: start.SearchPath, Major: sql.Major(g.Setting["server_version"]),
		LocalNames: g.Setting["server_encoding"] != "UTF8",
		Conversation: &sql.Conversation{
			Database: s.wish.Database, User: s.wish.User, Role: g.Setting["session_authorization"],
			Application: g.Setting["application_name"], ServerVersion: s.screen.Words(g.Setting["server_version"]),
		},
	}
	s.heard.Store(time.Now().UnixNano())
	s.p.ring.Add(s.key(), s)
}

// run pumps both ways until one side is gone or ctx is done, and says goodbye.
func (s *session) run() error {
	defer s.p.ring.Remove(s.key())
	stop := context.AfterFunc(s.ctx, s.live.Deafen)
	defer stop()
	pumped := s.live.Start(s.pumpServer)
	if b := &s.f.Service.Session; b.StatementTimeout > 0 || b.IdleTimeout > 0 {
		s.live.Go(s.watch)
	}
	err := s.pumpAgent()
	if err != nil && s.ctx.Err() == nil {
		s.abandon(s.work, "the agent hung up")
	}
	s.part(s.goodbye(err))
	if s.ctx.Err() != nil {
		s.abandon(context.WithoutCancel(s.ctx), "access to this service has ended")
	}
	s.end(pumped)
	return s.verdict(err)
}

// pumpServer passes what the server says. When it ends, the session does.
func (s *session) pumpServer() {
	b := &s.f.Service.Session
	pump := answer.Pump{
		Stream: s.link.Stream, Ledger: s.ledger, MaxRows: b.MaxRows, MaxBytes: b.MaxBytes,
		Cancel: s.cancelRunning, Done: s.work.Done(), Words: s.screen.Words,
	}
	s.live.Lose(pump.Run())
}

// abandon stops what the server does for nobody: it would notice when it answers.
func (s *session) abandon(ctx context.Context, why string) {
	defer s.live.Rescue()
	_, lost := s.live.Reason()
	if _, busy := s.ledger.Busy(); !busy || lost != nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, answer.Patience)
	defer stop()
	s.do(ctx, s.cancel(why, false)) //nolint:errcheck // its record says what became of it
}

// apologize is deferred: a panic becomes the error of Serve, and the agent hears of
// it if that is still possible.
func (s *session) apologize(err *error) {
	if r := recover(); r != nil {
		*err = protocols.Caught(r)
		s.agent.Conn.SetWriteDeadline(time.Now().Add(farewell)) //nolint:errcheck // see end
		s.agent.Tell(refusal.Broken())                          //nolint:errcheck // the agent may be gone
	}
}

// goodbye is what the agent hears at the end, if there is anything to say.
func (s *session) goodbye(err error) *pgproto3.ErrorResponse {
	idle, lost := s.live.Reason()
	switch {
	case s.ctx.Err() != nil:
		return refusal.Fatal("57P01", "terminating connection: access to this service has ended", "Reconnect if you still have access.")
	case idle:
		return refusal.Fatal("57P05", "terminating connection due to idle-session timeout", "")
	case protocols.IsPanic(lost), protocols.IsPanic(err):
		return refusal.Broken()
	case errors.Is(err, hold.ErrTooLong):
		return refusal.Fatal(refusal.OpenTooLong(statement.OpenHold(&s.f.Service.Session)))
	case errors.Is(lost, errStuck):
		return refusal.Fatal("57014", lost.Error(), "")
	case errors.Is(lost, answer.ErrTooLarge):
		return refusal.Fatal("54000", lost.Error(), "Ask for less: LIMIT, WHERE or fewer columns.")
	case errors.Is(lost, answer.ErrParted):
		return nil
	case errors.Is(lost, answer.ErrServer) && errors.Is(lost, wire.ErrMalformed):
		return refusal.Fatal("08006", "the database broke the protocol, the session cannot go on", "")
	case errors.Is(lost, answer.ErrServer):
		return refusal.Fatal("08006", "the database closed the connection", "")
	case errors.Is(err, wire.ErrMalformed):
		return refusal.Fatal("08P01", err.Error(), "")
	}
	return nil
}

// verdict is what Serve answers: nil for an end that is nobody's fault.
func (s *session) verdict(err error) error {
	idle, lost := s.live.Reason()
	switch {
	case protocols.IsPanic(err):
		return err
	case s.ctx.Err() != nil:
		return context.Cause(s.ctx)
	case idle:
		return errIdle
	case lost != nil:
		return lost
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return nil
	}
	return err
}

// part says goodbye to the agent.
func (s *session) part(word *pgproto3.ErrorResponse) {
	s.live.Close()
	s.agent.Conn.SetWriteDeadline(time.Now().Add(farewell)) //nolint:errcheck // a connection without deadlines ends when it is closed
	if word != nil {
		s.agent.Tell(word) //nolint:errcheck // the agent may be gone
	}
}

// end says goodbye to the server and waits for everything that the session started: for
// its pump first, so that what the agent has had is counted before its records close.
func (s *session) end(pumped <-chan struct{}) {
	s.link.Conn.SetWriteDeadline(time.Now().Add(farewell)) //nolint:errcheck // see part
	if s.in.Whole() {
		b, _ := (&pgproto3.Terminate{}).Encode(nil) // it has no part that could not be encoded
		s.link.Conn.Write(b)                        //nolint:errcheck // the server may be gone
	}
	s.link.Retire()
	s.agent.Conn.SetWriteDeadline(longAgo) //nolint:errcheck // see part
	s.quit()
	<-pumped
	ledger.Deliver(s.ledger.End())
	s.live.Wait()
	ledger.Deliver(s.ledger.End())
}

// deliver closes the records of all that is under way.
func (s *session) deliver() {
	if s.ledger != nil {
		ledger.Deliver(s.ledger.End())
	}
}
