package leaf

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pki"

	"tailscale.com/ipn/store/mem"
)

const name = "gate.corp.ts.net"

// lab is a keeper, and the library that it asks.
type lab struct {
	*Keeper
	t     *testing.T
	now   time.Time
	asked int
	fails error
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, now: time.Now()}
	l.Keeper = l.keeper(new(mem.Store))
	l.Dir = filepath.Join(t.TempDir(), "certs")
	return l
}

func (l *lab) keeper(s *mem.Store) *Keeper {
	return &Keeper{Ask: l.ask, State: s, Now: func() time.Time { return l.now }, Log: slog.New(slog.DiscardHandler)}
}

// ask is the library: it makes a certificate and leaves the files.
func (l *lab) ask(_ context.Context, name string) ([]byte, []byte, error) {
	l.asked++
	if l.fails != nil {
		return nil, nil, l.fails
	}
	ca, err := pki.New("leaf")
	if err != nil {
		l.t.Fatal(err)
	}
	cert, key, err := ca.IssuePEM(name)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		l.t.Fatal(err)
	}
	for _, file := range []string{name + ".key", "acme-account.key.pem"} {
		if err := os.WriteFile(filepath.Join(l.Dir, file), key, 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
	return cert, key, nil
}

// open reports whether a key lies open.
func (l *lab) open() bool {
	_, err := os.Stat(l.Dir)
	return !errors.Is(err, os.ErrNotExist)
}

func TestWhatIsGotIsSealedAndGotOnce(t *testing.T) {
	l := newLab(t)
	first, err := l.Get(t.Context(), "Gate.corp.ts.net")
	if err != nil {
		t.Fatal(err)
	}
	if l.open() {
		t.Error("its key lies open")
	}
	again := l.keeper(l.State.(*mem.Store)) // after a restart
	again.Dir = l.Dir
	second, err := again.Get(t.Context(), name)
	if err != nil || l.asked != 1 || !bytes.Equal(first.Certificate[0], second.Certificate[0]) {
		t.Errorf("asked %d times, %v", l.asked, err)
	}
}

func TestItIsRenewedInTime(t *testing.T) {
	l := newLab(t)
	first, err := l.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	l.review(t.Context())
	if l.asked != 1 {
		t.Error("a new one is renewed")
	}
	life := first.Leaf.NotAfter.Sub(first.Leaf.NotBefore)
	l.now = first.Leaf.NotBefore.Add(life * 3 / 4)
	l.fails = errors.New("the authority is away")
	l.review(t.Context())
	if got, err := l.Get(t.Context(), name); err != nil || got.Leaf.NotAfter != first.Leaf.NotAfter || l.asked != 2 {
		t.Errorf("while it cannot be renewed: asked %d times, %v", l.asked, err)
	}
	l.fails, l.now = nil, l.now.Add(time.Hour)
	l.review(t.Context())
	if got, err := l.Get(t.Context(), name); err != nil || bytes.Equal(got.Certificate[0], first.Certificate[0]) || l.open() {
		t.Errorf("the old one is given: %v", err)
	}
	l.now = first.Leaf.NotAfter.Add(life) // and nobody looked
	if _, err := l.Get(t.Context(), name); err != nil || l.asked != 4 {
		t.Errorf("one that has ended: asked %d times, %v", l.asked, err)
	}
}

func TestAQuestionThatFailsRests(t *testing.T) {
	l := newLab(t)
	l.fails = errors.New("no such name")
	for range 3 {
		if _, err := l.Get(t.Context(), "other.corp.ts.net"); !errors.Is(err, l.fails) {
			t.Errorf("got %v", err)
		}
	}
	if l.asked != 1 {
		t.Errorf("asked %d times", l.asked)
	}
	l.now = l.now.Add(2 * time.Minute)
	l.Get(t.Context(), "other.corp.ts.net") //nolint:errcheck // it fails again
	if l.asked != 2 {
		t.Errorf("asked %d times", l.asked)
	}
}
