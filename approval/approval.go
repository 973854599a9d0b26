// Package approval asks people whether an action may go on, keeps what they are
// asked until they answer or a deadline passes, and gives their answer to the one
// action that they saw. It knows nothing of protocols or rules; what it is not
// told, it denies.
package approval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/attention"
	"sallyport.dev/sallyport/approval/panel"
)

// Defaults of an Approver.
const (
	DefaultTimeout = 10 * time.Minute
	DefaultHold    = time.Minute
)

var (
	// ErrUnknown means that no ask of that id is known.
	ErrUnknown = errors.New("no such approval is pending")
	// ErrAnswered means that the ask has its answer already.
	ErrAnswered = errors.New("already answered")
	// ErrNotYours means that somebody else is asked.
	ErrNotYours = errors.New("this is for somebody else to answer")
	// ErrStepUp means that a yes takes a fresh proof, which that door cannot ask for.
	ErrStepUp = errors.New("a yes to this takes a fresh proof of who you are: answer it in the dashboard")
)

// An Approver is who is asked, as the configuration in force declares it.
type Approver struct {
	Members []string      // see action.Person.Is
	Require int           // distinct people; 0 is one
	Hold    time.Duration // how long an agent's connection waits; 0 is DefaultHold
	Timeout time.Duration // how long the ask lives; 0 is DefaultTimeout
	Notify  []Channel
	// StepUp: a yes takes a fresh proof of who it is, as only the dashboard and the
	// host ask for it. The dashboard sees to that; the desk refuses other doors.
	StepUp bool
}

// A Desk holds what people are asked. Its fields are set before Load, and the zero
// Desk needs Now and Log only: without a Store it forgets at the end, without the
// functions it asks whoever has the host's admin.sock.
type Desk struct {
	Now   func() time.Time
	Log   *slog.Logger
	Store Store  // nil: nothing outlives the process
	Key   []byte // binds an answer to what it answers; secret, and the same after a restart

	// Approver gives the declaration behind "approver.oncall", as it is now.
	Approver func(name string) (Approver, bool)
	// Operator reports whether somebody may answer what names no approver.
	Operator func(p action.Person) bool
	// Judge gives the judge behind "judge.pii".
	Judge func(name string) (Judge, bool)
	// Paper writes an action down, so that it can be judged again; nil: nobody does.
	Paper func(a *action.Action, dec action.Decision) []byte
	// Serves reports whether the agent of a paper has a service at host by now.
	Serves func(paper []byte, host string) bool
	// Hold and Timeout are those of asks that name no approver; 0 is the default.
	Hold, Timeout time.Duration

	life context.Context // ends with the gateway; set by Load

	mu      sync.Mutex
	all     map[string]*ask   // by id; guarded by mu
	tickets map[string]*ask   // whose answer may still be used; guarded by mu
	granted map[string][]*ask // yeses for longer, by what they are for; guarded by mu
	agents  attention.Table   // guarded by mu
	past    []string          // ids of settled asks, oldest first; guarded by mu
	changed chan struct{}     // closed at the next change; guarded by mu
}

// Settle gets the answer of d's judges and approvers about a: at once where
// somebody has said yes for longer, else it waits for them. An ask whose agent
// was held for long enough goes on without it, and the decision is Ask: the very
// same action, sent again, gets the answer. It denies when nobody answers in time,
// when ctx ends first (the agent hung up) and when the agent asks too much.
func (d *Desk) Settle(ctx context.Context, a *action.Action, dec action.Decision) action.Decision {
	q := d.question(a, dec)
	for {
		k, out := d.enter(ctx, a, q)
		if k == nil {
			return out
		}
		if out, over := d.wait(ctx, k, q); over {
			return out
		}
		q = d.question(a, dec)
	}
}

// enter gives the ask that q waits at, or the decision where there is no need to.
func (d *Desk) enter(ctx context.Context, a *action.Action, q *question) (*ask, action.Decision) {
	defer q.filed()
	if out, ok := d.useGrant(q, q.exact); ok {
		return nil, out
	}
	if k, known := d.join(q, a.Transcript); known {
		return k, action.Decision{}
	}
	if out, over := d.consult(ctx, a, q); over {
		return nil, out
	}
	k, err := d.file(a, q)
	if err != nil {
		return nil, q.denied(err.Error())
	}
	return k, action.Decision{}
}

