// Package postgres serves agents that speak PostgreSQL: it opens the session with
// the service's own account, hands every statement to be judged before the server
// sees it, and lets everything else pass by its header. It holds no rule, keeps no
// password and parses no SQL itself.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/catalog"
	"sallyport.dev/sallyport/protocols/postgres/entry"
	"sallyport.dev/sallyport/protocols/postgres/keys"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/standing"
	"sallyport.dev/sallyport/protocols/postgres/statement"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// cacheBytes bounds what is remembered of statements that were read before.
const cacheBytes = 32 << 20

// Protocol serves PostgreSQL. It keeps what crosses connections: the shapes of
// statements, the cancel keys, how many sessions each agent has, how servers had
// passwords proved, their catalogs, and what accounts may do.
type Protocol struct {
	analyzer *sql.Analyzer
	pool     *sync.Pool
	ring     keys.Ring[*session]
	seats    keys.Seats
	methods  upstream.Memory
	catalogs *catalog.Store
	accounts standing.Store
}

var (
	_ protocols.Protocol = (*Protocol)(nil)
	_ protocols.Witness  = (*Protocol)(nil)
)

// New makes the protocol. sql.Available tells whether this build can read SQL.
func New() *Protocol {
	return &Protocol{analyzer: sql.New(cacheBytes), pool: wire.NewPool(), catalogs: catalog.NewStore()}
}

// Stats counts the texts of all sessions by the way they were read.
func (p *Protocol) Stats() sql.Stats { return p.analyzer.Stats() }

// Name is the word for it in a service.
func (p *Protocol) Name() string { return "postgres" }

// Facts tells the rules what a statement is known by.
func Facts() action.FactTable { return sql.FactTable() }

// Warnings lists what is wrong with the accounts of a service, as their last
// sessions showed.
func (p *Protocol) Warnings(svc *action.Service, users []string) []string {
	return p.accounts.Warnings(svc, users)
}

// Serve drives one connection of an agent: a session, or a request to cancel what
// another one does.
func (p *Protocol) Serve(ctx context.Context, f protocols.Flow, do protocols.Do) (err error) {
	defer protocols.Rescue(&err)
	conn, err := f.Accept()
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	door := entry.Door{Leaf: f.Leaf, Name: f.Host}
	if door.Name == "" {
		door.Name = f.Dst.Addr().String()
	}
	e, err := door.Open(ctx, conn)
	switch {
	case errors.Is(err, io.EOF): // a probe that only wanted to know whether somebody is there
		return nil
	case err != nil:
		return err
	case e.Cancel != nil:
		return p.serveCancel(ctx, f, do, *e.Cancel)
	}
	return p.serveSession(ctx, f, do, e)
}

// Trial makes the action that a text would be, on the road of live traffic.
func Trial(svc *action.Service, t action.Trial) (*action.Action, error) {
	if t.SQL == "" {
		return nil, errors.New("a test of a postgres service states sql")
	}
	text := &sql.Session{
		StandardStrings: true, UTF8: true, Major: sql.LastMajor, Protocol: "simple",
		Conversation: &sql.Conversation{Database: t.Database, User: t.User},
	}
	a := &action.Action{Service: svc, Kind: "query", Summary: statement.Summary(t.SQL)}
	if t.Database != "" && !statement.Offers(svc.Databases, t.Database) {
		return nil, fmt.Errorf("service %q offers no database %q; it has %s", svc.Name, t.Database, strings.Join(svc.Databases, ", "))
	}
	parser := sql.New(0)
	parts, bar := statement.Read(parser, t.SQL, text, func(string) []action.Part { return nil })
	if svc.Catalog { // nobody asks a server about what nobody sent
		parts = sql.Unexpanded(parts)
	}
	if bar == nil {
		parts, bar = statement.Belt(svc, parts)
	}
	if bar != nil {
		wrong := &action.Misread{Reason: bar.Text}
		var at *sql.SyntaxError
		if _, err := parser.Parse(t.SQL, text); errors.As(err, &at) {
			wrong.Char = at.Char
		}
		return nil, wrong
	}
	a.Parts, a.Summary = sql.WithLiterals(parts), statement.SummaryOf(t.SQL, parts)
	return a, nil
}
