// Package leaf keeps the certificates of a tailnet node's names. The library gets
// them and lays them, with their keys, open into a folder: from there they move into
// the node's sealed state, and are asked for anew when two thirds of their life have
// passed.
package leaf

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"tailscale.com/ipn"
)

const (
	prefix = "sallyport-leaf/" // of the keys in the state

	askTime  = time.Minute
	askPause = time.Minute // after a question that failed
	look     = time.Hour   // between two looks whether one ends
)

// A Keeper gives the certificates that there are, and gets those that there are not.
// Its fields are set before the first use.
type Keeper struct {
	// Ask gets a certificate and its key, in PEM, and leaves both in Dir.
	Ask   func(ctx context.Context, name string) (cert, key []byte, err error)
	State ipn.StateStore // sealed
	Dir   string
	Now   func() time.Time
	Log   *slog.Logger

	asking sync.Mutex // one question at a time; taken before mu

	mu   sync.Mutex
	held map[string]*tls.Certificate // guarded by mu
	wait map[string]failure          // guarded by mu
}

// A failure is why there is no certificate, and how long nobody asks again.
type failure struct {
	err   error
	until time.Time
}

// pair is what the state holds of one.
type pair struct{ Cert, Key []byte }

// Get gives the certificate of a name. It waits for as long as getting one takes,
// at most a minute.
func (k *Keeper) Get(ctx context.Context, name string) (*tls.Certificate, error) {
	name = strings.ToLower(name)
	if c := k.have(name); c != nil {
		return c, nil
	}
	k.asking.Lock()
	defer k.asking.Unlock()
	if c := k.have(name); c != nil {
		return c, nil
	}
	return k.renew(ctx, name)
}

// have gives a certificate that holds now; nil: there is none.
func (k *Keeper) have(name string) *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.held[name]
	if c == nil {
		c = k.load(name)
	}
	if c == nil || !k.Now().Before(c.Leaf.NotAfter) {
		return nil
	}
	return c
}

// load takes a certificate out of the state. The caller holds mu.
func (k *Keeper) load(name string) *tls.Certificate {
	raw, err := k.State.ReadState(ipn.StateKey(prefix + name))
	if err != nil {
		return nil
	}
	var p pair
	if json.Unmarshal(raw, &p) != nil {
		return nil
	}
	c, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil
	}
	k.hold(name, &c)
	return &c
}

// hold makes a certificate the one of its name. The caller holds mu.
func (k *Keeper) hold(name string, c *tls.Certificate) {
	if k.held == nil {
		k.held = make(map[string]*tls.Certificate)
	}
	k.held[name] = c
}

// renew gets a certificate and seals it. The caller holds asking.
func (k *Keeper) renew(ctx context.Context, name string) (*tls.Certificate, error) {
	k.mu.Lock()
	last := k.wait[name]
	k.mu.Unlock()
	if k.Now().Before(last.until) {
		return nil, last.err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	cert, key, err := k.Ask(ctx, name)
	if err == nil {
		return k.keep(name, pair{cert, key})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.wait == nil || len(k.wait) > 64 { // names are what somebody says in a handshake
		k.wait = make(map[string]failure)
	}
	k.wait[name] = failure{err, k.Now().Add(askPause)}
	return nil, err
}

// keep seals a pair, and takes it out of the folder only then.
func (k *Keeper) keep(name string, p pair) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", name, err)
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", name, err)
	}
	if err := k.State.WriteState(ipn.StateKey(prefix+name), raw); err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", name, err)
	}
	k.mu.Lock()
	k.hold(name, &c)
	k.mu.Unlock()
	k.sweep()
	return &c, nil
}

// sweep empties the folder. The key of the account with the authority goes, too: the
// next certificate opens another one.
func (k *Keeper) sweep() {
	if err := os.RemoveAll(k.Dir); err != nil {
		k.Log.Warn("a key of the tailnet node's certificate lies open", "dir", k.Dir, "err", err)
	}
}

// Run asks in time for another certificate of each name that has one, until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.review(ctx)
		}
	}
}

// review renews what ends soon. What fails is tried again at the next look, and the
// certificate that there is goes on.
func (k *Keeper) review(ctx context.Context) {
	k.mu.Lock()
	var due []string
	for name, c := range k.held {
		if life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore); k.Now().After(c.Leaf.NotBefore.Add(life * 2 / 3)) {
			due = append(due, name)
		}
	}
	some := len(k.held) > 0
	k.mu.Unlock()
	k.asking.Lock()
	defer k.asking.Unlock()
	for _, name := range due {
		if _, err := k.renew(ctx, name); err != nil && ctx.Err() == nil {
			k.Log.Warn("the certificate of the tailnet node is not renewed", "name", name, "err", err)
		}
	}
	if some {
		k.sweep()
	}
}
