package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/bound"
	"sallyport.dev/sallyport/protocols/postgres/cursor"
	"sallyport.dev/sallyport/protocols/postgres/hold"
	"sallyport.dev/sallyport/protocols/postgres/impact"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/statement"
	"sallyport.dev/sallyport/protocols/postgres/watch"
	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
)

// errWhole means that a message is too large to be held for an approval.
var errWhole = errors.New("the message is too large to be held")

// errCancelled is a CancelRequest that meets a statement which waits for an
// approval.
var errCancelled = errors.New("canceled by the agent")

// An ask is one message that is judged: a query, a text to prepare, a bound
// statement, a call. The message is the current one of the session's stream until
// the ask is forwarded or refused. It is its own Held.
type ask struct {
	s      *session
	act    action.Action
	kind   ledger.Kind
	bar    *refusal.Bar  // it is refused whatever the rules say
	plain  []action.Part // as the text alone tells them
	behind []action.Part // what an EXECUTE in it may run
	sent   int64
	does   action.Effects // in place of what the text says; 0: it stays
	item   ledger.Item
	portal ledger.Portal

	pushed bool
	seq    uint64
	looked bool // for placeholders
	waited bool
	fence  ledger.Fence // stands before it
	held   protocols.Held
	gone   atomic.Bool // its permission has ended, and the server was not told
	why    error       // what ended the wait for an approval
}

var (
	_ protocols.Exchange = (*ask)(nil)
	_ protocols.Waiter   = (*ask)(nil)
	_ protocols.Held     = (*ask)(nil)
)

// refuse bars an ask. Without parts no rule allows it.
func (a *ask) refuse(bar *refusal.Bar) {
	a.bar = bar
	a.act.Parts = nil
}

// settle makes parts those of the ask: with what the server's catalog adds to
// them, and held to what the service states beside the rules.
func (a *ask) settle(ctx context.Context, parts []action.Part) {
	a.plain = parts
	parts, bar := statement.Belt(a.s.f.Service, a.s.sight.Expand(ctx, parts))
	if bar != nil {
		a.refuse(bar)
		return
	}
	a.act.Parts = parts
}

// Action is what is judged.
func (a *ask) Action() *action.Action { return &a.act }

// Learn holds the whole message; every other fact is there from the start.
func (a *ask) Learn(ctx context.Context, need action.Need) error {
	if need&sql.NeedLiterals != 0 {
		a.act.Parts = sql.WithLiterals(a.act.Parts)
	}
	if need&action.Whole == 0 {
		return nil
	}
	if a.sent > maxText+wire.HeaderLen {
		return errWhole
	}
	raw, err := a.s.in.Raw()
	if err != nil {
		return fmt.Errorf("hold the message: %w", err)
	}
	m := statement.Message{Parts: a.act.Parts, Behind: a.behind, Transaction: hold.InWords(a.s.ledger.Transaction(), statement.OpenHold(&a.s.f.Service.Session))}
	runs, types := raw, ""
	switch body := raw[wire.HeaderLen:]; a.kind {
	case ledger.Bind:
		if _, _, m.Values, err = wire.BindNames(body); err != nil {
			return err
		}
		runs, m.Types, types = m.Values, a.s.ledger.TypesOf(a.portal.Statement), a.portal.Statement.Declared
	case ledger.Call:
		m.Values = body[4:]
	}
	a.act.Digest = statement.Digest(m.Parts, m.Behind, runs, statement.Setting{
		Start: a.s.wish.Parameters, Own: a.s.drift.Key(a.s.outside(), a.s.ours, a.act.ID), Told: a.s.ledger.Told(), Types: types,
	})
	a.act.Sample, a.act.Hidden = statement.Sample(m)
	does := impact.Of(ctx, a.s.way, m, a.s.wish.Parameters, a.s.drift.Shifted())
	if a.act.Hidden > 0 {
		a.act.Transcript = statement.NewTranscript(does, m)
	}
	a.act.Sample = append(does, a.act.Sample...)
	a.act.Alike = statement.Alike(m.Parts, m.Behind)
	return nil
}

