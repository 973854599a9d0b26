package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/catalog/rows"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/statement"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
)

// timeout bounds one look-up, on the server too.
const timeout = 30 * time.Second

// A Way is how the look-ups of a session reach its server: the same address, the
// same account, but a connection of their own.
type Way struct {
	Service  *action.Service
	Beside   *upstream.Link // the session's own
	Pool     *sync.Pool
	Do       protocols.Do
	Database string
	Wish     string         // the user that the agent names, for the record
	Login    upstream.Login // as the session's, without password and parameters; see Begin
}

// key says whose catalog a look-up reads.
func (w *Way) key() Key {
	return Key{Service: w.Service.Name, Address: w.Beside.Conn.RemoteAddr().String(), Account: w.Login.User, Database: w.Database}
}

// A look is the action of one look-up. It only steers, as a log-in does.
type look struct {
	way  *Way
	more []wire.Parameter // that it starts with
	read func(*rows.Source) error
	act  action.Action
	err  error
}

var _ protocols.Exchange = (*look)(nil)

// look reads the catalog of the server, with an action and a record of its own.
func (w *Way) look(ctx context.Context, functions *known.Functions) (*Snapshot, error) {
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	var snap *Snapshot
	err := w.Ask(ctx, "the gateway's own look-up of the catalog of database "+w.Database, nil, func(r *rows.Source) (err error) {
		snap, err = (&loader{Source: r, functions: functions}).load()
		return err
	})
	return snap, err
}

// Ask puts questions of the gateway's own over a connection that only reads, starts
// with more and ends with read. It has an action and a record of its own.
func (w *Way) Ask(ctx context.Context, summary string, more []wire.Parameter, read func(*rows.Source) error) error {
	l := &look{way: w, more: more, read: read, err: errUnread}
	l.act = action.Action{Kind: "catalog", Summary: statement.Summary(summary), Parts: statement.Control(w.Database, w.Wish)}
	err := w.Do(ctx, l)
	if err = cmp.Or(err, l.err); err == nil {
		return nil
	}
	return errors.Join(err, ctx.Err())
}

var errUnread = errors.New("the catalog was not read")

// Action is what is judged.
func (l *look) Action() *action.Action { return &l.act }

// Learn has nothing to add.
func (l *look) Learn(context.Context, action.Need) error { return nil }

// Refuse tells nobody: what needs the catalog is unknown then.
func (l *look) Refuse(context.Context, action.Decision) error { return nil }

// Forward reads the catalog over a connection that ends with it.
func (l *look) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	r := &rows.Source{}
	l.err = l.ask(ctx, up, r)
	res := action.Result{Status: "read", Rows: int64(r.Rows), Received: int64(r.Bytes)}
	if l.err != nil {
		res = action.Result{Failed: true, Err: l.err.Error()}
	}
	return res, nil
}

func (l *look) ask(ctx context.Context, up protocols.Upstream, r *rows.Source) error {
	got, cred, err := up.Link(ctx, protocols.Open{Beside: l.way.Beside, Dress: upstream.Dress(l.way.Service, l.way.Pool)})
	if err != nil {
		return err
	}
	link, ok := got.(*upstream.Link)
	if !ok {
		return fmt.Errorf("a link of another protocol: %T", got)
	}
	defer link.Retire()
	stop := context.AfterFunc(ctx, link.Retire)
	defer stop()
	login := l.way.Login
	login.Encrypted, login.Parameters = link.State, l.parameters()
	if cred != nil {
		user, password, err := cred.Password()
		if err != nil {
			return err
		}
		if user != login.User {
			return errors.New("the service has another account by now")
		}
		login.Password, login.Words = password, func(text string) string { return cred.Used().MaskString(text) }
	}
	if _, err := upstream.Start(ctx, link.Conn, link.Stream, login); err != nil {
		return errors.New(cred.Used().MaskString(err.Error())) // a server may quote the password
	}
	defer link.Stream.Release()
	r.Conn, r.In, r.Words = link.Conn, link.Stream, login.Words
	if err := l.read(r); err != nil {
		return err
	}
	if b, err := (&pgproto3.Terminate{}).Encode(nil); err == nil {
		link.Conn.Write(b) //nolint:errcheck // it has said all
	}
	return nil
}

// parameters bind the look-up to reading, whatever the account may do.
func (l *look) parameters() []wire.Parameter {
	return append([]wire.Parameter{
		{Name: "database", Value: l.way.Database},
		{Name: "application_name", Value: "sallyport"},
		{Name: "client_encoding", Value: "UTF8"},
		{Name: "default_transaction_read_only", Value: "on"},
		{Name: "statement_timeout", Value: fmt.Sprint(timeout.Milliseconds())},
	}, l.more...)
}
