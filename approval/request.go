package approval

import (
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/reading"
	"sallyport.dev/sallyport/approval/request"
)

// An ask as people see it, see package request.
type (
	// Request is one ask. It is a copy; changing it changes nothing.
	Request = request.Request
	// State is where an ask stands.
	State = request.State
	// Need is one approver that must answer.
	Need = request.Need
	// Vote is one person's answer.
	Vote = request.Vote
	// Grant is a yes for longer.
	Grant = request.Grant
)

// The states of a Request.
const (
	Pending   = request.Pending
	Approved  = request.Approved
	Denied    = request.Denied
	TimedOut  = request.TimedOut
	Cancelled = request.Cancelled
)

// KindService is the Kind of a Request by which an agent proposes a service.
const KindService = request.KindService

// An ask is a Request on the desk. Every change is made with step held, which is
// taken before the desk's mu; req is read and replaced with mu held.
type ask struct {
	step    sync.Mutex
	req     Request
	agent   string // id
	asks    []action.Asking
	exact   string
	similar string
	hold    time.Duration
	waiting int    // guarded by the desk's mu
	parked  bool   // guarded by the desk's mu
	paper   []byte // see Desk.Paper
	whole   reading.Reading
	done    chan struct{} // closed when it is pending no more
}

// view is the ask as people see it; the caller holds the desk's mu.
func (k *ask) view() Request {
	r := k.req
	r.Waiting, r.Again = k.waiting, k.parked
	r.Whole, r.Kept = k.whole.Here(), len(k.paper) > 0
	return r
}

// List gives the waiting asks, oldest first.
func (d *Desk) List() []Request { return d.First(-1) }

// First gives the n oldest of the waiting asks, or all of them if n is negative.
func (d *Desk) First(n int) []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := make([]string, 0, 64)
	for id, k := range d.all {
		if k.req.State == Pending {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if n >= 0 {
		ids = ids[:min(n, len(ids))]
	}
	list := make([]Request, len(ids))
	for i, id := range ids {
		list[i] = d.all[id].view()
	}
	return list
}

// Past gives the last asks that were settled, newest first, at most n.
func (d *Desk) Past(n int) []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Request
	for _, id := range slices.Backward(d.past) {
		if len(list) == n {
			break
		}
		if k := d.all[id]; k != nil {
			list = append(list, k.view())
		}
	}
	return list
}

// Get gives one ask, waiting or among the last answered, with what a yes takes now.
func (d *Desk) Get(id string) (Request, bool) {
	k := d.ask(id)
	if k == nil {
		return Request{}, false
	}
	r := d.requestOf(k)
	r.StepUp = r.StepUp || r.State == Pending && d.grave(k)
	return r, true
}

// Of gives an ask of the agent with that id, and of no other.
func (d *Desk) Of(agent, id string) (Request, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.all[id]
	if k == nil || k.agent != agent {
		return Request{}, false
	}
	return k.view(), true
}

// Pending counts the waiting asks.
func (d *Desk) Pending() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.agents.Pending()
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

// stir wakes those who watch; callers hold mu.
func (d *Desk) stir() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}
