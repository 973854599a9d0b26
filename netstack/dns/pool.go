package dns

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// reuseAfter is how long an id rests before it may stand for another name:
	// 24 hours, and the hour by which a stored LastUsed may be behind.
	reuseAfter = 24*time.Hour + touchEvery
	touchEvery = time.Hour // one write per name and hour, however often it is asked for

	saveTimeout = 5 * time.Second // resolvers give up after about as long

	// What one agent may add by wildcards: a browsing agent meets a few hundred
	// names an hour, a flood of random ones fills 3 % of the pool in a day.
	newNames      = 2048
	newNamesEvery = time.Minute

	// agentShare is the part of the pool that one agent may hold by wildcards. To
	// hold a name it must go on asking for it: one that rested makes room.
	agentShare = 8
	leastShare = 64
)

// errQuota means that the agent, or all wildcards together, used up the new names.
var errQuota = errors.New("too many new names")

// errFull means that every id is in use.
var errFull = errors.New("every virtual address is in use")

// A Name is a host and the id of the addresses that stand for it.
type Name struct {
	Host     string // lower case, no final dot
	ID       uint32
	LastUsed time.Time
}

// A Store keeps names over restarts. SaveName replaces what it holds for the
// same ID: an id stands for the host that was saved last.
type Store interface {
	LoadNames(ctx context.Context) ([]Name, error)
	SaveName(ctx context.Context, n Name) error
}

// A Pool gives names stable virtual addresses: id 7 is the seventh address of
// both prefixes. All methods may be called at once.
type Pool struct {
	store   Store
	v4, v6  netip.Prefix
	size    uint32 // ids are 1 to size
	now     func() time.Time
	started time.Time

	mu     sync.Mutex
	byName map[string]*list.Element // guarded by mu, as all below
	byID   map[uint32]*list.Element
	order  *list.List               // of *entry, the last used in front
	next   uint32                   // the lowest id that never stood for anything
	agents map[string]*rate.Limiter // by agent id: new names it may still add
	held   map[string]uint32        // by agent id: names that it has by wildcards
}

// entry is a name in use; guarded by Pool.mu.
type entry struct {
	host  string
	id    uint32
	used  time.Time
	saved time.Time // LastUsed in the store; zero: not there
	agent string    // who has it by a wildcard, since it was last asked for by one; "": nobody
}

// NewPool loads the names of the store. v4 is usually 198.18.0.0/15, v6 a /64
// of the gateway's own; v6 must hold as many addresses as v4.
func NewPool(ctx context.Context, store Store, v4, v6 netip.Prefix, now func() time.Time) (*Pool, error) {
	if !v4.Addr().Is4() || v4.Bits() > 30 || v4.Bits() < 8 {
		return nil, fmt.Errorf("virtual IPv4 pool %s: want an IPv4 prefix of /8 to /30", v4)
	}
	if !v6.Addr().Is6() || v6.Addr().Is4In6() || v6.Bits() > 96 {
		return nil, fmt.Errorf("virtual IPv6 pool %s: want an IPv6 prefix of at most /96", v6)
	}
	names, err := store.LoadNames(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the names of virtual addresses: %w", err)
	}
	p := &Pool{
		store: store, v4: v4.Masked(), v6: v6.Masked(), now: now, started: now(),
		size:   1<<(32-v4.Bits()) - 2, // neither the network nor the broadcast address
		byName: make(map[string]*list.Element), byID: make(map[uint32]*list.Element),
		order: list.New(), next: 1, agents: make(map[string]*rate.Limiter), held: make(map[string]uint32),
	}
	slices.SortFunc(names, func(a, b Name) int { return b.LastUsed.Compare(a.LastUsed) })
	for _, n := range names {
		p.load(n)
	}
	return p, nil
}

// load takes in a stored name; of two for one id or host the first counts, and
// they come latest first.
func (p *Pool) load(n Name) {
	if n.ID == 0 || n.ID > p.size {
		return
	}
	p.next = max(p.next, n.ID+1)
	if p.byID[n.ID] != nil || p.byName[n.Host] != nil {
		return
	}
	e := p.order.PushBack(&entry{host: n.Host, id: n.ID, used: n.LastUsed, saved: n.LastUsed})
	p.byName[n.Host], p.byID[n.ID] = e, e
}

// Assign gives the addresses of a name, in lower case without a final dot, and
// allocates them if it has none. A new name is charged to agentID; "" charges
// nobody and is for names that the configuration spells out. It blocks while
// the store writes.
func (p *Pool) Assign(name, agentID string) (v4, v6 netip.Addr, err error) {
	n, known, due, err := p.take(name, agentID)
	if err != nil {
		return netip.Addr{}, netip.Addr{}, fmt.Errorf("virtual address for %q: %w", name, err)
	}
	if due {
		// A known name whose hour could not be noted is tried again at the next
		// query; a new one must not be given out before it would survive a restart.
		if err := p.save(n); err != nil && !known {
			return netip.Addr{}, netip.Addr{}, fmt.Errorf("virtual address for %q: %w", name, err)
		}
	}
	v4, v6 = p.addrs(n.ID)
	return v4, v6, nil
}

