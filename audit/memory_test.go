package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
)

// memory is a Store whose parts can fail.
type memory struct {
	mu      sync.Mutex
	rows    []Row
	intents map[string]Intent
	heads   map[string]Head

	failAppend  error
	failIntents error
	failRoom    error
	lieOnce     bool          // the next Append keeps its records and says that it failed
	gate        chan struct{} // Append waits until it can receive, if set
	commits     int           // of intents
	journal     string        // path
	hold        sync.Mutex    // a test that has it stops commits of intents
	came        atomic.Int64  // commits of intents that have come so far as to hold
}

func newMemory() *memory { return &memory{intents: map[string]Intent{}, heads: map[string]Head{}} }

func (m *memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func (m *memory) Append(_ context.Context, rs []Record) error {
	if gate := m.gate; gate != nil {
		<-gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failAppend != nil {
		return m.failAppend
	}
	for _, r := range rs {
		if n := len(m.rows); n > 0 && m.rows[n-1].Seq >= r.Seq {
			return fmt.Errorf("record %d is kept already", r.Seq)
		}
		m.rows = append(m.rows, Row{Month: MonthOf(r.Recorded), Seq: r.Seq, ID: r.ID, Agent: r.Agent.Name, Recorded: r.Recorded, Body: bytes.Clone(r.Body())})
	}
	if m.lieOnce {
		m.lieOnce = false
		return errors.New("the answer got lost")
	}
	return nil
}

func (m *memory) FirstSince(_ context.Context, at time.Time) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if !r.Recorded.Before(at) {
			return r.Seq, nil
		}
	}
	return uint64(len(m.rows)) + 1, nil
}

func (m *memory) Tail(context.Context) (Tail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rows) == 0 {
		return Tail{}, nil
	}
	r, err := record.Decode(m.rows[len(m.rows)-1].Body)
	return Tail{Seq: r.Seq, Hash: r.Hash, Recorded: r.Recorded}, err
}

func (m *memory) Room() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failRoom
}

func (m *memory) Journal() string { return m.journal }

func (m *memory) ChangeIntents(_ context.Context, add []Intent, drop []string) error {
	m.came.Add(1)
	m.hold.Lock()
	defer m.hold.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits++
	if m.failIntents != nil {
		return m.failIntents
	}
	for _, i := range add {
		m.intents[i.ID] = i
	}
	for _, id := range drop {
		delete(m.intents, id)
	}
	return nil
}

func (m *memory) LoadIntents(context.Context) ([]Intent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.intents)), nil
}

func (m *memory) SaveHead(_ context.Context, name string, h Head) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heads[name] = h
	return nil
}

func (m *memory) LoadHeads(context.Context) (map[string]Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.heads), nil
}

func (m *memory) Select(_ context.Context, q Query) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Record
	for _, row := range slices.Backward(m.rows) {
		r, err := record.Decode(row.Body)
		if err != nil {
			return nil, err
		}
		if q.Match(&r) && len(found) < q.Limit {
			found = append(found, r)
		}
	}
	return found, nil
}

func (m *memory) Scan(_ context.Context, from uint64, f func(Row) error) error {
	m.mu.Lock()
	rows := slices.Clone(m.rows)
	m.mu.Unlock()
	for _, r := range rows {
		if r.Seq < from {
			continue
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Months(context.Context) ([]Month, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var months []Month
	for _, row := range m.rows {
		r, err := record.Decode(row.Body)
		if err != nil {
			return nil, err
		}
		if n := len(months); n == 0 || months[n-1].Name != row.Month {
			months = append(months, Month{Name: row.Month})
		}
		months[len(months)-1].Last = Tail{Seq: r.Seq, Hash: r.Hash, Recorded: r.Recorded}
	}
	return months, nil
}

func (m *memory) DropMonth(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = slices.DeleteFunc(m.rows, func(r Row) bool { return r.Month == name })
	return nil
}

// records gives what is kept.
func (m *memory) records(t *testing.T) []Record {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	rs := make([]Record, len(m.rows))
	for i, row := range m.rows {
		var err error
		if rs[i], err = record.Decode(row.Body); err != nil {
			t.Fatal(err)
		}
	}
	return rs
}

// key signs as the vault's Signer does.
type key struct{ ed25519.PrivateKey }

func newKey(seed byte) key {
	b := make([]byte, ed25519.SeedSize)
	b[0] = seed
	return key{ed25519.NewKeyFromSeed(b)}
}

func (k key) Sign(message []byte) []byte { return ed25519.Sign(k.PrivateKey, message) }
func (k key) Public() ed25519.PublicKey  { return k.PrivateKey.Public().(ed25519.PublicKey) }

// facts are those of a protocol of the tests.
type facts struct {
	Method string   `json:"method"`
	Path   string   `json:"path"`
	Tags   []string `json:"tags,omitempty"`
}

func tables() []action.FactTable {
	return []action.FactTable{{
		Protocol: "http",
		New:      func() action.Facts { return new(facts) },
		Facts: []action.FactSpec{action.Str("http.method", "", 0, func(f *facts) (string, action.State) {
			return f.Method, action.Known
		})},
	}}
}

var (
	peer = &action.Peer{
		ID: "a1", Name: "ci", User: "ann@acme.dev", Tags: []string{"tag:ci"}, Enrolled: []string{"dev"},
		Addr: netip.MustParseAddr("10.77.0.2"), Transport: "wireguard",
	}
	service = &action.Service{Name: "github", Protocol: "http"}
	allow   = action.Decision{Verdict: action.Allow, Rule: "reads"}
	deny    = action.Decision{Verdict: action.Deny, Rule: "no-drop", Reason: "Dropping is not allowed."}
	ok      = action.Result{Status: "200", Upstream: "140.82.121.6:443", Injected: true, Secret: "github@3", Sent: 12, Received: 345, Rows: 6, Duration: time.Second}
)

func act(path string) *action.Action {
	now := time.Now()
	return &action.Action{
		ID: action.NewID(now), Time: now, Session: "s1", Peer: peer, Service: service, Host: "api.github.com",
		Dst: netip.MustParseAddrPort("198.18.0.7:443"), Kind: "request", Summary: "GET " + path,
		Parts: []action.Part{{Effects: action.EffectRead, Facts: &facts{Method: "GET", Path: path}}},
	}
}

func openLog(t *testing.T, m *memory, opts Options) *Log {
	t.Helper()
	l, err := New(t.Context(), m, tables(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func do(t *testing.T, l *Log, a *action.Action, d action.Decision, r action.Result) {
	t.Helper()
	if err := l.Begin(t.Context(), a, d); err != nil {
		t.Fatal(err)
	}
	l.End(a, d, r)
}

// eventually waits for cond, which something in the background makes true.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
