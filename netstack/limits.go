package netstack

import (
	"sync"
	"time"
)

// Limits bound what one agent may hold at a time; zero means the default.
type Limits struct {
	Flows   int // connections, accepted or not; default 256
	Pending int // of these, not accepted yet; default 64
	Queries int // DNS questions in the air; default 64
	Rejects int // ICMP answers a second to datagrams that nobody takes; default 200
}

const (
	defaultFlows   = 256
	defaultPending = 64
	defaultQueries = 64
	defaultRejects = 200
)

func orDefault(n, or int) int {
	if n > 0 {
		return n
	}
	return or
}

// agents holds what each agent has open.
type agents struct {
	mu      sync.Mutex
	byID    map[string]*agent // guarded by mu
	barred  map[string]int    // by id, how many Cuts hold the door; guarded by mu
	stopped bool              // guarded by mu
}

// agent is the state of one of them. It is forgotten when nothing is open.
type agent struct {
	all *agents
	id  string

	// all guarded by all.mu
	flows   map[*flow]bool // true: not accepted yet
	pending int
	queries int
	rejects int       // in this second
	second  time.Time // when it began
}

// get gives the state of an agent, which the caller must use under mu.
func (a *agents) get(id string) *agent {
	if a.byID == nil {
		a.byID = make(map[string]*agent)
	}
	s, ok := a.byID[id]
	if !ok {
		s = &agent{all: a, id: id, flows: make(map[*flow]bool)}
		a.byID[id] = s
	}
	return s
}

// flow reserves room for f, which cut can end from then on.
func (a *agents) flow(id string, l Limits, f *flow) (*agent, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.get(id)
	if a.stopped || a.barred[id] > 0 ||
		len(s.flows) >= orDefault(l.Flows, defaultFlows) || s.pending >= orDefault(l.Pending, defaultPending) {
		return nil, false
	}
	s.flows[f] = true
	s.pending++
	return s, true
}

// accepted ends the pending state of f.
func (s *agent) accepted(f *flow) {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	if s.flows[f] {
		s.flows[f] = false
		s.pending--
	}
}

// release gives the room of f back.
func (s *agent) release(f *flow) {
	s.accepted(f)
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	delete(s.flows, f)
	s.forget()
}

// forget drops a state that says nothing; the caller holds mu.
func (s *agent) forget() {
	if len(s.flows) == 0 && s.queries == 0 && time.Since(s.second) > time.Second && s.all.byID[s.id] == s {
		delete(s.all.byID, s.id)
	}
}

// query reserves room for one DNS question.
func (a *agents) query(id string, l Limits) (release func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.get(id)
	if a.stopped || s.queries >= orDefault(l.Queries, defaultQueries) {
		return nil, false
	}
	s.queries++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		s.queries--
		s.forget()
	}, true
}

// reject reports whether one more datagram of the agent may be answered.
func (a *agents) reject(id string, l Limits, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.get(id)
	if now.Sub(s.second) >= time.Second {
		s.second, s.rejects = now, 0
	}
	s.rejects++
	return s.rejects <= orDefault(l.Rejects, defaultRejects)
}

// cut ends the flows of one agent and admits none until open is called.
func (a *agents) cut(id string, cause error) (open func()) {
	a.mu.Lock()
	if a.barred == nil {
		a.barred = make(map[string]int)
	}
	a.barred[id]++
	var flows []*flow
	if s, ok := a.byID[id]; ok {
		flows = s.list()
	}
	a.mu.Unlock()
	for _, f := range flows {
		f.cut(cause)
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.barred[id]--; a.barred[id] <= 0 {
			delete(a.barred, id)
		}
	}
}

// stop ends every flow and admits no more.
func (a *agents) stop(cause error) {
	a.mu.Lock()
	a.stopped = true
	var flows []*flow
	for _, s := range a.byID {
		flows = append(flows, s.list()...)
	}
	a.mu.Unlock()
	for _, f := range flows {
		f.cut(cause)
	}
}

func (s *agent) list() []*flow {
	flows := make([]*flow, 0, len(s.flows))
	for f := range s.flows {
		flows = append(flows, f)
	}
	return flows
}

// enter adds one to wg unless the server has stopped.
func (a *agents) enter(wg *sync.WaitGroup) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return false
	}
	wg.Add(1)
	return true
}
