package catalog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/catalog/names"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
)

// build makes a snapshot of rows as a server gives them, one list for each query.
func build(began time.Time, rows map[string][][]string) *Snapshot {
	l := &loader{
		functions: known.NewFunctions(), snap: &Snapshot{Began: began, User: "me", schemas: map[string]*schema{}},
		schemas: map[string]*schema{}, relations: map[string]*relation{}, rules: map[string]*rule{}, whole: map[*rule]bool{},
	}
	for _, q := range []struct {
		name string
		each func([]string)
	}{
		{"schemas", l.schema},
		{"relations", l.relation},
		{"parents", l.parent},
		{"foreign", l.foreign},
		{"rules", l.rule},
		{"tables", l.ruleTable},
		{"functions", l.ruleFunction},
	} {
		for _, row := range rows[q.name] {
			q.each(row)
		}
	}
	l.wholes()
	return l.snap
}

// shape is a statement that reads tables.
func shape(tables ...string) *known.Shape {
	return &known.Shape{Verb: "select", Verbs: []string{"select"}, Tables: tables, Reads: tables, HasWhere: true}
}

func TestWhatBranchesWithoutEndIsUnknown(t *testing.T) {
	rows := map[string][][]string{"schemas": {{"1", "public", "t"}}}
	const wide, deep = 30, 60
	for i := range deep {
		for j := range wide {
			rows["relations"] = append(rows["relations"], []string{fmt.Sprint(i*wide + j), "1", fmt.Sprintf("t%d_%d", i, j), "r"})
			for k := range wide {
				if i > 0 {
					rows["parents"] = append(rows["parents"], []string{fmt.Sprint(i*wide + j), fmt.Sprint((i-1)*wide + k)})
				}
			}
		}
	}
	s := build(time.Now(), rows)
	start := time.Now()
	e, _ := s.expand(shape("public.t0_0"), nil)
	if took := time.Since(start); !e.Unknown || took > 30*time.Second { // it would take for ever
		t.Errorf("unknown: %v, after %s", e.Unknown, took)
	}
}

func TestARuleOfWhatIsNotThereIsUnknown(t *testing.T) {
	s := build(time.Now(), map[string][][]string{
		"schemas": {{"1", "public", "t"}}, "relations": {{"7", "1", "v", "v"}},
		"rules": {{"8", "7", "1", "f"}}, "tables": {{"8", "999"}},
	})
	if e, _ := s.expand(shape("v"), []names.Path{{"public"}}); !e.Unknown || e.Effects != action.EffectUnknown {
		t.Errorf("%+v", e)
	}
}

// sight gives a session of the snapshots that look makes.
func sight(t testing.TB, look func(context.Context) (*Snapshot, error)) *Sight {
	t.Helper()
	store := NewStore()
	s := &Sight{Work: t.Context(), Go: rescued, Idle: func() bool { return true }}
	s.Way.Database, s.Way.Service, s.Way.Beside = "app", &action.Service{}, nowhere(t)
	s.store, s.entry, s.lookUp = store, store.entry(s.Way.key()), look
	s.state.start = names.Path{"public"}
	s.state.settle(s.state.start)
	return s
}

// rescued starts what may panic, as a session does.
func rescued(f func()) bool {
	go func() {
		defer func() { recover() }()
		f()
	}()
	return true
}

// nowhere is a link that nobody uses.
func nowhere(t testing.TB) *upstream.Link {
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return &upstream.Link{Conn: a}
}

func parts(shapes ...*known.Shape) []action.Part {
	list := make([]action.Part, len(shapes))
	for i, s := range shapes {
		list[i] = action.Part{Facts: &sql.Facts{Shape: s}, Effects: action.EffectRead}
	}
	return list
}

func catalogOf(list []action.Part) sql.Catalog { return list[len(list)-1].Facts.(*sql.Facts).Catalog }

func plain(began time.Time) *Snapshot {
	return build(began, map[string][][]string{"schemas": {{"1", "public", "t"}}, "relations": {{"7", "1", "users", "r"}}})
}

func TestALookUpThatFailsIsNotRepeatedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := sight(t, func(context.Context) (*Snapshot, error) { asked++; return nil, errors.New("no") })
		for range 100 {
			list := s.Expand(t.Context(), parts(shape("users")))
			if catalogOf(list) != sql.CatalogUnknown || list[0].Effects&action.EffectUnknown == 0 {
				t.Fatalf("%+v", list)
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// A server whose catalog takes long to read is left alone for longer than a statement
// waits; what somebody has said yes to waits for it.
func TestAYesWaitsForALookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sight(t, func(context.Context) (*Snapshot, error) { return plain(time.Now()), nil })
		one := parts(shape("users"))
		expanded := s.Expand(t.Context(), one)
		s.entry.snap.Load().took = patience
		time.Sleep(time.Second)
		began := time.Now()
		if !s.Same(t.Context(), one, expanded) {
			t.Error("the catalog could not be looked up")
		}
		if took := time.Since(began); took < dutyFactor*patience-time.Second {
			t.Errorf("the server was left alone for %s", took)
		}
	})
}

