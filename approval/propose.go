package approval

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/wish"
)

// Bounds of what an agent may propose.
const (
	maxProposals  = 3 // of one agent, that wait
	proposalLives = 7 * 24 * time.Hour
)

// Propose files the wish of an agent for a service at host, a name that the caller
// has checked to be one. Draft is what would have to be written for it. Operators
// find it among the asks, and a draft of the edit with it. A yes tells the agent that
// somebody took it up, and opens nothing by itself; it is done when the rules give
// the agent such a service.
func (d *Desk) Propose(ctx context.Context, p *action.Peer, host, why, draft string) (Request, error) {
	if err := ctx.Err(); err != nil {
		return Request{}, err
	}
	now := d.Now()
	k := &ask{
		agent: p.ID, asks: []action.Asking{{Rule: "", Reason: "An agent asks for a service."}},
		exact: d.bind("propose", nil, p.ID, host), parked: true, done: make(chan struct{}),
		req: Request{
			ID: action.NewID(now), State: Pending, Agent: p.Name, User: p.User, Kind: KindService, Host: host,
			Summary: "a service for " + host, Sample: wish.Quote(why) + draft, Created: now, Expires: now.Add(proposalLives),
		},
	}
	k.req.Reasons = []string{k.asks[0].Reason}
	k.paper = d.write(&action.Action{ID: k.req.ID, Time: now, Peer: p, Host: host, Kind: KindService}, action.Decision{})
	k.req.Needs = d.count(&k.req, k)
	k.step.Lock()
	defer k.step.Unlock()
	d.mu.Lock()
	n := 0
	for _, o := range d.all {
		if o.agent == k.agent && o.req.Kind == KindService && o.req.State == Pending {
			n++
		}
	}
	d.mu.Unlock()
	if n >= maxProposals {
		return Request{}, fmt.Errorf("%d proposals of this agent wait already", n)
	}
	other, err := d.place(k, nil, now)
	if err != nil {
		return Request{}, err
	}
	if other != nil {
		d.mu.Lock()
		other.waiting--
		d.mu.Unlock()
		return d.requestOf(other), nil
	}
	if err := d.keep(k, k.req); err != nil {
		d.close(k, Cancelled)
		return Request{}, fmt.Errorf("the proposal cannot be kept: %w", err)
	}
	d.Log.Info("service proposed", "id", k.req.ID, "agent", k.req.Agent, "host", host)
	d.tell(Asked, k)
	return d.requestOf(k), nil
}

// Fulfil looks which proposals are done by now: whose agent has a service at the
// host. Who changed the rules has answered them, whatever they said before.
func (d *Desk) Fulfil() {
	if d.Serves == nil {
		return
	}
	open := make(map[*ask]string) // by host
	d.mu.Lock()
	for _, k := range d.all {
		if k.req.Kind == KindService && k.req.Fulfilled.IsZero() && (k.req.State == Pending || k.req.State == Approved) && len(k.paper) > 0 {
			open[k] = k.req.Host
		}
	}
	d.mu.Unlock()
	for k, host := range open {
		if d.Serves(k.paper, host) {
			d.fulfil(k)
		}
	}
}

func (d *Desk) fulfil(k *ask) {
	k.step.Lock()
	defer k.step.Unlock()
	next := d.requestOf(k)
	if next.State != Pending && next.State != Approved || !next.Fulfilled.IsZero() {
		return
	}
	next.Fulfilled = d.Now()
	pending := next.State == Pending
	if pending {
		next.State, next.Answered, next.By = Approved, next.Fulfilled, "the rules"
	}
	if err := d.keep(k, next); err != nil {
		d.Log.Warn("that a proposal is done cannot be kept", "id", next.ID, "err", err)
	}
	d.apply(k, next)
	if pending {
		d.tell(Answered, k)
	}
}
