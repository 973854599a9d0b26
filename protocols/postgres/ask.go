package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/statement"
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
	behind []action.Part // what an EXECUTE in it may run
	sent   int64
	item   ledger.Item
	portal ledger.Portal

	pushed bool
	seq    uint64
	held   protocols.Held
	unhook func() bool
	why    error // what ended the wait for an approval
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

// Action is what is judged.
func (a *ask) Action() *action.Action { return &a.act }

// Learn holds the whole message; every other fact is there from the start.
func (a *ask) Learn(_ context.Context, need action.Need) error {
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
	m := statement.Message{Parts: a.act.Parts, Behind: a.behind}
	switch body := raw[wire.HeaderLen:]; a.kind {
	case ledger.Bind:
		if _, _, m.Values, err = wire.BindNames(body); err != nil {
			return err
		}
	case ledger.Call:
		m.Values = body[4:]
	}
	a.act.Digest = statement.Digest(m.Parts, m.Behind, raw)
	a.act.Sample, a.act.Hidden = statement.Sample(m)
	return nil
}

// learnParams puts the values of a Bind, if they are text, into its own copy of
// the facts.
func (a *ask) learnParams(m wire.Message) error {
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
	values, ok := wire.BindParams(rest)
	if !ok {
		return nil
	}
	a.act.Parts = statement.WithParams(a.act.Parts, values)
	return nil
}

// Forward sends the message. The record of a prelude is over then, that of
// anything else when the server has answered.
func (a *ask) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	if a.bar != nil {
		return action.Result{Status: a.bar.Code, Failed: true, Err: a.bar.Text}, a.Refuse(ctx, action.Decision{})
	}
	a.item.Kind, a.item.Sent = a.kind, a.sent
	switch a.kind {
	case ledger.Parse:
	case ledger.Bind:
		a.hold(ctx, up)
		a.portal.Held = a
	default:
		a.hold(ctx, up)
		a.item.Held = a
	}
	a.prepare()
	var out []ledger.Outcome
	a.seq, out = a.s.ledger.Push(a.item)
	a.pushed = true
	ledger.Deliver(out)
	return action.Result{}, a.s.in.Pass()
}

// hold keeps the action open, and ends it on the server if its permission ends.
func (a *ask) hold(ctx context.Context, up protocols.Upstream) {
	a.held = up.Hold()
	a.unhook = context.AfterFunc(ctx, func() {
		defer a.s.live.Rescue()
		if a.s.ledger.Works(a) {
			a.s.cancelRunning("the rules have changed")
		}
	})
}

// prepare notes the names that a PREPARE is about to make.
func (a *ask) prepare() {
	if a.kind == ledger.Parse {
		return // nothing runs yet
	}
	for _, p := range a.act.Parts {
		if s := statement.Shape(p); s != nil && s.Prepares != "" {
			a.s.ledger.Prepare(s.Prepares, []action.Part{p})
		}
	}
}

// patient is how long a check may take before it counts as a wait for somebody.
const patient = 50 * time.Millisecond

// Check judges the action again if the rules have changed. That may be a wait for
// an approval, which ends as every other.
func (a *ask) Check(ctx context.Context) action.Decision {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var stop func()
	begun := make(chan struct{})
	timer := time.AfterFunc(patient, func() {
		defer close(begun)
		defer a.s.live.Rescue()
		var waits context.Context
		waits, stop = a.Wait(ctx, action.Decision{})
		context.AfterFunc(waits, func() { cancel(context.Cause(waits)) })
	})
	d := a.held.Check(ctx)
	if timer.Stop() {
		return d
	}
	if <-begun; stop != nil {
		stop()
	}
	return d
}

// Done closes the record.
func (a *ask) Done(r action.Result, err error) {
	a.unhook()
	a.held.Done(r, err)
}

// Refuse puts a message that the server must refuse in the place of this one.
func (a *ask) Refuse(_ context.Context, d action.Decision) error {
	return a.s.substitute(a.kind, a.word(d))
}

// word is what the agent hears of a refusal.
func (a *ask) word(d action.Decision) *pgproto3.ErrorResponse {
	if errors.Is(a.why, errCancelled) {
		e := refusal.Of("statement", &a.act, d, a.bar)
		e.Code, e.Message, e.Hint = "57014", "canceling statement due to user request", ""
		return e
	}
	return refusal.Of("statement", &a.act, d, a.bar)
}

// Wait tells the agent that somebody is being asked, and watches for its end: a
// hang-up or a cancel request ends the wait. Meanwhile the session is not idle.
func (a *ask) Wait(ctx context.Context, d action.Decision) (context.Context, func()) {
	s := a.s
	ctx, stop := s.live.Watch(ctx, s.in, func(err error) { a.why = err })
	func() {
		defer s.live.Rescue() // whoever waits must still call stop
		s.notice(a, d)
	}()
	s.live.Go(func() { s.remind(ctx, a, d) })
	return ctx, func() {
		s.heard.Store(time.Now().UnixNano())
		stop()
	}
}

// reminder is how often an agent that waits is told so; it also keeps its
// connection from looking dead.
const reminder = 30 * time.Second

func (s *session) remind(ctx context.Context, a *ask, d action.Decision) {
	tick := time.NewTicker(reminder)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.notice(a, d)
		}
	}
}

// notice tells the agent that its statement waits.
func (s *session) notice(a *ask, d action.Decision) {
	s.agent.Tell(refusal.Waiting(&a.act, d)) //nolint:errcheck // an agent that is gone is noticed by the reader
}
