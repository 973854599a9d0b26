package approval

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/panel"
)

const (
	keepPast = 256 // settled asks that are kept, beside those whose answer counts
	// collect is how long an answer stands at least: an agent that was told to come
	// back may do so only after the ask's own end.
	collect = time.Minute
)

// join gives the ask that q repeats, whose answer it then gets, and counts one
// more waiting agent; ok is false if q is new.
func (d *Desk) join(q *question, whole action.Transcript) (_ *ask, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.tickets[q.exact]
	if k == nil || !k.stands(d.Now()) {
		return nil, false
	}
	k.waiting++
	k.whole.Take(whole)
	d.stir()
	return k, true
}

// stands reports whether an ask may still give its answer to an action.
func (k *ask) stands(now time.Time) bool {
	until := k.req.Expires
	if a := k.req.Answered.Add(collect); !k.req.Answered.IsZero() && a.After(until) {
		until = a
	}
	switch k.req.State {
	case Pending:
		return now.Before(k.req.Expires)
	case Approved:
		return k.req.Used.IsZero() && now.Before(until)
	case Denied:
		return now.Before(until)
	}
	return false
}

// file puts a new ask on the desk, with one agent waiting for it.
func (d *Desk) file(a *action.Action, q *question) (*ask, error) {
	now := d.Now()
	k := &ask{req: *q.req, agent: q.agent, asks: q.people, exact: q.exact, similar: q.similar, waiting: 1, done: make(chan struct{})}
	k.req.Judges, k.paper = q.opinions, d.write(a, q.dec)
	for _, a := range q.dec.Asks {
		k.req.Rules = append(k.req.Rules, a.Rule)
		k.req.Reasons = append(k.req.Reasons, a.Reason)
	}
	var lives time.Duration
	k.hold, lives = d.terms(k.asks)
	k.req.Created, k.req.Expires = now, now.Add(lives)
	k.req.Needs, k.req.StepUp = d.count(&k.req, k), d.grave(k) || harms(a, q.dec)
	k.step.Lock()
	defer k.step.Unlock()
	if other, err := d.place(k, a.Transcript, now); err != nil || other != nil {
		return other, err
	}
	if err := d.keep(k, k.req); err != nil {
		d.Log.Error("an approval request cannot be kept", "id", k.req.ID, "err", err)
		d.close(k, Cancelled)
		return nil, fmt.Errorf("nobody was asked: the request could not be written down")
	}
	d.Log.Info("approval asked", "id", k.req.ID, "agent", k.req.Agent, "service", k.req.Service)
	d.tell(Asked, k)
	return k, nil
}

// place makes room for k and puts it there, with all that it would send, or gives the ask that the same agent
// filed meanwhile for the very same action.
func (d *Desk) place(k *ask, whole action.Transcript, now time.Time) (other *ask, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if other = d.tickets[k.exact]; other != nil && other.stands(now) {
		other.waiting++
		d.stir()
		return other, nil
	}
	if err := d.agents.Of(k.agent).Admit(now); err != nil {
		return nil, err
	}
	if d.all[k.req.ID] != nil { // the action has asked before, and another used the answer
		k.req.ID = action.NewID(now)
	}
	k.whole.Take(whole) // who hears of it may look at once
	d.put(k)
	d.stir()
	return nil, nil
}

// put adds an ask to every index that knows it; callers hold mu.
func (d *Desk) put(k *ask) {
	if d.all == nil {
		d.all, d.tickets, d.granted = make(map[string]*ask), make(map[string]*ask), make(map[string][]*ask)
	}
	d.all[k.req.ID] = k
	if k.req.State == Pending {
		d.agents.Of(k.agent).Pending++
	}
	if k.exact != "" {
		d.tickets[k.exact] = k
	}
}

// terms gives how long an agent is held for asks, and how long they live: as the
// least patient of their approvers says.
func (d *Desk) terms(asks []action.Asking) (hold, lives time.Duration) {
	hold, lives = 0, 0
	for _, name := range panel.Names(asks) {
		a, ok := d.approver(name)
		if !ok {
			a = Approver{Hold: d.Hold, Timeout: d.Timeout}
		}
		h, l := cmp.Or(a.Hold, DefaultHold), cmp.Or(a.Timeout, DefaultTimeout)
		if hold == 0 || h < hold {
			hold = h
		}
		if lives == 0 || l < lives {
			lives = l
		}
	}
	return min(hold, lives), lives
}

// close settles an ask without a person's answer, and gives what it is then.
// k.step is held.
func (d *Desk) close(k *ask, s State) Request {
	next := d.requestOf(k)
	if next.State != Pending {
		return next
	}
	next.State, next.Answered = s, d.Now()
	if err := d.keep(k, next); err != nil {
		d.Log.Warn("the end of an approval request cannot be kept", "id", next.ID, "err", err)
	}
	d.apply(k, next)
	d.tell(Expired, k)
	return next
}

// apply puts next in the place of what k was. k.step is held.
func (d *Desk) apply(k *ask, next Request) {
	d.mu.Lock()
	was := k.req.State
	k.req = next
	if was == Pending && next.State != Pending {
		k.whole.End()
		d.agents.Of(k.agent).Pending--
		d.settled(k)
		d.past = append(d.past, next.ID)
		close(k.done)
		if next.Grant != nil {
			d.granted[k.bound()] = append(d.granted[k.bound()], k)
		}
	}
	if d.tickets[k.exact] == k && !k.stands(d.Now()) {
		delete(d.tickets, k.exact)
	}
	d.stir()
	gone := d.trim()
	d.mu.Unlock()
	d.forget(gone)
}

// trim takes the oldest settled asks off that count for nothing any more, and
// gives their ids; callers hold mu.
func (d *Desk) trim() (gone []string) {
	over := len(d.past) - keepPast
	if over <= 0 {
		return nil
	}
	now := d.Now()
	d.past = slices.DeleteFunc(d.past, func(id string) bool {
		k := d.all[id]
		if over <= 0 || k != nil && (k.stands(now) || k.req.Grant.Live(now)) {
			return false
		}
		over--
		d.drop(k)
		gone = append(gone, id)
		return true
	})
	return gone
}

// drop takes an ask out of every index; callers hold mu.
func (d *Desk) drop(k *ask) {
	if k == nil {
		return
	}
	delete(d.all, k.req.ID)
	if d.tickets[k.exact] == k {
		delete(d.tickets, k.exact)
	}
	if k.req.Grant != nil {
		b := k.bound()
		d.granted[b] = slices.DeleteFunc(d.granted[b], func(o *ask) bool { return o == k })
		if len(d.granted[b]) == 0 {
			delete(d.granted, b)
		}
	}
}

// tell passes an event on to the channels of those who are asked.
func (d *Desk) tell(kind EventKind, k *ask) {
	e := Event{Kind: kind, Request: d.requestOf(k)}
	var told []Channel
	for _, name := range panel.Names(k.asks) {
		a, _ := d.approver(name)
		for _, c := range a.Notify {
			if !slices.Contains(told, c) {
				told = append(told, c)
				c.Tell(d.ctx(), e)
			}
		}
	}
}

// settled counts how an ask ended; callers hold mu.
func (d *Desk) settled(k *ask) {
	switch k.req.State {
	case Denied:
		d.agents.Of(k.agent).Denied(k.req.Answered)
	case Cancelled, TimedOut:
		d.agents.Of(k.agent).Withdrawn(k.req.Answered)
	}
}

func (d *Desk) ask(id string) *ask {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all[strings.TrimSpace(id)]
}

func (d *Desk) requestOf(k *ask) Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return k.view()
}
