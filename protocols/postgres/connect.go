package postgres

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/entry"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"
	"sallyport.dev/sallyport/vault"
)

// A link is the session's end of its one connection to the server.
type link struct {
	conn   net.Conn // TLS, unless the service is plaintext
	raw    net.Conn
	state  *tls.ConnectionState
	stream *wire.Stream
}

// Take refuses: a session shares its link with nobody.
func (l *link) Take() bool { return false }

// Retire closes the connection.
func (l *link) Retire() { l.raw.Close() }

var _ protocols.Link = (*link)(nil)

// dress makes a link of a fresh connection: TLS unless the service is plaintext.
func (p *Protocol) dress(svc *action.Service) func(context.Context, protocols.Wire) (protocols.Link, error) {
	return func(ctx context.Context, w protocols.Wire) (protocols.Link, error) {
		l := &link{conn: w, raw: w}
		if !svc.Plaintext {
			if err := upstream.RequestTLS(ctx, w); err != nil {
				return nil, err
			}
			c, err := w.Secure(ctx, "postgresql")
			if err != nil {
				return nil, err
			}
			state := c.ConnectionState()
			l.conn, l.state = c, &state
		}
		stream, err := wire.NewStream(l.conn, nil, p.pool)
		l.stream = stream
		return l, err
	}
}

// A connect is the first action of a session: its Forward logs in.
type connect struct {
	s   *session
	act action.Action
	bar *entry.Bar // it is refused whatever the rules say
}

var _ protocols.Exchange = (*connect)(nil)

func (s *session) connect(bar *entry.Bar) *connect {
	c := &connect{s: s, bar: bar, act: action.Action{
		Kind:    "connect",
		Summary: summary(fmt.Sprintf("connect to database %s as %s", s.wish.Database, s.wish.User)),
	}}
	if bar == nil {
		c.act.Parts = control(s.wish.Database, s.wish.User)
	}
	return c
}

// Action is what is judged.
func (c *connect) Action() *action.Action { return &c.act }

// Learn has nothing to add: all of a connect is in its facts.
func (c *connect) Learn(context.Context, action.Need) error { return nil }

// Refuse ends the connection with the reason.
func (c *connect) Refuse(_ context.Context, d action.Decision) error {
	e := denial(&c.act, d, c.bar)
	e.Severity, e.SeverityUnlocalized = "FATAL", "FATAL"
	if c.bar == nil {
		e.Message = "sallyport refused this connection"
		if d.Reason != "" {
			e.Message += ": " + d.Reason
		}
	}
	return c.s.agent.sayError(e)
}

// Forward opens the session on the server and tells the agent that it is ready.
// What goes wrong is told to the agent too; the session then is not ready.
func (c *connect) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	if c.bar != nil {
		return action.Result{Status: c.bar.Code, Failed: true, Err: c.bar.Text},
			c.s.agent.sayError(entry.Fatal(c.bar.Code, c.bar.Text, c.bar.Hint))
	}
	greeting, err := c.login(ctx, up)
	var refusal *upstream.Refusal
	switch {
	case errors.As(err, &refusal):
		return action.Result{Status: refusal.Code, Failed: true, Err: err.Error()}, c.s.agent.Say(refusal.Raw)
	case err != nil:
		return action.Result{Status: "08006", Failed: true, Err: err.Error()},
			c.s.agent.sayError(entry.Fatal("08006", "sallyport cannot log in to the database", "An operator finds the cause in sallyport's log."))
	}
	return action.Result{Status: "connected"}, c.s.greet(greeting)
}

// login dials, proves the server and logs in with the service's account.
func (c *connect) login(ctx context.Context, up protocols.Upstream) (*upstream.Greeting, error) {
	got, cred, err := up.Link(ctx, protocols.Open{Dress: c.s.p.dress(c.s.f.Service)})
	if err != nil {
		return nil, err
	}
	l, ok := got.(*link)
	if !ok {
		return nil, fmt.Errorf("a link of another protocol: %T", got)
	}
	c.s.link = l
	login := upstream.Login{User: c.s.wish.User, Parameters: c.s.parameters(), Encrypted: l.state}
	if cred != nil {
		var password vault.Secret
		if login.User, password, err = cred.Password(); err != nil {
			return nil, err
		}
		login.Password = &password
	}
	return upstream.Start(ctx, l.conn, l.stream, login)
}

// parameters is what the session starts with: what the agent may set, and what
// the service fixes.
func (s *session) parameters() []wire.Parameter {
	list := append([]wire.Parameter{{Name: "database", Value: s.wish.Database}}, s.wish.Parameters...)
	b := &s.f.Service.Session
	if b.ReadOnly {
		list = append(list, wire.Parameter{Name: "default_transaction_read_only", Value: "on"})
	}
	if b.StatementTimeout > 0 {
		list = append(list, wire.Parameter{Name: "statement_timeout", Value: millis(b.StatementTimeout)})
	}
	if b.LockTimeout > 0 {
		list = append(list, wire.Parameter{Name: "lock_timeout", Value: millis(b.LockTimeout)})
	}
	return list
}

func millis(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }

// greet tells the agent that the session is open. It keeps the server's process
// id, which clients use in SQL, and gives a cancel key of our own.
func (s *session) greet(g *upstream.Greeting) error {
	n := 4
	if s.version >= wire.Version32 {
		n = 32
	}
	s.pid, s.key, s.secret = g.PID, g.Key, make([]byte, n)
	rand.Read(s.secret) //nolint:errcheck // crypto/rand.Read never returns an error
	s.begin(g)
	b, err := (&pgproto3.AuthenticationOk{}).Encode(nil)
	if err == nil {
		b = append(b, g.Before...)
		b, err = (&pgproto3.BackendKeyData{ProcessID: g.PID, SecretKey: s.secret}).Encode(b)
	}
	if err == nil {
		b, err = (&pgproto3.ReadyForQuery{TxStatus: g.Ready}).Encode(b)
	}
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	return s.agent.Say(b)
}
