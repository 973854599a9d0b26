package wireguard

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	rememberEvery = 3 * time.Second
	maxStateSize  = 16 << 20
)

// remember applies changes of the roster until ctx ends, and in between writes
// down where the agents are.
func (n *Node) remember(ctx context.Context) {
	tick := time.NewTicker(rememberEvery)
	defer tick.Stop()
	if n.state == "" {
		tick.Stop()
	}
	known := n.remembered()
	for {
		select {
		case <-ctx.Done():
			n.write(known)
			return
		case <-n.wake:
			n.sync()
		case <-tick.C:
			known = n.write(known)
		}
	}
}

// seen is where the agents of the tunnel are, by key.
func (n *Node) seen() map[string]string {
	at := make(map[string]string)
	for key, s := range n.stats() {
		if s.Endpoint != "" {
			at[key] = s.Endpoint
		}
	}
	return at
}

// write replaces the state file if the agents have moved since known, and gives
// what stands there now.
func (n *Node) write(known map[string]string) map[string]string {
	if n.state == "" {
		return nil
	}
	at := n.seen()
	if maps.Equal(at, known) {
		return known
	}
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(at)) {
		fmt.Fprintf(&b, "%s %s\n", key, at[key])
	}
	if err := replaceFile(n.state, b.String()); err != nil {
		n.log.Warn("endpoints not remembered", "err", err)
		return known
	}
	return at
}

// replaceFile writes a file that is either the old or the new one, whole.
func replaceFile(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name()) //nolint:errcheck // the first error is the one to tell
	}
	return err
}

// remembered reads the state file. It is only a hint, so that what is missing or
// damaged costs the agents a few seconds.
func (n *Node) remembered() map[string]string {
	at := make(map[string]string)
	if n.state == "" {
		return at
	}
	f, err := os.Open(n.state)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			n.log.Warn("endpoints not read", "err", err)
		}
		return at
	}
	defer f.Close() //nolint:errcheck // only read
	if info, err := f.Stat(); err != nil || info.Size() > maxStateSize {
		n.log.Warn("endpoints not read", "err", err, "file", n.state)
		return at
	}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		key, endpoint, _ := strings.Cut(sc.Text(), " ")
		if _, err := netip.ParseAddrPort(endpoint); err == nil {
			at[key] = endpoint
		}
	}
	return at
}