func TestASnapshotThatIsTooOldIsNotUsed(t *testing.T) {
	fails := false
	s := sight(t, func(context.Context) (*Snapshot, error) {
		if fails {
			return nil, errors.New("no")
		}
		return plain(time.Now()), nil
	})
	if got := catalogOf(s.Expand(t.Context(), parts(shape("users")))); got != sql.CatalogKnown {
		t.Fatal(got)
	}
	fails = true
	s.entry.snap.Load().Began = time.Now().Add(-maxAge)
	s.entry.began = time.Time{}
	if got := catalogOf(s.Expand(t.Context(), parts(shape("users")))); got != sql.CatalogUnknown {
		t.Error(got)
	}
}

func TestOneLookUpServesAll(t *testing.T) {
	release := make(chan struct{})
	asked := 0
	s := sight(t, func(context.Context) (*Snapshot, error) {
		asked++
		<-release
		return plain(time.Now()), nil
	})
	done := make(chan sql.Catalog, 8)
	for range 8 {
		go func() { done <- catalogOf(s.Expand(t.Context(), parts(shape("users")))) }()
	}
	close(release)
	for range 8 {
		if got := <-done; got != sql.CatalogKnown {
			t.Error(got)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestAPanicInALookUpHoldsNobodyUp(t *testing.T) {
	s := sight(t, func(context.Context) (*Snapshot, error) { panic("boom") })
	s.Expand(t.Context(), parts(shape("users")))
	if got := catalogOf(s.Expand(t.Context(), parts(shape("users")))); got != sql.CatalogUnknown {
		t.Error(got)
	}
}

func TestAChangeIsSeenByEveryAccount(t *testing.T) {
	store := NewStore()
	mine, yours := store.entry(Key{Account: "a", Database: "app"}), store.entry(Key{Account: "b", Database: "app"})
	other := store.entry(Key{Account: "a", Database: "else"})
	at := time.Now()
	store.outdate(Key{Account: "a", Database: "app"}, at)
	if mine.floor.Load() != at.UnixNano() || yours.floor.Load() != at.UnixNano() || other.floor.Load() != 0 {
		t.Error(mine.floor.Load(), yours.floor.Load(), other.floor.Load())
	}
}

func TestPlacesAreBounded(t *testing.T) {
	store := NewStore()
	kept := store.entry(Key{Address: "kept"})
	for i := range 5 * maxEntries {
		kept.began = time.Now() // it is in use
		store.entry(Key{Address: fmt.Sprint(i)})
	}
	if len(store.places) > 2*maxEntries || store.entry(Key{Address: "kept", Account: "another"}).place != kept.place {
		t.Errorf("%d places", len(store.places))
	}
}

func TestSessionsOfManyCatalogsAreBounded(t *testing.T) {
	store := NewStore()
	for i := range 2 * maxEntries {
		store.entry(Key{Database: fmt.Sprint(i)})
	}
	if len(store.entries) > maxEntries {
		t.Errorf("%d catalogs", len(store.entries))
	}
}

func TestTheMemoIsBounded(t *testing.T) {
	s := plain(time.Now())
	for range maxMemo / 10 {
		s.memo.put(memoKey{shape: shape("users")}, &Expansion{Shape: shape("users")})
	}
	if s.memo.names > maxMemo || len(s.memo.old) > maxMemo/64 {
		t.Errorf("%d names in %d expansions", s.memo.names, len(s.memo.old))
	}
}

func TestExpandingAKnownStatementIsCheap(t *testing.T) {
	s := sight(t, func(context.Context) (*Snapshot, error) { return plain(time.Now()), nil })
	one := parts(shape("users"))
	s.Expand(t.Context(), one)
	if n := testing.AllocsPerRun(100, func() { s.Expand(t.Context(), one) }); n > 3 { // parts, facts
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkExpand(b *testing.B) {
	s := sight(b, nil)
	s.entry.snap.Store(plain(time.Now().Add(time.Hour)))
	one := parts(shape("users"))
	for b.Loop() {
		s.Expand(context.Background(), one)
	}
}

func TestPathsThatASessionMayHave(t *testing.T) {
	set := func(s known.Set) *known.Shape {
		return &known.Shape{Verb: "set", Verbs: []string{"set"}, Sets: []known.Set{s}}
	}
	s := state{start: names.Path{"public"}, paths: []names.Path{{"public"}}}
	for i := range maxPaths {
		s.apply(set(known.Set{Name: "search_path", Known: true, List: []string{fmt.Sprint(i)}}), nil)
	}
	if !s.lost || len(s.paths) != maxPaths {
		t.Errorf("%+v", s)
	}
	long := strings.Repeat("x", 70)
	if p, ok := pathOf(&known.Set{List: []string{long}}); ok {
		t.Errorf("a name that the server cuts: %v", p)
	}
	if p, ok := settles([]*known.Shape{set(known.Set{Name: "search_path", List: []string{"a", "b"}})}); !ok || !slices.Equal(p, names.Path{"a", "b"}) {
		t.Error(p, ok)
	}
	if _, ok := settles([]*known.Shape{set(known.Set{Name: "search_path", Local: true, List: []string{"a"}})}); ok {
		t.Error("SET LOCAL settles the path")
	}
}
