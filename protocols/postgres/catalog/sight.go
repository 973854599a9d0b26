package catalog

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/catalog/names"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// A Sight is what one session can see of its server's catalog. nil is that of a
// service without one: its methods then do nothing. Begin comes before the others;
// Expand, Same and Sent are for the agent's pump, Done and Rest may be called beside
// them.
type Sight struct {
	Way  Way
	Work context.Context   // of look-ups, once the session is open
	Go   func(func()) bool // starts one of those
	// Idle reports whether the server has answered everything and is in no
	// transaction.
	Idle func() bool

	store  *Store
	entry  *entry
	lookUp func(context.Context) (*Snapshot, error) // with an error of ctx where that is over

	mu    sync.Mutex
	state state // guarded by mu
}

// Begin looks at the catalog that a session of the login will have, and fixes the
// search_path of the login to the account's own unless the agent wishes for one:
// it then is, for certain, the one that names are read by. Where that is not
// known, bare names mean nothing.
func (s *Sight) Begin(ctx context.Context, store *Store, login *upstream.Login, wishes []wire.Parameter) {
	s.Way.Login = *login
	s.Way.Login.Password, s.Way.Login.Parameters = nil, nil
	s.store, s.entry = store, store.entry(s.Way.key())
	context.AfterFunc(s.Work, s.end)
	s.lookUp = func(ctx context.Context) (*Snapshot, error) { return s.Way.look(ctx, store.functions) }
	ctx, stop := context.WithTimeout(ctx, 2*patience)
	defer stop()
	snap := s.entry.get(ctx, 0, atOnce, func() (*Snapshot, error) { return s.lookUp(ctx) })
	value, known := wished(wishes)
	if !known && snap != nil {
		value, known = snap.Path, true
		login.Parameters = append(slices.Clip(login.Parameters), wire.Parameter{Name: searchPath, Value: value})
	}
	p, ok := names.ParsePath(value)
	if !known || !ok {
		s.state.lost = true
		return
	}
	s.state.start = p
	s.state.settle(p)
}

// searchPath is the setting of that name.
const searchPath = "search_path"

func wished(list []wire.Parameter) (path string, ok bool) {
	for _, p := range list {
		if strings.EqualFold(p.Name, searchPath) {
			return p.Value, true
		}
	}
	return "", false
}

// Expand gives a copy of parts with all that stands behind their names. It waits
// for a look-up where the last one is too old, for a few seconds at most; what it
// cannot tell then is unknown.
func (s *Sight) Expand(ctx context.Context, parts []action.Part) []action.Part {
	if s == nil || len(parts) == 0 {
		return parts
	}
	return s.expand(ctx, parts, 0, patience)
}

// expand is Expand by a snapshot that began after a time, which it waits for so long.
func (s *Sight) expand(ctx context.Context, parts []action.Part, since int64, wait time.Duration) []action.Part {
	arrived := time.Now()
	now := s.settled(arrived)
	out := make([]action.Part, len(parts))
	for i, p := range parts {
		f, ok := p.Facts.(*sql.Facts)
		if !ok || f.Shape == nil {
			p.Effects |= action.EffectUnknown
			out[i] = p
			continue
		}
		e := s.expansion(ctx, f.Shape, &now, arrived, since, wait)
		out[i] = expandPart(p, f, e)
		now.apply(e.Shape, s.entry.snap.Load())
	}
	return out
}

// expandPart gives a part with facts of its own.
func expandPart(p action.Part, f *sql.Facts, e *Expansion) action.Part {
	own := *f
	own.Shape, own.Expanded, own.Catalog = e.Shape, e.Tables, sql.CatalogKnown
	if e.Unknown {
		own.Catalog = sql.CatalogUnknown
	}
	p.Facts = &own
	p.Effects |= e.Effects
	p.Control = p.Control && e.Effects == 0
	return p
}

// settled gives the state that a statement meets. What the session itself has
// changed is over once nothing is under way.
func (s *Sight) settled(at time.Time) state {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.altered && s.Idle() {
		s.changed(at)
	}
	return s.state
}

