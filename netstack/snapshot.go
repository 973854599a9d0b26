package netstack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// named finds the enrolled agent of a name; the caller holds mu.
func (r *Roster) named(name string) (Agent, bool) {
	for _, a := range r.agents {
		if a.Name == name && a.Removed.IsZero() {
			return a, true
		}
	}
	return Agent{}, false
}

// close changes one agent for less.
func (r *Roster) close(ctx context.Context, what, name string, change func(*Agent)) error {
	defer r.update()()
	a, ok := r.named(name)
	if !ok {
		return fmt.Errorf("%s %s: %w", what, name, ErrNoAgent)
	}
	change(&a)
	if err := r.shut(ctx, a); err != nil {
		return fmt.Errorf("%s %s: %w", what, name, err)
	}
	return nil
}

// shut puts agents that may do less into force, then stores them: an error means
// that a restart would bring the old ones back. The caller holds mu.
func (r *Roster) shut(ctx context.Context, agents ...Agent) error {
	for _, a := range agents {
		r.agents[a.ID] = a
	}
	r.swap()
	var errs []error
	for _, a := range agents {
		if err := r.store.SaveAgent(ctx, a); err != nil {
			errs = append(errs, fmt.Errorf("in force, but not stored: %s: %w", a.Name, err))
		}
	}
	return errors.Join(errs...)
}

// open stores an agent that may do more, then puts it into force; the caller
// holds mu.
func (r *Roster) open(ctx context.Context, a Agent) error {
	if err := r.store.SaveAgent(ctx, a); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	r.agents[a.ID] = a
	r.swap()
	return nil
}

// swap puts the agents into force; the caller is between update and its end.
func (r *Roster) swap() {
	r.live.Store(r.build())
	r.changed = true
}

// update takes mu for a change; the func it gives ends the change and tells who
// wants to know, when mu is free again.
func (r *Roster) update() (done func()) {
	r.mu.Lock()
	return func() {
		changed, heard := r.changed, r.heard
		r.changed = false
		r.mu.Unlock()
		if !changed {
			return
		}
		for _, f := range heard {
			f()
		}
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// build makes the snapshot of now; the caller holds mu, or is the constructor.
func (r *Roster) build() *snapshot {
	now := r.now()
	s := &snapshot{byAddr: make(map[netip.Addr]*entry), byID: make(map[string]*entry), byNode: make(map[string]Agent), nodes: make(map[string]bool)}
	for _, a := range r.agents {
		if a.Node != "" {
			s.nodes[a.Node] = true
		}
		if a.Node != "" && a.Removed.IsZero() {
			s.byNode[a.Node] = a
			continue
		}
		if !a.Live(now) {
			continue
		}
		e := &entry{peer: a.peer(), expires: a.Expires}
		s.byID[a.ID] = e
		s.byAddr[a.Addr] = e
		if v6 := r.space.V6(a.Addr); v6.IsValid() {
			s.byAddr[v6] = e
		}
	}
	return s
}

// Keys gives the live agents that have public keys, for the transport that
// proves them.
func (r *Roster) Keys() []Agent {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	var live []Agent
	for _, a := range r.agents {
		if a.Live(now) && a.Node == "" {
			live = append(live, a)
		}
	}
	return live
}