// consult hears the judges, which may end it, and then a yes for longer. What it
// learns stands in q.
func (d *Desk) consult(ctx context.Context, a *action.Action, q *question) (action.Decision, bool) {
	done, err := d.call(q)
	if err != nil {
		return q.denied(err.Error()), true
	}
	defer done()
	var people []action.Asking
	for _, asking := range q.dec.Asks {
		ruling, opinions := d.hear(ctx, a, asking)
		q.opinions = append(q.opinions, opinions...)
		switch ruling.Judgement {
		case Deny:
			return q.denied(cmp.Or(ruling.Reason, "A judge denied it.")), true
		case Pass:
			people = append(people, asking)
		}
	}
	if len(people) == 0 && len(q.dec.Asks) > 0 {
		return q.allowed("", "Allowed by a judge."), true
	}
	q.people = people
	return d.useGrant(q, q.similar)
}

// call lets judges hear what people could be asked too: a call is no more to be had
// for nothing than their attention. They have heard it when done is called.
func (d *Desk) call(q *question) (done func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.ContainsFunc(q.dec.Asks, panel.Judged) {
		return func() {}, nil
	}
	at := d.agents.Of(q.agent)
	if err := at.Admit(d.Now()); err != nil {
		return nil, err
	}
	at.Judging++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		at.Judging--
	}, nil
}

// hear asks the judges of one rule, in their order, until one denies or decides.
func (d *Desk) hear(ctx context.Context, a *action.Action, asking action.Asking) (Opinion, []string) {
	var said []string
	for _, name := range asking.Approvers {
		if !panel.IsJudge(name) {
			continue
		}
		opinion := Opinion{Reason: "There is no " + name + " any more."}
		if d.Judge != nil {
			if j, ok := d.Judge(name); ok {
				opinion = j.Judge(ctx, a)
			}
		}
		said = append(said, strings.TrimSuffix(fmt.Sprintf("%s: %s: %s", name, opinion.Judgement, opinion.Reason), ": "))
		if opinion.Judgement != Pass {
			return opinion, said
		}
	}
	return Opinion{Judgement: Pass}, said
}

// wait keeps an agent at its ask. It is not over when another action of the same
// bytes has used the answer up.
func (d *Desk) wait(ctx context.Context, k *ask, q *question) (action.Decision, bool) {
	held := time.NewTimer(d.patience(ctx, k))
	defer held.Stop()
	var end leaving
	select {
	case <-k.done:
	case <-held.C:
		end = cameBack
	case <-ctx.Done():
		end = hungUp
	}
	return d.leave(k, q, end)
}

// patience is how long an agent is held at k: as its approvers say, and never
// longer than it lives or than the client waits.
func (d *Desk) patience(ctx context.Context, k *ask) time.Duration {
	now := d.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	held := min(k.hold, k.req.Expires.Sub(now))
	if until, ok := action.Patience(ctx); ok {
		held = min(held, until.Sub(now))
	}
	return held
}

// A leaving says why an agent does not wait any more.
type leaving uint8

const (
	answered leaving = iota
	cameBack         // it is told to
	hungUp
)

// leave takes an agent from its ask and says what it hears.
func (d *Desk) leave(k *ask, q *question, end leaving) (action.Decision, bool) {
	k.step.Lock()
	defer k.step.Unlock()
	d.mu.Lock()
	k.waiting--
	k.parked = k.parked || end == cameBack
	left := k.waiting == 0 && !k.parked
	r := k.req
	d.mu.Unlock()
	if r.State == Pending && !d.Now().Before(r.Expires) {
		r = d.close(k, TimedOut)
	}
	if r.State == Pending && end == hungUp && left && d.living() {
		r = d.close(k, Cancelled)
	}
	switch r.State {
	case Approved:
		return d.use(k, q)
	case Pending:
		return q.pending(r.ID), true
	case Denied:
		return q.denied(r.Denial()), true
	case TimedOut:
		return q.denied("Nobody answered the approval request in time."), true
	}
	return q.denied("The request was withdrawn, or cut off, before anybody answered."), true
}

// living reports whether the gateway goes on: what it cuts off when it stops has
// not hung up, and may come back.
func (d *Desk) living() bool { return d.life == nil || d.life.Err() == nil }

// use gives the yes of k to one action. It is not over when another one has had it,
// or when those who gave it may not any more. k.step is held.
func (d *Desk) use(k *ask, q *question) (action.Decision, bool) {
	next := d.requestOf(k)
	if !next.Used.IsZero() {
		return action.Decision{}, false
	}
	stands := d.standing(&next, k)
	next.Used = d.Now()
	if stands {
		next.UsedBy = q.action
	}
	if err := d.keep(k, next); err != nil {
		d.Log.Error("the use of an approval cannot be kept", "id", next.ID, "err", err)
		return q.denied("The approval cannot be used: it could not be written down."), true
	}
	d.apply(k, next)
	return q.allowed(next.ID, next.Approval()), stands
}
