// Package approval asks people whether an action may go on, and gives their
// answer before a deadline. It knows nothing of protocols or rules; what it is
// not told, it denies.
package approval

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
)

// Defaults of a Desk.
const (
	DefaultTimeout = 10 * time.Minute
	maxPending     = 16 // asks of one agent that wait at the same time
	keepAnswered   = 256
)

var (
	// ErrUnknown means that no ask of that id waits.
	ErrUnknown = errors.New("no such approval is pending")
	// ErrAnswered means that the ask has its answer already.
	ErrAnswered = errors.New("already answered")
)

// A State is where an ask stands.
type State string

// The states of a Request.
const (
	Pending   State = "pending"
	Approved  State = "approved"
	Denied    State = "denied"
	TimedOut  State = "timed out"
	Cancelled State = "cancelled" // the agent hung up, or lost its access
)

// A Request is one ask as people see it. It is a copy; changing it changes
// nothing.
type Request struct {
	ID       string    `json:"id"` // the action's
	State    State     `json:"state"`
	Agent    string    `json:"agent"`
	Service  string    `json:"service"`
	Kind     string    `json:"kind"`
	Summary  string    `json:"summary"`
	Sample   string    `json:"sample,omitempty"`       // what would be sent, see action.Action
	Hidden   int64     `json:"hidden_bytes,omitempty"` // bytes of it that Sample leaves out
	Digest   string    `json:"digest,omitempty"`       // SHA-256 of all of it, in hex
	Rules    []string  `json:"rules,omitempty"`
	Reasons  []string  `json:"reasons,omitempty"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	Answered time.Time `json:"answered,omitzero"`
	By       string    `json:"by,omitempty"`
	Note     string    `json:"note,omitempty"`
	answer   chan struct{}
	agentID  string
}

// A Desk holds the asks that wait and the last ones that were answered. The zero
// Desk is ready but for Now and Log.
type Desk struct {
	Timeout time.Duration // how long an ask lives; 0 is DefaultTimeout
	Now     func() time.Time
	Log     *slog.Logger

	mu       sync.Mutex
	waiting  map[string]*Request // by action id; guarded by mu
	answered []Request           // newest last; guarded by mu
	changed  chan struct{}       // closed at the next change; guarded by mu
}

// Settle waits for a person's answer to d about a. It denies when nobody answers
// in time, when ctx ends first (the agent hung up) and when the agent has too
// many asks waiting.
func (d *Desk) Settle(ctx context.Context, a *action.Action, dec action.Decision) action.Decision {
	r, err := d.file(a, dec)
	if err != nil {
		return action.Decision{Rule: dec.Rule, Reason: err.Error(), Asks: dec.Asks}
	}
	d.Log.Info("approval asked", "id", r.ID, "agent", r.Agent, "service", r.Service)
	timer := time.NewTimer(d.timeout())
	defer timer.Stop()
	select {
	case <-r.answer:
	case <-timer.C:
		d.close(r, TimedOut, "", "")
	case <-ctx.Done():
		d.close(r, Cancelled, "", "")
	}
	return d.verdict(r, dec)
}

// file puts a new ask on the desk.
func (d *Desk) file(a *action.Action, dec action.Decision) (*Request, error) {
	now := d.Now()
	r := &Request{
		ID: a.ID, State: Pending, Agent: a.Peer.Name, agentID: a.Peer.ID, Service: a.Service.Name,
		Kind: a.Kind, Summary: a.Summary, Sample: string(a.Sample), Hidden: a.Hidden, Digest: hex.EncodeToString(a.Digest),
		Created: now, Expires: now.Add(d.timeout()), answer: make(chan struct{}),
	}
	for _, ask := range dec.Asks {
		r.Rules = append(r.Rules, ask.Rule)
		r.Reasons = append(r.Reasons, ask.Reason)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, other := range d.waiting {
		if other.agentID == r.agentID {
			n++
		}
	}
	if n >= maxPending {
		return nil, fmt.Errorf("%d approvals of this agent are waiting already; wait for them or cancel them", n)
	}
	if d.waiting == nil {
		d.waiting = make(map[string]*Request)
	}
	d.waiting[r.ID] = r
	d.tell()
	return r, nil
}

// Answer gives a person's answer to a waiting ask.
func (d *Desk) Answer(id string, yes bool, who action.Person, note string, scope Scope) (Request, error) {
	if err := scope.Check(); err != nil {
		return Request{}, err
	}
	if scope.Lasts() {
		return Request{}, fmt.Errorf("%w: only once, in this version", ErrScope)
	}
	by := who.Name
	d.mu.Lock()
	r := d.waiting[id]
	done := slices.ContainsFunc(d.answered, func(r Request) bool { return r.ID == id })
	d.mu.Unlock()
	if r == nil && done {
		return Request{}, fmt.Errorf("approval %s: %w", id, ErrAnswered)
	}
	if r == nil {
		return Request{}, fmt.Errorf("approval %s: %w", id, ErrUnknown)
	}
	state := Denied
	if yes {
		state = Approved
	}
	if !d.close(r, state, by, note) {
		return Request{}, fmt.Errorf("approval %s: %w", id, ErrAnswered)
	}
	d.Log.Info("approval answered", "id", id, "state", string(state), "by", by)
	return d.copyOf(r), nil
}

// close settles an ask; it reports false when it was settled before.
func (d *Desk) close(r *Request, s State, by, note string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.State != Pending {
		return false
	}
	r.State, r.By, r.Note, r.Answered = s, by, note, d.Now()
	delete(d.waiting, r.ID)
	d.answered = append(d.answered, *r)
	if len(d.answered) > keepAnswered {
		d.answered = slices.Delete(d.answered, 0, len(d.answered)-keepAnswered)
	}
	close(r.answer)
	d.tell()
	return true
}

// verdict turns the state of a settled ask into a decision.
func (d *Desk) verdict(r *Request, dec action.Decision) action.Decision {
	got := d.copyOf(r)
	out := action.Decision{Rule: dec.Rule, Asks: dec.Asks, Would: dec.Would}
	switch got.State {
	case Approved:
		out.Verdict, out.Reason = action.Allow, "Approved by "+got.By+"."
	case Denied:
		out.Reason = "Denied by " + got.By + "."
		if got.Note != "" {
			out.Reason = "Denied by " + got.By + ": " + got.Note
		}
	case TimedOut:
		out.Reason = "Nobody answered the approval request in time."
	default:
		out.Reason = "The request was withdrawn, or cut off, before anybody answered."
	}
	return out
}

// List gives the waiting asks, oldest first.
func (d *Desk) List() []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]Request, 0, len(d.waiting))
	for _, r := range d.waiting {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Request) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Get gives one ask, waiting or among the last answered.
func (d *Desk) Get(id string) (Request, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.waiting[id]; r != nil {
		return *r, true
	}
	for i := len(d.answered) - 1; i >= 0; i-- {
		if d.answered[i].ID == id {
			return d.answered[i], true
		}
	}
	return Request{}, false
}

// Changed gives a channel that is closed at the next change of the desk.
func (d *Desk) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.changed
}

// tell wakes those who watch; callers hold mu.
func (d *Desk) tell() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

func (d *Desk) copyOf(r *Request) Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return *r
}

func (d *Desk) timeout() time.Duration {
	if d.Timeout > 0 {
		return d.Timeout
	}
	return DefaultTimeout
}
