package approval

import (
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
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

// KindService is the Kind of a Request by which an agent proposes a service.
const KindService = "service"

// A Request is one ask as people see it. It is a copy; changing it changes
// nothing.
type Request struct {
	ID      string   `json:"id"` // of the action that asked first
	State   State    `json:"state"`
	Agent   string   `json:"agent"`
	User    string   `json:"user,omitempty"` // whose agent it is, who may not answer
	Session string   `json:"session,omitempty"`
	Service string   `json:"service"`
	Host    string   `json:"host,omitempty"`
	Kind    string   `json:"kind"`
	Summary string   `json:"summary"`
	Sample  string   `json:"sample,omitempty"`       // what would be sent, see action.Action
	Hidden  int64    `json:"hidden_bytes,omitempty"` // bytes of it that Sample leaves out
	Digest  string   `json:"digest,omitempty"`       // SHA-256 of all of it, in hex
	Alike   string   `json:"alike,omitempty"`        // what a yes of scope similar is for; "": none can be given
	Rules   []string `json:"rules,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	Judges  []string `json:"judges,omitempty"` // what they said
	Needs   []Need   `json:"needs,omitempty"`  // who must answer
	Votes   []Vote   `json:"votes,omitempty"`
	StepUp  bool     `json:"step_up,omitempty"` // see Approver

	Brief   bool `json:"brief,omitempty"` // in a long list: the Sample is left out
	Waiting int  `json:"waiting"`         // connections of the agent that are held for the answer
	Again   bool `json:"again"`           // the agent was told to come back: only the same action, sent again, gets the answer

	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires"`
	Answered   time.Time `json:"answered,omitzero"`
	By         string    `json:"by,omitempty"`
	Note       string    `json:"note,omitempty"`
	BreakGlass bool      `json:"break_glass,omitempty"` // answered on the host, by nobody who was asked
	Used       time.Time `json:"used,omitzero"`         // when the yes was given to an action
	UsedBy     string    `json:"used_by,omitempty"`     // that action
	Grant      *Grant    `json:"grant,omitempty"`       // the yes is for longer
}

// A Need is one approver that must answer.
type Need struct {
	Approver string   `json:"approver"` // "" is any operator who may approve
	Require  int      `json:"require"`
	Have     []string `json:"have,omitempty"` // who said yes for it
}

// A Vote is one person's answer.
type Vote struct {
	Person action.Person `json:"person"`
	Yes    bool          `json:"yes"`
	Note   string        `json:"note,omitempty"`
	Time   time.Time     `json:"time"`
	Scope  Scope         `json:"scope,omitzero"`
}

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
	waiting int           // guarded by the desk's mu
	parked  bool          // guarded by the desk's mu
	done    chan struct{} // closed when it is pending no more
}

// view is the ask as people see it; the caller holds the desk's mu.
func (k *ask) view() Request {
	r := k.req
	r.Waiting, r.Again = k.waiting, k.parked
	return r
}

// Masked gives the request with what mask makes of every text that an agent, or
// who was told of it, may have written: for those who are told beside the line.
func (r Request) Masked(mask func(string) string) Request {
	for _, s := range []*string{&r.Host, &r.Summary, &r.Sample, &r.Alike, &r.Note} {
		*s = mask(*s)
	}
	list := func(of []string) []string {
		out := slices.Clone(of)
		for i := range out {
			out[i] = mask(out[i])
		}
		return out
	}
	r.Judges, r.Reasons = list(r.Judges), list(r.Reasons)
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
