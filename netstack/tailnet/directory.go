package tailnet

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
)

const (
	// freshFor is how long an answer holds when nothing is heard of changes.
	freshFor = 10 * time.Second
	// strangeFor is how long nobody stays nobody: the netmap may come a moment
	// later than the first packet.
	strangeFor = 500 * time.Millisecond
	meetTime   = 5 * time.Second
)

// A directory knows who has which address of the tailnet. What it is not sure of
// is nobody's.
type directory struct {
	ask      func(netip.Addr) (facts, error)
	roster   *netstack.Roster
	enrolled func(*action.Peer) bool
	log      *slog.Logger
	now      func() time.Time
	wake     chan struct{} // somebody is another one, or gone

	mu     sync.Mutex
	age    uint64                // counts what was heard of changes; guarded by mu
	byAddr map[netip.Addr]answer // guarded by mu
	byID   map[string]*known     // by agent id, whoever was asked for; guarded by mu
	fails  error                 // why the last question had no answer; guarded by mu
}

// known is one agent as it was last seen. It is never changed.
type known struct {
	facts
	peer *action.Peer
}

// answer is what a look-up gave; who nil: nobody.
type answer struct {
	who   *known
	until time.Time
}

func newDirectory(ask func(netip.Addr) (facts, error), r *netstack.Roster, enrolled func(*action.Peer) bool, log *slog.Logger) *directory {
	return &directory{
		ask: ask, roster: r, enrolled: enrolled, log: log, now: time.Now, wake: make(chan struct{}, 1),
		byAddr: make(map[netip.Addr]answer), byID: make(map[string]*known),
	}
}

// lookup tells which agent has an address; it waits at most whoTime, for a new
// node also until it is remembered.
func (d *directory) lookup(addr netip.Addr) (*action.Peer, bool) {
	d.mu.Lock()
	a, ok := d.byAddr[addr]
	d.mu.Unlock()
	if !ok || !d.now().Before(a.until) {
		a = d.learn(addr)
	}
	return d.admit(a.who)
}

// current gives the agent of an id.
func (d *directory) current(id string) (*action.Peer, bool) {
	d.mu.Lock()
	k := d.byID[id]
	d.mu.Unlock()
	return d.admit(k)
}

// seen gives the agent of an id, whatever it may do.
func (d *directory) seen(id string) (*action.Peer, bool) {
	d.mu.Lock()
	k := d.byID[id]
	d.mu.Unlock()
	if k == nil {
		return nil, false
	}
	_, ok := d.admit(k)
	return k.peer, ok
}

// admit reports whether an agent may do anything at all now.
func (d *directory) admit(k *known) (*action.Peer, bool) {
	if k == nil || !k.until.IsZero() && !d.now().Before(k.until) {
		return nil, false
	}
	record, ok := d.roster.ByNode(k.node)
	if !ok || record.ID != k.peer.ID || !record.Live(d.now()) || !d.enrolled(k.peer) {
		return nil, false
	}
	return k.peer, true
}

// learn asks who has an address, and again if things changed meanwhile.
func (d *directory) learn(addr netip.Addr) answer {
	for {
		d.mu.Lock()
		age := d.age
		d.mu.Unlock()
		f, err := d.ask(addr)
		var record netstack.Agent
		if err == nil {
			record, err = d.meet(f)
		}
		if a, ok := d.note(addr, f, record, err, age); ok {
			return a
		}
	}
}

// meet gives the record of a node, and makes one of a node that is new.
func (d *directory) meet(f facts) (netstack.Agent, error) {
	if record, ok := d.roster.ByNode(f.node); ok {
		return record, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), meetTime)
	defer cancel()
	record, err := d.roster.Meet(ctx, f.node, f.name)
	if err == nil {
		d.log.Info("node met", "node", f.name, "user", f.user, "tags", f.tags, "agent", record.Name)
	}
	return record, err
}

// note keeps an answer; it reports false if it is out of date already.
func (d *directory) note(addr netip.Addr, f facts, record netstack.Agent, err error, age uint64) (answer, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if age != d.age {
		return answer{}, false
	}
	if d.fails = err; errors.Is(err, errNobody) {
		d.fails = nil
	}
	a := answer{until: d.now().Add(strangeFor)}
	if err == nil {
		a = answer{who: d.keep(f, record), until: d.now().Add(freshFor)}
	}
	d.byAddr[addr] = a
	return a, true
}

// keep makes an agent of a node; it is the same as before if nothing of it is
// new. The caller holds mu.
func (d *directory) keep(f facts, record netstack.Agent) *known {
	k := &known{facts: f, peer: peerOf(f, record)}
	if old := d.byID[record.ID]; old != nil && reflect.DeepEqual(old, k) {
		return old
	}
	d.byID[record.ID] = k
	return k
}

// peerOf is a node as the rest of the line knows it. A name that no operator has
// approved is its owner's choice: it carries whose it is, so that nobody can call
// a node by the name of an agent.
func peerOf(f facts, record netstack.Agent) *action.Peer {
	p := &action.Peer{
		ID: record.ID, Name: record.Name, User: f.user, Tags: slices.Clone(f.tags), Transport: "tailnet",
		Grants: slices.Clone(f.grants),
	}
	if len(f.addrs) > 0 {
		p.Addr = f.addrs[0]
	}
	if record.Approved {
		p.Enrolled = slices.Clone(record.Roles)
		return p
	}
	owner := f.user
	if len(f.tags) > 0 {
		owner = f.tags[0]
	}
	p.Name += "@" + owner
	return p
}

// heard drops every answer: the tailnet has changed.
func (d *directory) heard() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.age++
	clear(d.byAddr)
	d.rouse()
}

// rosterChanged drops every answer, and gives agents that are known the roles
// they have now. It does not block.
func (d *directory) rosterChanged() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.age++
	clear(d.byAddr)
	for id, k := range d.byID {
		if record, ok := d.roster.ByNode(k.node); ok && record.ID == id {
			d.keep(k.facts, record)
		}
	}
	d.rouse()
}

func (d *directory) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// review asks again for everybody who is known, and gives the ids of those who
// are gone or somebody else now: what they had open must end.
func (d *directory) review() (over []string) {
	d.mu.Lock()
	all := make(map[string]*known, len(d.byID))
	for id, k := range d.byID {
		all[id] = k
	}
	d.mu.Unlock()
	for id, old := range all {
		var a answer
		if len(old.addrs) > 0 {
			a = d.learn(old.addrs[0])
		}
		_, live := d.admit(a.who)
		if a.who == nil || a.who.peer.ID != id {
			d.forget(id)
		}
		if !live || a.who.peer.ID != id || !sameNode(old.facts, a.who.facts) {
			over = append(over, id)
		}
	}
	return over
}

func (d *directory) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.byID, id)
}

// sameNode reports whether a node means the same to the rules.
func sameNode(a, b facts) bool {
	return a.node == b.node && a.user == b.user && slices.Equal(a.tags, b.tags)
}

// failure says why the last question had no answer.
func (d *directory) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fails
}