// Lookup tells which name an address stands for and counts it as used; it is
// netstack.Names and does not wait for the store.
func (p *Pool) Lookup(addr netip.Addr) (name string, known bool) {
	addr = addr.Unmap().WithZone("")
	if !p.v4.Contains(addr) && !p.v6.Contains(addr) {
		return "", false
	}
	id, ok := p.id(addr)
	if !ok {
		return "", true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.byID[id]
	if e == nil {
		return "", true
	}
	return p.touch(e).host, true
}

// take finds or allocates a name. known: the store has it; due: it should be
// written.
func (p *Pool) take(name, agentID string) (n Name, known, due bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.byName[name]
	if e == nil {
		id, err := p.free(agentID)
		if err != nil {
			return Name{}, false, false, err
		}
		e = p.order.PushFront(&entry{host: name, id: id})
		p.byName[name], p.byID[id] = e, e
	}
	t := p.touch(e)
	if agentID != "" {
		p.charge(t, agentID)
	}
	return Name{Host: t.host, ID: t.id, LastUsed: t.used}, !t.saved.IsZero(), t.used.Sub(t.saved) >= touchEvery, nil
}

func (p *Pool) touch(e *list.Element) *entry {
	t := e.Value.(*entry)
	t.used = p.now()
	p.order.MoveToFront(e)
	return t
}

// free gives an id that stands for nothing: one that never did, else the one
// that rested longest. Wildcards leave a quarter to spelled-out names.
func (p *Pool) free(agentID string) (uint32, error) {
	limit := p.size
	if agentID != "" {
		limit = p.size / 4 * 3
	}
	oldest := p.order.Back()
	fresh := p.next <= limit
	if agentID != "" && p.held[agentID] >= max(leastShare, p.size/agentShare) {
		fresh, oldest = false, p.oldestOf(agentID)
	}
	full := !fresh && (oldest == nil || !p.rested(oldest.Value.(*entry)))
	if agentID != "" && (full || !p.allowance(agentID).AllowN(p.now(), 1)) {
		return 0, errQuota
	}
	if full {
		return 0, errFull
	}
	if fresh {
		p.next++
		return p.next - 1, nil
	}
	t := p.order.Remove(oldest).(*entry)
	p.charge(t, "")
	delete(p.byName, t.host)
	delete(p.byID, t.id)
	return t.id, nil
}

// oldestOf gives the name that an agent has left alone the longest, nil for none.
func (p *Pool) oldestOf(agentID string) *list.Element {
	for e := p.order.Back(); e != nil && p.rested(e.Value.(*entry)); e = e.Prev() {
		if e.Value.(*entry).agent == agentID {
			return e
		}
	}
	return nil
}

// charge counts a name as the agent's who asks for it by a wildcard, if it is
// nobody's yet, or as nobody's any more.
func (p *Pool) charge(t *entry, agentID string) {
	if t.agent == agentID || t.agent != "" && agentID != "" {
		return
	}
	if agentID == "" {
		if p.held[t.agent]--; p.held[t.agent] == 0 {
			delete(p.held, t.agent)
		}
	} else {
		p.held[agentID]++
	}
	t.agent = agentID
}

// rested reports whether nobody can still use the id. Connections that a former
// process saw may be missing in the store, so a restart starts the clock again.
func (p *Pool) rested(t *entry) bool {
	now := p.now()
	return now.Sub(t.used) >= reuseAfter && now.Sub(p.started) >= reuseAfter
}

// allowance gives an agent's limiter; those that are full again are forgotten,
// for they say nothing.
func (p *Pool) allowance(agentID string) *rate.Limiter {
	if l := p.agents[agentID]; l != nil {
		return l
	}
	now := p.now()
	for id, l := range p.agents {
		if l.TokensAt(now) >= newNames {
			delete(p.agents, id)
		}
	}
	l := rate.NewLimiter(rate.Every(newNamesEvery), newNames)
	p.agents[agentID] = l
	return l
}

// save writes a name and notes that it did, unless the id was given away
// meanwhile.
func (p *Pool) save(n Name) error {
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	if err := p.store.SaveName(ctx, n); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.byName[n.Host]; e != nil {
		t := e.Value.(*entry)
		if t.id == n.ID && t.saved.Before(n.LastUsed) {
			t.saved = n.LastUsed
		}
	}
	return nil
}
