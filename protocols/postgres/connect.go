package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/catalog"
	"sallyport.dev/sallyport/protocols/postgres/catalog/rows"
	"sallyport.dev/sallyport/protocols/postgres/entry"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/screen"
	"sallyport.dev/sallyport/protocols/postgres/standing"
	"sallyport.dev/sallyport/protocols/postgres/statement"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// A connect is the first action of a session: its Forward logs in.
type connect struct {
	s   *session
	act action.Action
	bar *refusal.Bar // it is refused whatever the rules say
}

var (
	_ protocols.Exchange = (*connect)(nil)
	_ protocols.Waiter   = (*connect)(nil)
)

func (s *session) connect(bar *refusal.Bar) *connect {
	for _, p := range append([]wire.Parameter{{Value: s.wish.User}, {Value: s.wish.Database}}, s.wish.Parameters...) {
		s.lookFor(p.Value, "parameters of the session")
	}
	c := &connect{s: s, bar: bar, act: action.Action{
		Kind:    "connect",
		Summary: statement.Summary(fmt.Sprintf("connect to database %s as %s", s.wish.Database, s.wish.User)),
	}}
	if bar == nil {
		c.act.Parts = statement.Control(s.wish.Database, s.wish.User)
	}
	return c
}

// Action is what is judged.
func (c *connect) Action() *action.Action { return &c.act }

// Learn shows what the session will start with.
func (c *connect) Learn(_ context.Context, need action.Need) error {
	if need&action.Whole == 0 {
		return nil
	}
	list := c.s.parameters()
	c.act.Digest = statement.ConnectDigest(c.s.wish.User, list)
	c.act.Sample, c.act.Hidden = statement.ConnectSample(c.act.Parts, list[1:]) // the first is the database
	return nil
}

// Wait watches for the agent's end. It says nothing: before the log-in clients take
// no notice for an answer.
func (c *connect) Wait(ctx context.Context, _ action.Decision) (context.Context, func()) {
	return c.s.live.Watch(ctx, c.s.in)
}

// Refuse ends the connection with the reason.
func (c *connect) Refuse(_ context.Context, d action.Decision) error {
	e := refusal.Of("connection", &c.act, d, c.bar)
	e.Severity, e.SeverityUnlocalized = "FATAL", "FATAL"
	return c.s.agent.Tell(e)
}

// Forward opens the session on the server and tells the agent that it is ready.
// What goes wrong is told to the agent too; the session then is not ready.
func (c *connect) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	if c.bar != nil {
		return action.Result{Status: c.bar.Code, Failed: true, Err: c.bar.Text},
			c.s.agent.Tell(refusal.Fatal(c.bar.Code, c.bar.Text, c.bar.Hint))
	}
	greeting, err := c.login(ctx, up)
	var said *upstream.Refusal
	switch {
	case errors.As(err, &said):
		c.s.screen.Text(said.Raw)
		return action.Result{Status: c.s.screen.Words(said.Code), Failed: true, Err: c.s.screen.Words(err.Error())}, c.s.agent.Say(said.Raw)
	case err != nil:
		return action.Result{Status: "08006", Failed: true, Err: c.s.screen.Words(err.Error())},
			c.s.agent.Tell(refusal.Unreached(protocols.Cause(err)))
	}
	return action.Result{Status: "connected"}, c.s.greet(greeting)
}

// login dials, proves the server and logs in with the service's account.
func (c *connect) login(ctx context.Context, up protocols.Upstream) (*upstream.Greeting, error) {
	got, cred, err := up.Link(ctx, protocols.Open{Dress: upstream.Dress(c.s.f.Service, c.s.p.pool)})
	if err != nil {
		return nil, err
	}
	l, ok := got.(*upstream.Link)
	if !ok {
		return nil, fmt.Errorf("a link of another protocol: %T", got)
	}
	c.s.link = l
	login := upstream.Login{Version: c.s.startup.Newest(), User: c.s.wish.User, Parameters: c.s.parameters(), Encrypted: l.State}
	if cred == nil {
		return c.start(ctx, &login)
	}
	c.s.screen = &screen.Screen{Secrets: cred.Used}
	login.Words = c.s.screen.Words
	if login.User, login.Password, err = cred.Password(); err != nil {
		return nil, err
	}
	least, err := upstream.ParseMethod(cred.Least())
	if err != nil {
		return nil, err
	}
	account := upstream.Account{Service: c.s.f.Service.Name, Address: l.Conn.RemoteAddr().String(), User: login.User}
	login.Demand = c.s.p.methods.Demand(account, least)
	g, err := c.start(ctx, &login)
	if err == nil {
		c.s.p.methods.Note(account, g.By)
	}
	return g, err
}

// start logs in, and looks at what the account may do.
func (c *connect) start(ctx context.Context, login *upstream.Login) (*upstream.Greeting, error) {
	s, l := c.s, c.s.link
	s.look(ctx, login)
	g, err := upstream.Start(ctx, l.Conn, l.Stream, *login)
	if err != nil {
		return nil, err
	}
	defer upstream.Guard(ctx, l.Conn)()
	src := rows.Source{Conn: l.Conn, In: l.Stream, Words: login.Words}
	account := standing.Account{Service: s.f.Service.Name, User: login.User, Database: s.wish.Database}
	s.p.accounts.Note(account, s.f.Service.Session.ReadOnly, g.Setting, func(text string, columns int, each func([]string)) error {
		said := src.Ask(text, columns, each)
		if !errors.Is(said, rows.ErrSaid) {
			err = said
		}
		return said
	})
	return g, err
}

// look opens the session's sight of the server's catalog, where the service has
// one. It fixes the search_path of the login.
func (s *session) look(ctx context.Context, login *upstream.Login) {
	s.way = catalog.Way{Service: s.f.Service, Beside: s.link, Pool: s.p.pool, Do: s.do, Database: s.wish.Database, Wish: s.wish.User, Login: *login}
	s.way.Login.Password, s.way.Login.Parameters, s.way.Login.Words = nil, nil, nil
	if !s.f.Service.Catalog {
		return
	}
	s.sight = &catalog.Sight{Way: s.way, Work: s.work, Go: s.live.Go, Idle: func() bool { return s.ledger.Idle() }}
	s.sight.Begin(ctx, s.p.catalogs, login, s.wish.Parameters)
}

// parameters is what the session starts with: what the agent may set, and what
// the service fixes.
func (s *session) parameters() []wire.Parameter {
	list := append([]wire.Parameter{{Name: "database", Value: s.wish.Database}}, s.wish.Parameters...)
	return append(list, statement.Fixed(&s.f.Service.Session)...)
}

// greet tells the agent that the session is open. It keeps the server's process
// id, which clients use in SQL, and gives a cancel key of our own, as long as the
// server's.
func (s *session) greet(g *upstream.Greeting) error {
	s.pid, s.theirs, s.ours = g.PID, g.Key, make([]byte, max(4, len(g.Key)))
	rand.Read(s.ours) //nolint:errcheck // crypto/rand.Read never returns an error
	s.begin(g)
	b, err := entry.Negotiate(s.startup, g.Version)
	if err != nil {
		return err
	}
	if b, err = g.Encode(b, s.ours); err != nil {
		return err
	}
	s.screen.Text(b)
	return s.agent.Say(b)
}
