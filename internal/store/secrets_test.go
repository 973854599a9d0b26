package store

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/seal"
)

// The bars for ten thousand secrets, on the disk. Both are an order of magnitude above
// what a quiet machine needs.
const (
	loadWithin   = time.Second
	rotateWithin = 5 * time.Second
)

// Ten thousand secrets are there within a second, and under another key within five,
// while no request has to wait or is refused; none of them reads the store or allocates.
func TestTenThousandSecrets(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	keys := make([]seal.Key, 2)
	for i, digits := range []string{"01", "ab"} {
		if keys[i], err = seal.ParseKey(strings.Repeat(digits, 32)); err != nil {
			t.Fatal(err)
		}
	}
	all := make([]seal.Sealed, 10_000)
	for i := range all {
		if all[i], err = seal.Seal(keys[0], seal.Sealed{Name: fmt.Sprintf("s%d", i), Version: 1, Created: time.Now()}, fmt.Appendf(nil, "the value of number %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SaveSealed(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	v, err := vault.Open(t.Context(), s, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	loaded := time.Since(began)
	auth := action.Auth{Scheme: "bearer", Secrets: []string{"s77"}}
	stop := make(chan struct{})
	var agents sync.WaitGroup
	var slowest time.Duration
	agents.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			began := time.Now()
			if _, err := v.Credential(t.Context(), auth); err != nil {
				t.Error(err)
				return
			}
			slowest = max(slowest, time.Since(began))
		}
	})
	began = time.Now()
	err = v.Rotate(t.Context(), keys[1])
	rotated := time.Since(began)
	close(stop)
	agents.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if !raceEnabled && (loaded > loadWithin || rotated > rotateWithin) { // the race detector makes it many times slower
		t.Errorf("loaded in %s, of %s; rotated in %s, of %s", loaded, loadWithin, rotated, rotateWithin)
	}
	t.Logf("loaded in %s, rotated in %s, the slowest of the requests meanwhile took %s", loaded, rotated, slowest)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.Credential(t.Context(), auth); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("a request allocates %v times for its secret", n)
	}
	again, err := vault.Open(t.Context(), s, keys[1])
	if err != nil || len(again.List()) != len(all) {
		t.Fatalf("%d secrets under the other key, %v", len(again.List()), err)
	}
	if _, err := vault.Open(t.Context(), s, keys[0]); err == nil || !strings.Contains(err.Error(), keys[1].ID()) {
		t.Errorf("the old key: %v", err)
	}
}
