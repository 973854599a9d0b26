package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/policy"
)

// watchEvery is how often the configuration's files are looked at.
const watchEvery = 500 * time.Millisecond

// watch reads the configuration again when a file of it has changed, or when
// asked to. On any error the rules in force stay. It also has open connections
// judged again when an hour or an end that the rules name has come.
func (b *Rulebook) watch(ctx context.Context) error {
	seen := settling{taken: b.first}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	turn := b.Current().NextChange(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.o.Reload:
			seen.taken = ""
		case now := <-tick.C:
			if !turn.IsZero() && now.After(turn) {
				b.changed()
				turn = b.Current().NextChange(now)
			}
		}
		if b.look(ctx, &seen) {
			turn = b.Current().NextChange(time.Now())
			if _, bad := b.standing(); bad == "" {
				b.noticed(ctx)
			}
		}
	}
}

// look reads the configuration again if it has changed and rests.
func (b *Rulebook) look(ctx context.Context, seen *settling) bool {
	if !seen.changed(b.fingerprint()) {
		return false
	}
	b.Reload(ctx)
	return true
}

// A settling tells when files have changed and were left alone for one look: an
// editor that writes in place leaves half of them for a moment.
type settling struct{ taken, last string }

func (s *settling) changed(now string) bool {
	rests := now == s.last
	s.last = now
	if !rests || now == s.taken {
		return false
	}
	s.taken = now
	return true
}

// remember notes which files a configuration was made of.
func (b *Rulebook) remember(files *policy.Files) {
	if files == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paths = files.Paths()
	for i, path := range b.paths {
		b.paths[i] = filepath.Clean(path)
	}
}

// fingerprint tells one state of the configuration's files from another: of those
// that it was read from, and of what stands in its directory.
func (b *Rulebook) fingerprint() string {
	b.mu.Lock()
	paths := append([]string{filepath.Clean(b.o.Config)}, b.paths...)
	b.mu.Unlock()
	if entries, err := os.ReadDir(b.o.Config); err == nil {
		for _, e := range entries {
			if name := e.Name(); !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") { // not an editor's own
				paths = append(paths, filepath.Join(b.o.Config, name))
			}
		}
		paths = paths[1:] // a directory changes with every file of an editor
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	var out strings.Builder
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			fmt.Fprintf(&out, "%s %v\n", path, err)
			continue
		}
		fmt.Fprintf(&out, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
	}
	return out.String()
}