// expansion tells what stands behind one statement that arrived at a time.
func (s *Sight) expansion(ctx context.Context, shape *known.Shape, now *state, arrived time.Time, since int64, wait time.Duration) *Expansion {
	if len(shape.Tables) == 0 {
		return &Expansion{Shape: shape}
	}
	if now.altered {
		return unknown(shape)
	}
	if s.entry.place.changing.Load() > 0 { // another session's change may be there by now
		since = arrived.UnixNano()
	}
	snap, refresh := s.entry.current(arrived, since)
	switch {
	case snap == nil:
		if snap = s.get(ctx, since, wait); snap == nil {
			return unknown(shape)
		}
	case refresh:
		s.refresh()
	}
	if now.certain() {
		if e := snap.memo.get(memoKey{shape, now.key}); e != nil {
			return e
		}
	}
	if now.uncertain(shape) {
		return unknown(shape)
	}
	e, missing := snap.expand(shape, now.paths)
	if len(missing) > 0 { // made since, or a mistake
		if snap = s.get(ctx, arrived.UnixNano(), wait); snap == nil {
			return unknown(shape)
		}
		e, missing = snap.expand(shape, now.paths)
	}
	if len(missing) == 0 && now.certain() {
		snap.memo.put(memoKey{shape, now.key}, e)
	}
	return e
}

// refresh replaces the snapshot beside the traffic, unless somebody does already.
func (s *Sight) refresh() {
	if s.entry.busy() {
		return
	}
	s.Go(func() {
		s.entry.get(s.Work, time.Now().Add(-refreshAfter).UnixNano(), atOnce, func() (*Snapshot, error) { return s.lookUp(s.Work) })
	})
}

// atOnce runs a look-up in the goroutine that needs it.
func atOnce(run func()) bool {
	run()
	return true
}

// get gives a snapshot that began after a time; nil if it does not come in time.
func (s *Sight) get(ctx context.Context, since int64, wait time.Duration) *Snapshot {
	ctx, stop := context.WithTimeout(ctx, wait)
	defer stop()
	return s.entry.get(ctx, since, s.Go, func() (*Snapshot, error) { return s.lookUp(s.Work) })
}

// changed takes in that what the session has changed is there for everybody, or
// will never be; mu is held.
func (s *Sight) changed(at time.Time) {
	s.state.altered = false
	s.store.outdate(s.Way.key(), at)
	s.entry.place.changing.Add(-1)
}

// Rest takes in that the server has answered everything and is in no transaction.
func (s *Sight) Rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.altered && s.Idle() { // nothing was sent since
		s.changed(time.Now())
	}
}

// end takes in that the session is over, whatever it was doing.
func (s *Sight) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.altered {
		s.changed(time.Now())
	}
}

// Sent takes in that parts, as Expand gave them, are about to reach the server,
// once they count as under way.
func (s *Sight) Sent(parts []action.Part) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.state.altered
	for _, shape := range shapes(parts) {
		s.state.apply(shape, s.entry.snap.Load())
	}
	if s.state.altered && !before {
		s.entry.place.changing.Add(1)
	}
}

// Done takes in that the server has answered parts. What the session has changed
// is there for everybody when its transaction is over.
func (s *Sight) Done(parts []action.Part, failed bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, settles := settles(shapes(parts))
	settles = settles && !failed
	if !s.state.altered && !settles || !s.Idle() {
		return
	}
	if s.state.altered {
		s.changed(time.Now())
	}
	if settles {
		s.state.settle(p)
	}
}

// Same reports whether parts, about which somebody was asked, would be expanded to the
// same by now. It waits for a new look-up: a slow one must not cost a person's yes.
func (s *Sight) Same(ctx context.Context, plain, parts []action.Part) bool {
	if s == nil {
		return true
	}
	for i, p := range s.expand(ctx, plain, time.Now().UnixNano(), timeout) {
		now, ok := p.Facts.(*sql.Facts)
		was, both := parts[i].Facts.(*sql.Facts)
		if !ok || !both || now.Catalog != was.Catalog || !slices.EqualFunc(lists(now), lists(was), slices.Equal[[]string]) {
			return false
		}
	}
	return true
}

func lists(f *sql.Facts) [][]string {
	if f.Shape == nil {
		return nil
	}
	all := f.Shape.Lists()
	return append(all[:], f.Expanded)
}

func shapes(parts []action.Part) []*known.Shape {
	list := make([]*known.Shape, 0, len(parts))
	for _, p := range parts {
		if f, ok := p.Facts.(*sql.Facts); ok && f.Shape != nil {
			list = append(list, f.Shape)
		}
	}
	return list
}
