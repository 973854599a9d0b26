package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault/seal"
)

// canary is what must never be seen.
const canary = "CANARY-s3cr3t-7f1e"

// memory is a Backend that can fail.
type memory struct {
	mu   sync.Mutex
	all  map[string]seal.Sealed
	fail error
}

func newMemory() *memory { return &memory{all: map[string]seal.Sealed{}} }

func (m *memory) broken(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memory) LoadSealed(context.Context) ([]seal.Sealed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []seal.Sealed
	for _, s := range m.all {
		all = append(all, s)
	}
	return all, m.fail
}

func (m *memory) SaveSealed(ctx context.Context, list ...seal.Sealed) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil { // as a database does
		return ctx.Err()
	}
	for _, s := range list {
		if m.fail == nil {
			m.all[s.Name] = s
		}
	}
	return m.fail
}

func (m *memory) DeleteSealed(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		delete(m.all, name)
	}
	return m.fail
}

func testKey(fill byte) seal.Key {
	k, err := seal.ParseKey(hex.EncodeToString(bytes.Repeat([]byte{fill}, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

func open(t *testing.T, m *memory) *Vault {
	t.Helper()
	v, err := Open(t.Context(), m, testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func put(t *testing.T, v *Vault, name, value string) {
	t.Helper()
	if err := v.Put(t.Context(), name, NewSecret([]byte(value)), ""); err != nil {
		t.Fatal(err)
	}
}

func password(t *testing.T, v *Vault, name string) string {
	t.Helper()
	c, err := v.Credential(t.Context(), auth(name))
	if err != nil {
		t.Fatal(err)
	}
	_, p, err := c.Password()
	if err != nil {
		t.Fatal(err)
	}
	return string(p.Reveal())
}

func auth(names ...string) action.Auth {
	return action.Auth{Scheme: "password", Name: "u", Secrets: names}
}

func TestPutSurvivesReopening(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	put(t, v, "github", "one")
	put(t, v, "github", canary)
	again := open(t, m)
	if got := password(t, again, "github"); got != canary {
		t.Errorf("got %q", got)
	}
	infos := again.List()
	if len(infos) != 1 || infos[0].Version != 2 || infos[0].Source != "sealed" || infos[0].Created.IsZero() || infos[0].Problem != "" {
		t.Errorf("infos: %+v", infos)
	}
	if !again.Has("github") || again.Has("gitlab") {
		t.Error("Has is wrong")
	}
}

func TestDelete(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	put(t, v, "a", "x")
	if err := v.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if v.Has("a") || len(m.all) != 0 {
		t.Error("still there")
	}
	if _, err := v.Credential(t.Context(), auth("a")); !errors.Is(err, ErrNotFound) {
		t.Errorf("Credential: %v", err)
	}
	if err := v.Delete(t.Context(), "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("second Delete: %v", err)
	}
}

func TestFailingBackendChangesNothing(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	put(t, v, "a", "old")
	m.fail = errors.New("disk full")
	if err := v.Put(t.Context(), "a", NewSecret([]byte("new")), ""); !errors.Is(err, m.fail) {
		t.Errorf("Put: %v", err)
	}
	if err := v.Delete(t.Context(), "a"); !errors.Is(err, m.fail) {
		t.Errorf("Delete: %v", err)
	}
	if got := password(t, v, "a"); got != "old" {
		t.Errorf("got %q", got)
	}
}

func TestGeneration(t *testing.T) {
	v := open(t, newMemory())
	both := auth("a", "b")
	if g := v.Generation(both); g != 0 {
		t.Errorf("nothing there: %d", g)
	}
	put(t, v, "a", "1")
	put(t, v, "b", "1")
	seen := map[uint64]bool{v.Generation(both): true}
	steps := map[string]func(){
		"put a":   func() { put(t, v, "a", "2") },
		"put b":   func() { put(t, v, "b", "2") },
		"renewed": func() { _ = v.Delete(t.Context(), "a"); put(t, v, "a", "2") },
	}
	for name, step := range steps {
		step()
		g := v.Generation(both)
		if g == 0 || seen[g] {
			t.Errorf("%s: generation %d was seen before", name, g)
		}
		seen[g] = true
	}
	before := v.Generation(both)
	put(t, v, "other", "x")
	if v.Generation(both) != before {
		t.Error("another secret changed the generation")
	}
}

func TestNames(t *testing.T) {
	v := open(t, newMemory())
	for _, name := range []string{"", "sallyport/ca/root", "a b", "1a", "-a", "a/b", "ä", "a\nb", strings.Repeat("a", 129)} {
		if err := v.Put(t.Context(), name, NewSecret([]byte("x")), ""); err == nil {
			t.Errorf("Put(%q) passed", name)
		}
		if err := v.Delete(t.Context(), name); err == nil {
			t.Errorf("Delete(%q) passed", name)
		}
	}
	for _, value := range []string{"", strings.Repeat("x", maxSecret+1)} {
		if err := v.Put(t.Context(), "a", NewSecret([]byte(value)), ""); err == nil {
			t.Errorf("Put of %d bytes passed", len(value))
		}
	}
}

func TestInternalIsHidden(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	made := 0
	produce := func() (Secret, error) { made++; return NewSecret([]byte("k")), nil }
	for range 2 {
		s, err := v.Internal(t.Context(), "wireguard", produce)
		if err != nil || string(s.Reveal()) != "k" {
			t.Fatalf("%v", err)
		}
	}
	if s, err := open(t, m).Internal(t.Context(), "wireguard", produce); err != nil || string(s.Reveal()) != "k" || made != 1 {
		t.Fatalf("%v, made %d times", err, made)
	}
	for _, v := range []*Vault{v, open(t, m)} {
		if len(v.List()) != 0 || v.Has(reserved+"wireguard") {
			t.Error("a reserved value is listed")
		}
		if _, err := v.Credential(t.Context(), auth(reserved+"wireguard")); err == nil {
			t.Error("a reserved value became a credential")
		}
	}
}

func TestTamperingIsNoticed(t *testing.T) {
	tamper := map[string]func(*seal.Sealed){
		"data":        func(s *seal.Sealed) { s.Data[len(s.Data)-1] ^= 1 },
		"dek":         func(s *seal.Sealed) { s.DEK[0] ^= 1 },
		"version":     func(s *seal.Sealed) { s.Version++ },
		"created":     func(s *seal.Sealed) { s.Created = s.Created.Add(time.Second) },
		"name":        func(s *seal.Sealed) { s.Name = "b" },
		"by":          func(s *seal.Sealed) { s.By = "ana@acme.dev" },
		"format":      func(s *seal.Sealed) { s.Format = 0 },
		"short data":  func(s *seal.Sealed) { s.Data = s.Data[:5] },
		"no dek":      func(s *seal.Sealed) { s.DEK = nil },
		"data as dek": func(s *seal.Sealed) { s.DEK = s.Data },
	}
	for name, change := range tamper {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			put(t, open(t, m), "a", canary)
			s := m.all["a"]
			s.Data, s.DEK = bytes.Clone(s.Data), bytes.Clone(s.DEK)
			change(&s)
			m.all = map[string]seal.Sealed{s.Name: s}
			v := open(t, m)
			if v.Has(s.Name) || v.Generation(auth(s.Name)) != 0 {
				t.Error("a changed secret has a value")
			}
			if infos := v.List(); len(infos) != 1 || infos[0].Problem == "" {
				t.Errorf("infos: %+v", infos)
			}
			if _, err := v.Credential(t.Context(), auth(s.Name)); err == nil {
				t.Error("a changed secret became a credential")
			}
		})
	}
}

func TestWrongKeyIsRefused(t *testing.T) {
	m := newMemory()
	put(t, open(t, m), "a", canary)
	_, err := Open(t.Context(), m, testKey(2))
	if err == nil || !strings.Contains(err.Error(), testKey(1).ID()) {
		t.Fatalf("Open: %v", err)
	}
	s := m.all["a"]
	s.KeyID = testKey(2).ID() // the id is bound, too
	m.all["a"] = s
	v, err := Open(t.Context(), m, testKey(2))
	if err != nil || v.Has("a") {
		t.Fatalf("Open: %v", err)
	}
	if _, err := Open(t.Context(), m, seal.Key{}); err == nil {
		t.Error("the zero key opened a vault")
	}
}

func TestSealedShowsNothing(t *testing.T) {
	m := newMemory()
	put(t, open(t, m), "a", canary)
	s := m.all["a"]
	if bytes.Contains(s.Data, []byte(canary)) || bytes.Contains(s.DEK, []byte(canary)) {
		t.Error("the value stands in the clear")
	}
}

func TestEnvSource(t *testing.T) {
	v := open(t, newMemory())
	put(t, v, "openai", "sealed")
	t.Setenv("OPENAI_API_KEY", canary+"\n")
	before := v.Generation(auth("openai"))
	v.Declare([]Source{{Name: "openai", Env: "OPENAI_API_KEY"}, {Name: "gone", Env: "SALLYPORT_TEST_UNSET"}})
	if got := password(t, v, "openai"); got != canary {
		t.Errorf("got %q", got)
	}
	if v.Generation(auth("openai")) == before {
		t.Error("the generation stayed")
	}
	infos := v.List()
	if len(infos) != 2 || infos[0].Name != "gone" || infos[0].Problem == "" || infos[1].Source != "env OPENAI_API_KEY" {
		t.Errorf("infos: %+v", infos)
	}
	if v.Has("gone") {
		t.Error("an unset variable has a value")
	}
	if err := v.Put(t.Context(), "openai", NewSecret([]byte("x")), ""); err == nil || !strings.Contains(err.Error(), "env OPENAI_API_KEY") {
		t.Errorf("Put: %v", err)
	}
	same := v.Generation(auth("openai"))
	v.Declare([]Source{{Name: "openai", Env: "OPENAI_API_KEY"}})
	if v.Generation(auth("openai")) != same {
		t.Error("declaring the same again retired the links")
	}
	v.Declare(nil)
	if got := password(t, v, "openai"); got != "sealed" {
		t.Errorf("got %q", got)
	}
}

func TestFileSource(t *testing.T) {
	v := open(t, newMemory())
	path := filepath.Join(t.TempDir(), "db")
	write := func(s string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-age)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
		v.Refresh()
	}
	v.Declare([]Source{{Name: "db", File: path}})
	if v.Has("db") {
		t.Error("a missing file has a value")
	}
	write("one\r\n", 5*time.Minute)
	first := v.Generation(auth("db"))
	if got := password(t, v, "db"); got != "one" {
		t.Errorf("got %q", got)
	}
	write("two\n", 4*time.Minute)
	if got := password(t, v, "db"); got != "two" || v.Generation(auth("db")) == first {
		t.Errorf("got %q", got)
	}
	second := v.Generation(auth("db"))
	write("two\n", 3*time.Minute) // touched
	write("", 2*time.Minute)      // about to be rewritten
	if got := password(t, v, "db"); got != "two" || v.Generation(auth("db")) != second {
		t.Errorf("got %q, generation %d after %d", got, v.Generation(auth("db")), second)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	v.Refresh()
	if v.Has("db") {
		t.Error("a removed file still has a value")
	}
	write(strings.Repeat("x", maxSecret+1), time.Minute)
	if v.Has("db") {
		t.Error("a huge file has a value")
	}
}

func TestFileSourceIsRegular(t *testing.T) {
	v := open(t, newMemory())
	v.Declare([]Source{{Name: "dir", File: t.TempDir()}, {Name: "dev", File: "/dev/zero"}})
	for _, name := range []string{"dir", "dev"} {
		if v.Has(name) {
			t.Errorf("%s has a value", name)
		}
	}
}

// TestCredentialsUnderRotation turns up races between readers and writers.
func TestCredentialsUnderRotation(t *testing.T) {
	v := open(t, newMemory())
	put(t, v, "a", "v0")
	done := make(chan struct{})
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := v.Credential(context.Background(), auth("a")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	last := uint64(0)
	for range 200 {
		put(t, v, "a", "v1")
		g := v.Generation(auth("a"))
		if g <= last {
			t.Errorf("generation %d after %d", g, last)
		}
		last = g
	}
	close(done)
	g.Wait()
}

// Opening a secret takes no room and no look into the store, however many there are and
// whatever is not well with it.
func TestOpeningTakesNothing(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	for i := range 100 {
		put(t, v, fmt.Sprint("s", i), canary)
	}
	m.broken(errors.New("the store is away"))
	a := auth("s7")
	allocs := testing.AllocsPerRun(1000, func() {
		if _, err := v.Credential(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		v.Generation(a)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkCredential(b *testing.B) {
	v, err := Open(context.Background(), newMemory(), testKey(1))
	if err != nil {
		b.Fatal(err)
	}
	if err := v.Put(context.Background(), "a", NewSecret([]byte(canary)), ""); err != nil {
		b.Fatal(err)
	}
	a := auth("a")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Credential(context.Background(), a); err != nil {
			b.Fatal(err)
		}
		v.Generation(a)
	}
}
