// Package files tells when the files of a configuration have changed and were left
// alone for a moment. It reads none of them.
package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A Set is the files of one configuration, by what is known of them.
type Set struct {
	root string // a file, or a directory of them

	mu    sync.Mutex
	paths []string // what the last one read was made of; guarded by mu
}

// At is the files of the configuration at root.
func At(root string) *Set { return &Set{root: filepath.Clean(root)} }

// Remember notes which files a configuration was made of.
func (s *Set) Remember(paths []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths = s.paths[:0]
	for _, path := range paths {
		s.paths = append(s.paths, filepath.Clean(path))
	}
}

// Print tells one state of the files from another: of those that the configuration
// was read from, and of what stands in its directory.
func (s *Set) Print() string {
	s.mu.Lock()
	paths := append([]string{s.root}, s.paths...)
	s.mu.Unlock()
	if entries, err := os.ReadDir(s.root); err == nil {
		for _, e := range entries {
			if name := e.Name(); !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") { // not an editor's own
				paths = append(paths, filepath.Join(s.root, name))
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

// A Settling tells when files have changed and were left alone for one look: an
// editor that writes in place leaves half of them for a moment.
type Settling struct {
	Taken string // the print of what is in force; "": whatever is there is news
	last  string
}

// Changed takes the print of a look, and reports whether it is to be read.
func (s *Settling) Changed(now string) bool {
	rests := now == s.last
	s.last = now
	if !rests || now == s.Taken {
		return false
	}
	s.Taken = now
	return true
}
