package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/cursor"
	"sallyport.dev/sallyport/protocols/postgres/largeobject"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/statement"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

const (
	// maxText bounds a Query and a Parse, which are read whole.
	maxText = 1 << 20
	// maxValues bounds a Bind whose values become facts.
	maxValues = 64 << 10
	// maxNames bounds the names at the beginning of a Bind, and whole messages
	// that only name something.
	maxNames = 8 << 10
)

// errTerminate is the agent's orderly end.
var errTerminate = errors.New("terminated")

// pumpAgent reads what the agent says until it is gone. It returns nil for an
// orderly end.
func (s *session) pumpAgent() (err error) {
	defer protocols.Rescue(&err)
	for {
		m, err := s.in.Next()
		if err != nil {
			return err
		}
		if s.f.Service.Session.IdleTimeout > 0 {
			s.heard.Store(time.Now().UnixNano())
		}
		err = s.hear(s.ctx, m)
		if errors.Is(err, errTerminate) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// hear takes one message of the agent in.
func (s *session) hear(ctx context.Context, m wire.Message) error {
	if m.Type != 'X' && s.copy.On() {
		return s.copy.Hear(ctx, m)
	}
	if s.skip && strings.IndexByte("QPBEFDCHdcf", m.Type) >= 0 {
		return s.in.Drop()
	}
	switch m.Type {
	case 'Q':
		return s.query(ctx, m)
	case 'P':
		return s.parse(ctx, m)
	case 'B':
		return s.bind(ctx, m)
	case 'E':
		return s.execute(ctx, m)
	case 'F':
		return s.call(ctx, m)
	case 'D':
		return s.describe()
	case 'C':
		return s.close()
	case 'S':
		s.skip = false
		s.push(ledger.Item{Kind: ledger.Sync})
		return s.in.Pass()
	case 'H':
		return s.in.Pass()
	case 'd', 'c', 'f':
		return s.in.Drop() // outside of COPY a server does that
	case 'X':
		return errTerminate
	}
	return fmt.Errorf("%w: unknown message type %q", wire.ErrMalformed, m.Type)
}

// push notes a message that goes to the server unjudged.
func (s *session) push(it ledger.Item) {
	_, out := s.ledger.Push(it)
	ledger.Deliver(out)
}

// query judges a simple query.
func (s *session) query(ctx context.Context, m wire.Message) error {
	a := &ask{s: s, kind: ledger.Query, act: action.Action{Kind: "query"}, sent: int64(m.Size)}
	if m.Body() > maxText {
		return s.tooLong(ctx, a, m)
	}
	body, err := s.in.Body()
	if err != nil {
		return err
	}
	text, err := wire.QueryText(body)
	if err != nil {
		return err
	}
	if err := s.readInto(ctx, a, text); err != nil {
		return err
	}
	copyIn, copies := statement.Copies(a.act.Parts), s.ledger.Copies()
	a.item.Forgets, a.item.Closes = statement.Forgets(a.act.Parts), statement.Closes(a.act.Parts)
	if err := s.do(ctx, a); err != nil {
		return err
	}
	if !copyIn || !a.pushed {
		return nil
	}
	return s.copy.Await(ctx, true, a.seq, copies)
}

// parse judges a text that is only prepared: what is denied whatever its values are
// must not reach the server, the rest is judged at Bind.
func (s *session) parse(ctx context.Context, m wire.Message) error {
	a := &ask{s: s, kind: ledger.Parse, act: action.Action{Kind: "parse", Prelude: true}, sent: int64(m.Size)}
	if m.Body() > maxText {
		return s.tooLong(ctx, a, m)
	}
	body, err := s.in.Body()
	if err != nil {
		return err
	}
	name, text, types, err := wire.ParseText(body)
	if err != nil {
		return err
	}
	if !statement.CertainName(name) {
		return s.unclear(ctx, a, name)
	}
	if err := s.readInto(ctx, a, text); err != nil {
		return err
	}
	if a.bar == nil && s.ledger.Crowded() {
		a.refuse(refusal.TooMany())
	}
	a.act.Parts = statement.Unbound(a.act.Parts)
	a.item.Statement = &ledger.Statement{
		Name: name, Parts: a.plain, Behind: a.behind, Summary: a.act.Summary, CopyIn: statement.Copies(a.act.Parts), Types: types,
		Declared: statement.Declared(body[len(name)+len(text)+2:]),
	}
	return s.do(ctx, a)
}

// bind judges a statement with its values: planning already runs functions.
func (s *session) bind(ctx context.Context, m wire.Message) error {
	portal, name, err := s.in.BindNames(maxNames)
	if err != nil {
		return err
	}
	a := &ask{s: s, kind: ledger.Bind, act: action.Action{Kind: "execute"}, sent: int64(m.Size)}
	for _, n := range []string{portal, name} {
		if !statement.CertainName(n) {
			return s.unclear(ctx, a, n)
		}
	}
	st, err := s.ledger.Statement(ctx, name)
	switch {
	case err != nil:
		return err
	case st != nil && !s.ledger.Prepared(name) && statement.Executes(st.Parts) == "":
		a.act.Summary, a.behind = st.Summary, st.Behind
		a.settle(ctx, st.Parts)
		if err := a.learnParams(m, s.ledger.TypesOf(st)); err != nil {
			return err
		}
	case st == nil && (name == "" || len(s.ledger.Named(name)) == 0):
		a.act.Summary = statement.Summary("execute " + name)
		a.refuse(refusal.NoStatement(name))
	case st != nil && !s.ledger.Prepared(name): // what it executes is what has that name now
		if portal != "" { // FETCH would run it, whenever it likes
			a.act.Summary = st.Summary
			a.refuse(refusal.NoCursor())
			break
		}
		if err := s.readInto(ctx, a, statement.Text(st.Parts)); err != nil {
			return err
		}
	default: // perhaps made by SQL's PREPARE, which shares its names with Parse
		if err := s.readInto(ctx, a, "EXECUTE "+statement.Quote(name)); err != nil {
			return err
		}
		if err := a.learnParams(m, nil); err != nil {
			return err
		}
		st = &ledger.Statement{Name: name, Parts: a.plain, Summary: a.act.Summary}
	}
	a.portal = ledger.Portal{Name: portal, Statement: st}
	a.item.Portal = &a.portal
	return s.do(ctx, a)
}

// execute checks the action of a portal once more and runs it.
func (s *session) execute(ctx context.Context, m wire.Message) error {
	body, err := s.in.Small(maxNames)
	if err != nil {
		return err
	}
	name, err := wire.ExecutePortal(body)
	if err != nil {
		return err
	}
	p, err := s.ledger.Portal(ctx, name)
	if err != nil {
		return err
	}
	if p == nil {
		return s.fetch(ctx, m, name)
	}
	held, ok := p.Held.(*ask)
	if !ok {
		return fmt.Errorf("a portal of another kind: %T", p.Held)
	}
	if n := statement.Executes(p.Statement.Parts); n != "" && !statement.Among(s.ledger.Named(n), held.behind) {
		held.bar = refusal.Changed(n)
		held.Done(action.Result{Status: refusal.Denied, Failed: true, Err: held.bar.Text}, nil)
		return s.substitute(ledger.Execute, held.word(action.Decision{}))
	}
	d := p.Held.Check(ctx)
	if d.Verdict == action.Allow {
		d, err = cursor.Check(ctx, s.do, s.ledger, p.Statement.Parts, held.checked)
	}
	if err != nil {
		return err
	}
	why := "refused after the rules had changed"
	// Noted at its Bind, too, but a CLOSE may have come in between.
	if d.Verdict == action.Allow && !cursor.Declare(s.ledger, held.act.Parts, held.act.Summary, held) {
		held.bar, d = refusal.TooManyCursors(), action.Decision{}
		why = held.bar.Text
	}
	if d.Verdict != action.Allow {
		held.Done(action.Result{Status: refusal.Denied, Failed: true, Err: why}, nil)
		return s.substitute(ledger.Execute, held.word(d))
	}
	copies := s.ledger.Copies()
	parts := p.Statement.Parts
	seq, out := s.ledger.Push(ledger.Item{
		Kind: ledger.Execute, Portal: p, Forgets: statement.Forgets(parts), Closes: statement.Closes(parts), Sent: int64(m.Size),
	})
	ledger.Deliver(out)
	if err := s.in.Pass(); err != nil || !p.Statement.CopyIn {
		return err
	}
	return s.copy.AwaitExtended(ctx, seq, copies)
}

// fetch judges an Execute of a portal that no Bind made: a cursor of SQL's
// DECLARE, which shares its names with Bind.
func (s *session) fetch(ctx context.Context, m wire.Message, name string) error {
	a := &ask{s: s, kind: ledger.Execute, act: action.Action{Kind: "execute"}, sent: int64(m.Size)}
	if !statement.CertainName(name) {
		return s.unclear(ctx, a, name)
	}
	if name == "" {
		a.act.Summary = "execute the unnamed portal"
		a.refuse(refusal.NoPortal())
		return s.do(ctx, a)
	}
	if err := s.readInto(ctx, a, "FETCH FORWARD ALL FROM "+statement.Quote(name)); err != nil {
		return err
	}
	return s.do(ctx, a)
}

// call judges a function call by object id, which is how libpq reaches large
// objects.
func (s *session) call(ctx context.Context, m wire.Message) error {
	head, err := s.in.Peek(largeobject.Enough)
	if err != nil {
		return err
	}
	if len(head) < 4 {
		return fmt.Errorf("%w: a function call of %d bytes", wire.ErrMalformed, m.Body())
	}
	a := &ask{s: s, kind: ledger.Call, act: action.Action{Kind: "call"}, sent: int64(m.Size)}
	name, does, ok := largeobject.Read(head)
	if !ok {
		oid := binary.BigEndian.Uint32(head)
		a.act.Summary = fmt.Sprintf("call function %d", oid)
		a.refuse(refusal.NoFunction(oid))
		return s.do(ctx, a)
	}
	a.does = does
	if err := s.readInto(ctx, a, "SELECT pg_catalog."+name+"()"); err != nil {
		return err
	}
	return s.do(ctx, a)
}

// close passes a Close and notes which name will stand for nothing.
func (s *session) close() error {
	body, err := s.in.Small(maxNames)
	if err != nil {
		return err
	}
	kind, name, err := wire.Target(body)
	if err != nil {
		return err
	}
	name = name[:min(len(name), statement.MaxName)] // as the server reads it
	it := ledger.Item{Kind: ledger.Close}
	if kind == 'S' {
		it.Statement = &ledger.Statement{Name: name}
	} else {
		it.Portal = s.ledger.Bound(name)
	}
	s.push(it)
	return s.in.Pass()
}

// describe passes a Describe and notes whose types its answer will tell.
func (s *session) describe() error {
	head, err := s.in.Peek(maxNames)
	if err != nil {
		return err
	}
	it := ledger.Item{Kind: ledger.Describe}
	if kind, name, err := wire.Target(head); err == nil && kind == 'S' {
		it.Describes = s.ledger.Stands(name)
	}
	s.push(it)
	return s.in.Pass()
}

// tooLong refuses a text that is not read whole.
func (s *session) tooLong(ctx context.Context, a *ask, m wire.Message) error {
	a.act.Summary = fmt.Sprintf("a statement of %d bytes", m.Body())
	a.refuse(refusal.TooLong(m.Body(), maxText))
	return s.do(ctx, a)
}

// unclear refuses what is named by a name that is not certain.
func (s *session) unclear(ctx context.Context, a *ask, name string) error {
	a.act.Summary = statement.Summary(a.act.Kind + " " + name)
	a.refuse(refusal.UnclearName(statement.MaxName))
	return s.do(ctx, a)
}

// protocolOf names the way that a message of this kind takes.
func protocolOf(k ledger.Kind) string {
	switch k {
	case ledger.Query:
		return "simple"
	case ledger.Call:
		return "function"
	}
	return "extended"
}

// readInto fills an ask with what a text does, or with why it is refused.
func (s *session) readInto(ctx context.Context, a *ask, text string) error {
	s.lookFor(text, "statement")
	a.act.Summary = statement.Summary(text)
	if !statement.Plain(text) {
		set, err := s.ledger.Confirmed(ctx)
		if err != nil {
			return err
		}
		s.text.StandardStrings, s.text.UTF8 = set.StandardStrings, set.UTF8
	}
	s.text.Protocol, s.text.Conversation = protocolOf(a.kind), s.drift.Mark(s.text.Conversation, s.outside())
	parts, bar := s.read(a, text)
	if bar != nil {
		a.refuse(bar)
		return nil
	}
	if a.does != 0 {
		parts = statement.Doing(parts, a.does)
	}
	a.settle(ctx, parts)
	a.act.Summary = statement.SummaryOf(text, parts)
	return nil
}

// lookFor raises an alarm over a placeholder, which has no place in a database.
func (s *session) lookFor(text, where string) {
	if token, ok := s.f.Placeholders.In(text); ok {
		s.f.Placeholders.Raise(token, where)
	}
}
