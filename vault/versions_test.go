package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/vault/seal"
)

func TestRollback(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	for i := range 7 {
		must(t, v.Put(t.Context(), "a", NewSecret(fmt.Appendf(nil, "value-%d", i)), "ana@acme.dev"))
	}
	info := v.List()[0]
	if info.Version != 7 || info.By != "ana@acme.dev" || !slices.Equal(info.Older, []uint64{3, 4, 5, 6}) {
		t.Errorf("%+v", info)
	}
	must(t, v.Rollback(t.Context(), "a", "bo@acme.dev"))
	for _, v := range []*Vault{v, open(t, m)} {
		info := v.List()[0]
		if got := password(t, v, "a"); got != "value-5" || info.Version != 8 || info.By != "bo@acme.dev" || !slices.Equal(info.Older, []uint64{4, 5, 6, 7}) {
			t.Errorf("%s, %+v", got, info)
		}
	}
	must(t, v.Rollback(t.Context(), "a", ""))
	if got := password(t, v, "a"); got != "value-6" {
		t.Errorf("back from going back: %s", got)
	}
	must(t, v.Put(t.Context(), "once", NewSecret([]byte("x")), ""))
	for name, want := range map[string]error{"once": ErrNoOlder, "none": ErrNotFound} {
		if err := v.Rollback(t.Context(), name, ""); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A rotation of the key changes no value, and only the new key opens what it left.
func TestRotate(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	for _, value := range []string{"old", "current"} {
		must(t, v.Put(t.Context(), "a", NewSecret([]byte(value)), "ana"))
	}
	signer, err := v.Signer(t.Context(), "audit")
	must(t, err)
	before := v.Generation(auth("a"))
	must(t, v.Rotate(t.Context(), testKey(2)))
	if v.key.ID() != testKey(2).ID() || v.Generation(auth("a")) != before || password(t, v, "a") != "current" {
		t.Error("a rotation was noticed")
	}
	if _, err := Open(t.Context(), m, testKey(1)); err == nil {
		t.Error("the old key still opens the vault")
	}
	again, err := Open(t.Context(), m, testKey(2))
	must(t, err)
	if got := password(t, again, "a"); got != "current" || again.List()[0].By != "ana" {
		t.Errorf("%s, %+v", got, again.List())
	}
	must(t, again.Rollback(t.Context(), "a", ""))
	if got := password(t, again, "a"); got != "old" {
		t.Errorf("the older version: %s", got)
	}
	if s, err := again.Signer(t.Context(), "audit"); err != nil || !s.Public().Equal(signer.Public()) {
		t.Errorf("what the gateway keeps for itself is lost: %v", err)
	}
}

// A gateway that died in the middle of a rotation is given both keys.
func TestOpenFinishesARotation(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	put(t, v, "a", "value")
	m.fail = errors.New("disk full")
	if err := v.Rotate(t.Context(), testKey(2)); !errors.Is(err, m.fail) {
		t.Fatalf("%v", err)
	}
	if password(t, v, "a") != "value" || v.key.ID() != testKey(1).ID() {
		t.Error("a rotation that failed left something behind")
	}
	m.fail = nil
	for range 2 { // before it, and after
		v, err := Open(t.Context(), m, testKey(2), testKey(1))
		must(t, err)
		if password(t, v, "a") != "value" {
			t.Error("the value is lost")
		}
	}
	if _, err := Open(t.Context(), m, testKey(1)); err == nil {
		t.Error("the old key still opens the vault")
	}
}

// Nothing is refused while the key is rotated.
func TestRotateUnderLoad(t *testing.T) {
	v := open(t, newMemory())
	put(t, v, "a", canary)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
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
	for i := range 50 {
		must(t, v.Rotate(t.Context(), testKey(byte(i+2))))
	}
	close(stop)
	wg.Wait()
}

func TestUseIsNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := open(t, newMemory())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { v.Run(ctx); close(done) }()
		put(t, v, "a", canary)
		put(t, v, "b", canary)
		time.Sleep(time.Hour)
		c, err := v.Credential(t.Context(), auth("b", "a"))
		must(t, err)
		if c.Label() != "b@1,a@1" {
			t.Errorf("label %q", c.Label())
		}
		put(t, v, "a", "another")
		for _, info := range v.List() {
			if ago := time.Since(info.Used); ago > 2*time.Second {
				t.Errorf("%s: used %s ago", info.Name, ago)
			}
		}
		stop()
		<-done
	})
}

// Ten thousand secrets are opened within a second, and rotated within five.
func BenchmarkTenThousand(b *testing.B) {
	m := newMemory()
	for i := range 10_000 {
		s, err := seal.Seal(testKey(1), seal.Sealed{Name: fmt.Sprintf("s%d", i), Version: 1, Created: time.Now()}, []byte(canary))
		if err != nil {
			b.Fatal(err)
		}
		m.all[s.Name] = s
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := Open(context.Background(), m, testKey(1)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("rotate", func(b *testing.B) {
		v, err := Open(context.Background(), m, testKey(1))
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; b.Loop(); i++ {
			if err := v.Rotate(context.Background(), testKey(byte(i+2))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
