package netstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
)

// expiryStep bounds how late an expiry is noticed, also when the clock jumps.
const expiryStep = 500 * time.Millisecond

// ErrNoAgent means that no agent of that name is enrolled.
var ErrNoAgent = errors.New("no such agent")

var _ Peers = (*Roster)(nil)

// Roster is every agent there is. Readers see a snapshot and never wait. What
// closes a door is in force even when the store fails; what opens one is not in
// force before it is stored.
type Roster struct {
	space Space
	store AgentStore
	now   func() time.Time
	live  atomic.Pointer[snapshot]
	wake  chan struct{} // tells Run that the next expiry may have changed

	mu      sync.Mutex
	agents  map[string]Agent // by ID, tombstones too; guarded by mu
	heard   []func()         // guarded by mu
	changed bool             // the snapshot was swapped and heard not told yet; guarded by mu
}

// snapshot is the live agents at one moment. It is never changed.
type snapshot struct {
	byAddr map[netip.Addr]*entry
	byID   map[string]*entry
	byNode map[string]Agent // the nodes of the tailnet, frozen ones too
	nodes  map[string]bool  // every node there was, removed ones too
}

type entry struct {
	peer    *action.Peer
	expires time.Time
}

// NewRoster loads the agents of store. now nil means time.Now.
func NewRoster(ctx context.Context, store AgentStore, subnet, ula netip.Prefix, now func() time.Time) (*Roster, error) {
	if now == nil {
		now = time.Now
	}
	r := &Roster{
		space: Space{Subnet: subnet, ULA: ula}, store: store, now: now,
		wake: make(chan struct{}, 1), agents: make(map[string]Agent),
	}
	if err := r.space.Check(); err != nil {
		return nil, fmt.Errorf("roster: %w", err)
	}
	agents, err := store.LoadAgents(ctx)
	if err != nil {
		return nil, fmt.Errorf("roster: load agents: %w", err)
	}
	for _, a := range agents {
		r.agents[a.ID] = a
	}
	r.live.Store(r.build())
	return r, nil
}

// Space is the addresses that the roster gives out.
func (r *Roster) Space() Space { return r.space }

// Lookup tells which live agent an address, v4 or v6, belongs to.
func (r *Roster) Lookup(addr netip.Addr) (*action.Peer, bool) {
	return r.alive(r.live.Load().byAddr[addr])
}

// Current gives the live agent of an id as it stands now.
func (r *Roster) Current(id string) (*action.Peer, bool) {
	return r.alive(r.live.Load().byID[id])
}

func (r *Roster) alive(e *entry) (*action.Peer, bool) {
	if e == nil || (!e.expires.IsZero() && !r.now().Before(e.expires)) {
		return nil, false
	}
	return e.peer, true
}

// Subscribe calls f after every change, expiries included, from the goroutine
// that made it, which waits for f: it must not block.
func (r *Roster) Subscribe(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, f)
}

// Add enrols an agent, at the place of an expired one of the same name. The
// private key is returned once and kept nowhere. A zero expires means never.
func (r *Roster) Add(ctx context.Context, name string, roles []string, expires time.Time) (Agent, string, error) {
	if err := errors.Join(CheckName(name), checkRoles(roles)); err != nil {
		return Agent{}, "", fmt.Errorf("add agent: %w", err)
	}
	private, public, err := NewKey()
	if err != nil {
		return Agent{}, "", fmt.Errorf("add agent %s: %w", name, err)
	}
	defer r.update()()
	now := r.now()
	if !expires.IsZero() && !now.Before(expires) {
		return Agent{}, "", fmt.Errorf("add agent %s: it would expire at once, at %s", name, expires.Format(time.RFC3339))
	}
	if old, ok := r.named(name); ok {
		if !old.Expired(now) {
			return Agent{}, "", fmt.Errorf("add agent %s: the name is taken", name)
		}
		old.Removed = now
		if err := r.shut(ctx, old); err != nil {
			return Agent{}, "", fmt.Errorf("add agent %s: %w", name, err)
		}
	}
	addr, err := r.space.allocate(r.agents, now)
	if err != nil {
		return Agent{}, "", fmt.Errorf("add agent %s: %w", name, err)
	}
	a := Agent{
		ID: action.NewID(now), Name: name, Roles: slices.Clone(roles), PublicKey: public,
		Addr: addr, Created: now, Expires: expires,
	}
	if err := r.open(ctx, a); err != nil {
		return Agent{}, "", fmt.Errorf("add agent %s: %w", name, err)
	}
	return a, private, nil
}