// learnParams puts the values of a Bind, if they can be read by the types of the
// parameters, into its own copy of the facts.
func (a *ask) learnParams(m wire.Message, types []uint32) error {
	if m.Body() > maxValues || !statement.TakesParams(a.act.Parts) {
		return nil
	}
	body, err := a.s.in.Body()
	if err != nil {
		return err
	}
	_, _, rest, err := wire.BindNames(body)
	if err != nil {
		return err
	}
	if a.s.f.Placeholders != nil {
		a.s.lookFor(string(rest), "values")
		a.looked = true
	}
	values, ok := bound.Params(rest, types)
	if !ok {
		return nil
	}
	a.act.Parts = statement.WithParams(a.act.Parts, values)
	return nil
}

// Forward sends the message. The record of a prelude is over then, that of
// anything else when the server has answered.
func (a *ask) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	if skip, err := a.overtaken(ctx); err != nil || skip {
		return action.Result{Status: "skipped", Failed: true}, errors.Join(err, a.s.in.Drop())
	}
	if a.bar != nil {
		return action.Result{Status: a.bar.Code, Failed: true, Err: a.bar.Text}, a.Refuse(ctx, action.Decision{})
	}
	if a.waited && !a.s.sight.Same(ctx, a.plain, a.act.Parts) {
		a.bar = refusal.Elsewhere()
		return action.Result{Status: a.bar.Code, Failed: true, Err: a.bar.Text}, a.Refuse(ctx, action.Decision{})
	}
	if d, err := a.fetch(ctx); err != nil || d.Verdict != action.Allow {
		return action.Result{Status: refusal.Denied, Failed: true, Err: "refused by what stands behind its cursor"}, errors.Join(err, a.Refuse(ctx, d))
	}
	if skip, err := a.overtaken(ctx); err != nil || skip {
		return action.Result{Status: "skipped", Failed: true}, errors.Join(err, a.s.in.Drop())
	}
	a.item.Kind, a.item.Sent, a.item.Saves = a.kind, a.sent, statement.Saves(a.act.Parts)
	switch a.kind {
	case ledger.Parse:
	case ledger.Bind:
		a.hold(up)
		a.portal.Held = a
	default:
		a.hold(up)
		a.item.Held = a
	}
	a.prepare()
	var out []ledger.Outcome
	a.seq, out = a.s.ledger.Push(a.item)
	a.pushed = true
	if a.kind != ledger.Parse {
		a.s.sight.Sent(a.act.Parts)
		a.s.drift.Sent(a.act.Parts)
	}
	ledger.Deliver(out)
	err := a.pass()
	a.stop()
	return action.Result{}, err
}

// pass lets the message through, and looks at values that were not looked at yet.
func (a *ask) pass() error {
	if a.s.f.Placeholders == nil || a.looked || a.kind != ledger.Bind && a.kind != ledger.Call {
		return a.s.in.Pass()
	}
	values := a.s.f.Placeholders.Stream("values")
	defer values.End()
	return a.s.in.PassSeen(values.Pass)
}

// fetch judges what stands behind the cursors that the message takes rows from, and
// notes those that it makes.
func (a *ask) fetch(ctx context.Context) (action.Decision, error) {
	if a.kind == ledger.Parse {
		return action.Decision{Verdict: action.Allow}, nil // nothing runs yet
	}
	d, err := cursor.Check(ctx, a.s.do, a.s.ledger, a.act.Parts, a.checked)
	if err == nil && d.Verdict == action.Allow && !cursor.Declare(a.s.ledger, a.act.Parts, a.act.Summary, a) {
		a.bar, d = refusal.TooManyCursors(), action.Decision{}
	}
	return d, err
}

// checked judges again what stands behind a cursor. A wait for that is one of this
// message.
func (a *ask) checked(ctx context.Context, behind protocols.Held) action.Decision {
	b, ok := behind.(*ask)
	if !ok {
		return behind.Check(ctx)
	}
	b.waited, b.why = false, nil
	d := b.Check(ctx)
	if b.waited {
		a.waited, a.fence, a.why = true, b.fence, b.why
	}
	return d
}

// hold keeps the action open, and ends it on the server if its permission ends.
func (a *ask) hold(up protocols.Upstream) {
	a.held = up.Hold(func() {
		a.gone.Store(true)
		a.stop()
	})
}

