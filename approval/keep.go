package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
)

// A Store keeps asks over the end of the process. What SaveAsk took is there again
// after a crash.
type Store interface {
	LoadAsks(ctx context.Context) ([][]byte, error)
	SaveAsk(ctx context.Context, id string, ask []byte) error
	DeleteAsk(ctx context.Context, id string) error
}

// A record is an ask as it is kept.
type record struct {
	Request Request         `json:"request"`
	Agent   string          `json:"agent"`
	Asks    []action.Asking `json:"asks"`
	Exact   string          `json:"exact"`
	Similar string          `json:"similar,omitempty"`
	Hold    time.Duration   `json:"hold"`
	Paper   []byte          `json:"paper,omitempty"`
}

// Load takes in what a process before this one has kept. Of what waited then no
// agent is held any more: only the same action, sent again, gets the answer. ctx
// is the life of the desk. Call it before the first Settle.
func (d *Desk) Load(ctx context.Context) error {
	d.life = ctx
	if d.Store == nil {
		return nil
	}
	all, err := d.Store.LoadAsks(ctx)
	if err != nil {
		return fmt.Errorf("load the approvals: %w", err)
	}
	var settled []*ask
	for _, b := range all {
		var r record
		if err := json.Unmarshal(b, &r); err != nil {
			d.Log.Error("an approval cannot be read again, so nobody may use it", "err", err)
			continue
		}
		k := &ask{
			req: r.Request, agent: r.Agent, asks: r.Asks, exact: r.Exact, similar: r.Similar, hold: r.Hold, paper: r.Paper,
			parked: true, done: make(chan struct{}),
		}
		d.restore(k)
		if k.req.State != Pending {
			settled = append(settled, k)
		}
	}
	slices.SortFunc(settled, func(a, b *ask) int { return a.req.Answered.Compare(b.req.Answered) })
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range settled {
		d.past = append(d.past, k.req.ID)
		d.settled(k)
	}
	return nil
}

// restore puts a kept ask where it stood.
func (d *Desk) restore(k *ask) {
	d.mu.Lock()
	defer d.mu.Unlock()
	exact := k.exact
	if k.req.State != Pending {
		close(k.done)
		if !k.stands(d.Now()) {
			k.exact = ""
		}
	}
	d.put(k)
	k.exact = exact
	if k.req.Grant != nil {
		d.granted[k.bound()] = append(d.granted[k.bound()], k)
	}
}

// Run lets asks end that nobody waits for, until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.sweep()
			d.Fulfil()
		}
	}
}

// sweep ends what has lived for its time.
func (d *Desk) sweep() {
	now := d.Now()
	var over []*ask
	d.mu.Lock()
	for _, k := range d.all {
		if k.req.State == Pending && !now.Before(k.req.Expires) {
			over = append(over, k)
		}
	}
	for ticket, k := range d.tickets {
		if k.req.State != Pending && !k.stands(now) {
			delete(d.tickets, ticket)
		}
	}
	d.agents.Trim(now)
	d.mu.Unlock()
	for _, k := range over {
		k.step.Lock()
		d.close(k, TimedOut)
		k.step.Unlock()
	}
}

// keep writes next down as what k is. It is on disk when keep returns.
func (d *Desk) keep(k *ask, next Request) error {
	if d.Store == nil {
		return nil
	}
	next.Waiting, next.Again, next.Whole, next.Kept = 0, false, false, false
	b, err := json.Marshal(record{Request: next, Agent: k.agent, Asks: k.asks, Exact: k.exact, Similar: k.similar, Hold: k.hold, Paper: k.paper})
	if err != nil {
		return fmt.Errorf("approval %s: %w", next.ID, err)
	}
	return d.Store.SaveAsk(context.WithoutCancel(d.ctx()), next.ID, b)
}

func (d *Desk) forget(ids []string) {
	if d.Store == nil {
		return
	}
	for _, id := range ids {
		if err := d.Store.DeleteAsk(context.WithoutCancel(d.ctx()), id); err != nil {
			d.Log.Warn("an old approval stays in the store", "id", id, "err", err)
		}
	}
}

func (d *Desk) ctx() context.Context {
	if d.life == nil {
		return context.Background()
	}
	return d.life
}