// Rekey gives an agent a new key; its id and address stay, its old key is worth
// nothing any more.
func (r *Roster) Rekey(ctx context.Context, name string) (Agent, string, error) {
	private, public, err := NewKey()
	if err != nil {
		return Agent{}, "", fmt.Errorf("rekey %s: %w", name, err)
	}
	defer r.update()()
	a, ok := r.named(name)
	if !ok {
		return Agent{}, "", fmt.Errorf("rekey %s: %w", name, ErrNoAgent)
	}
	if a.Node != "" {
		return Agent{}, "", fmt.Errorf("rekey %s: it is a node of the tailnet, whose keys are the tailnet's", name)
	}
	a.PublicKey = public
	if err := r.open(ctx, a); err != nil {
		return Agent{}, "", fmt.Errorf("rekey %s: %w", name, err)
	}
	return a, private, nil
}

// Remove ends an enrolment.
func (r *Roster) Remove(ctx context.Context, name string) error {
	return r.close(ctx, "remove", name, func(a *Agent) { a.Removed = r.now() })
}

// Freeze keeps an agent out until Unfreeze.
func (r *Roster) Freeze(ctx context.Context, name string) error {
	return r.close(ctx, "freeze", name, func(a *Agent) { a.Frozen = true })
}

// Unfreeze lets a frozen agent in again.
func (r *Roster) Unfreeze(ctx context.Context, name string) error {
	defer r.update()()
	a, ok := r.named(name)
	if !ok {
		return fmt.Errorf("unfreeze %s: %w", name, ErrNoAgent)
	}
	a.Frozen = false
	if err := r.open(ctx, a); err != nil {
		return fmt.Errorf("unfreeze %s: %w", name, err)
	}
	return nil
}

// FreezeAll keeps every agent out. All of them are out when it returns, even if
// some could not be stored.
func (r *Roster) FreezeAll(ctx context.Context) error {
	defer r.update()()
	var changed []Agent
	for _, a := range r.agents {
		if a.Removed.IsZero() && !a.Frozen {
			a.Frozen = true
			changed = append(changed, a)
		}
	}
	if err := r.shut(ctx, changed...); err != nil {
		return fmt.Errorf("freeze all: %w", err)
	}
	return nil
}

// UnfreezeAll lets every frozen agent in again.
func (r *Roster) UnfreezeAll(ctx context.Context) error {
	defer r.update()()
	var errs []error
	for _, a := range slices.Collect(maps.Values(r.agents)) {
		if a.Removed.IsZero() && a.Frozen {
			a.Frozen = false
			errs = append(errs, r.open(ctx, a))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("unfreeze all: %w", err)
	}
	return nil
}

// List gives the enrolled agents by name, frozen and expired ones too.
func (r *Roster) List() []Agent {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Agent
	for _, a := range r.agents {
		if a.Removed.IsZero() {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b Agent) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Get gives the enrolled agent of a name.
func (r *Roster) Get(name string) (Agent, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.named(name)
}

// Run ends enrolments when they expire. It returns when ctx ends.
func (r *Roster) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-timer.C:
		}
		if r.expire() {
			timer.Reset(expiryStep)
		}
	}
}

// expire swaps the snapshot when one of its agents has run out, and reports
// whether another may.
func (r *Roster) expire() (more bool) {
	defer r.update()()
	now, due := r.now(), false
	for _, e := range r.live.Load().byID {
		if e.expires.IsZero() {
			continue
		}
		if now.Before(e.expires) {
			more = true
		} else {
			due = true
		}
	}
	if due {
		r.swap()
	}
	return more
}