// stop ends the action on the server if its permission has ended: one that stands behind
// others as soon as the server comes to it. A server that has not begun forgets a cancel,
// so that it is sent again.
func (a *ask) stop() {
	if !a.gone.Load() {
		return
	}
	a.s.live.Go(func() {
		for try := 0; try < watch.Cancels && a.s.ledger.Reach(a.s.work, a) && (try > 0 || a.gone.Swap(false)); try++ {
			a.s.do(a.s.work, a.s.cancel("the rules have changed", false)) //nolint:errcheck // its record says what became of it
			ctx, end := context.WithTimeout(a.s.work, time.Second)
			a.s.ledger.Leave(ctx, a) //nolint:errcheck // then again
			end()
		}
	})
}

// prepare notes the names that a PREPARE is about to make.
func (a *ask) prepare() {
	if a.kind == ledger.Parse {
		return // nothing runs yet
	}
	for _, p := range a.plain {
		if s := statement.Shape(p); s != nil && s.Prepares != "" {
			a.s.ledger.Prepare(s.Prepares, []action.Part{p})
		}
	}
}

// Check judges the action again if the rules have changed. That may be a wait for
// an approval, which ends as every other.
func (a *ask) Check(ctx context.Context) action.Decision { return a.held.Check(ctx) }

// Done closes the record.
func (a *ask) Done(r action.Result, err error) {
	a.held.Done(r, err)
	a.s.sight.Done(a.act.Parts, r.Failed)
}

// Refuse puts a message that the server must refuse in the place of this one. What
// was locked before a savepoint only the end of the session gives back.
func (a *ask) Refuse(ctx context.Context, d action.Decision) error {
	if skip, err := a.overtaken(ctx); err != nil || skip {
		return errors.Join(err, a.s.in.Drop())
	}
	if errors.Is(a.why, hold.ErrTooLong) && a.s.ledger.Saved() {
		return a.why
	}
	return a.s.substitute(a.kind, a.word(d))
}

// word is what the agent hears of a refusal.
func (a *ask) word(d action.Decision) *pgproto3.ErrorResponse {
	e := refusal.Of("statement", &a.act, d, a.bar)
	switch {
	case errors.Is(a.why, errCancelled):
		e.Code, e.Message, e.Hint = "57014", "canceling statement due to user request", ""
	case errors.Is(a.why, hold.ErrTooLong):
		e.Code, e.Message, e.Hint = refusal.OpenTooLong(statement.OpenHold(&a.s.f.Service.Session))
	}
	return e
}

// Wait tells the agent that somebody is being asked, and watches for its end: a
// hang-up, a cancel request or a transaction that is open for too long ends the
// wait. Meanwhile the session is not idle.
func (a *ask) Wait(ctx context.Context, d action.Decision) (context.Context, func()) {
	s := a.s
	a.waited = true
	a.loosen()
	ctx, stop := s.live.Watch(ctx, s.in)
	ctx, end := context.WithCancelCause(ctx)
	over := make(chan struct{})
	started := s.live.Go(func() {
		defer close(over)
		end(hold.Wait{
			Tell: func() error { return s.agent.Tell(refusal.Waiting(&a.act, d)) },
			Open: func() bool { return s.ledger.Transaction() == ledger.Inside },
			Moot: func() bool { return s.ledger.Moot(a.fence) },
			Most: statement.OpenHold(&s.f.Service.Session),
		}.Run(ctx))
	})
	return ctx, func() {
		s.heard.Store(time.Now().UnixNano())
		a.why = context.Cause(ctx)
		end(nil)
		if started {
			<-over
		}
		stop()
	}
}

// loosen ends the implicit transaction in which texts were only prepared, before
// the wait for an approval: nothing stays locked meanwhile.
func (a *ask) loosen() {
	var ok bool
	if a.fence, ok = a.s.ledger.Loosen(); !ok {
		return
	}
	if msg, err := (&pgproto3.Sync{}).Encode(nil); err == nil {
		a.s.in.Insert(msg) //nolint:errcheck // a server that is gone is noticed by its pump
	}
}

// overtaken reports whether what the agent sent before has failed while this
// waited: then this and all up to the next Sync are skipped, as by a server.
func (a *ask) overtaken(ctx context.Context) (bool, error) {
	if !a.waited {
		return false, nil
	}
	if err := a.s.ledger.Rejoin(ctx, a.fence); err != nil {
		return false, err
	}
	moot := a.s.ledger.Moot(a.fence)
	a.s.skip = a.s.skip || moot
	return moot, nil
}
