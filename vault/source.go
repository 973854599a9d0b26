package vault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// sourceEvery is how often a file is looked at; a stat costs 1 µs.
const sourceEvery = time.Second

// A Source says where the configuration keeps a secret outside of the vault.
// Exactly one of Env and File is set.
type Source struct {
	Name string
	Env  string // a variable of the gateway's environment
	File string // read again when it changes
}

func (s Source) String() string {
	if s.Env != "" {
		return "env " + s.Env
	}
	return "file " + s.File
}

// A source is a declared Source and what was read of it.
type source struct {
	Source
	entry entry
	stamp stamp
}

// A stamp tells whether a file changed since it was read.
type stamp struct {
	modified time.Time
	size     int64
	file     os.FileInfo // tells a replaced file of equal time and size
}

// Declare replaces the sources of the configuration, and reads them. A secret
// whose source cannot be read has no value, and List says why.
func (v *Vault) Declare(sources []Source) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.declared
	v.declared = make(map[string]*source, len(sources))
	for _, s := range sources {
		src := &source{Source: s}
		if was, ok := old[s.Name]; ok && was.Source == s {
			*src = *was // an unchanged value keeps its turn: links stay in use
		}
		v.readLocked(src)
		v.declared[s.Name] = src
	}
	v.publishLocked()
}

// Run looks at declared files once a second and takes over what changed. It
// returns when ctx is done.
func (v *Vault) Run(ctx context.Context) error {
	tick := time.NewTicker(sourceEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			v.Refresh()
		}
	}
}

// Refresh reads every declared file that changed.
func (v *Vault) Refresh() {
	v.mu.Lock()
	defer v.mu.Unlock()
	changed := false
	for _, src := range v.declared {
		if src.File != "" && v.readLocked(src) {
			changed = true
		}
	}
	if changed {
		v.publishLocked()
	}
}

// readLocked reads src if it changed and reports whether its entry did.
func (v *Vault) readLocked(src *source) bool {
	value, stamp, err := src.read()
	if err == nil && value == nil {
		return false
	}
	if err != nil && src.entry.err != nil && err.Error() == src.entry.err.Error() {
		return false
	}
	if err == nil && src.entry.err == nil && bytes.Equal(value, src.entry.value.Reveal()) {
		src.stamp = stamp
		return false
	}
	v.turn++
	e := entry{turn: v.turn, err: err, info: Info{Name: src.Name, Created: v.now().UTC(), Source: src.String()}}
	if err != nil {
		e.info.Problem = err.Error()
	} else {
		e.value = NewSecret(value)
	}
	src.entry, src.stamp = e, stamp
	return true
}

// read gives the value of s, or nil if the file is as it was.
func (s *source) read() ([]byte, stamp, error) {
	if s.Env != "" {
		value := trimLine([]byte(os.Getenv(s.Env)))
		if len(value) == 0 {
			return nil, stamp{}, fmt.Errorf("the environment has no %s", s.Env)
		}
		return value, stamp{}, checkSize(len(value))
	}
	info, err := os.Stat(s.File)
	if err != nil {
		return nil, stamp{}, err
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its writer
		return nil, stamp{}, fmt.Errorf("%s is no regular file", s.File)
	}
	now := stamp{info.ModTime(), info.Size(), info}
	if s.entry.turn != 0 && s.entry.err == nil && now.same(s.stamp) {
		return nil, s.stamp, nil
	}
	value, err := readFile(s.File)
	if err == nil && len(value) == 0 {
		if s.entry.turn != 0 && s.entry.err == nil {
			return nil, s.stamp, nil // being rewritten: the last value stands until there is another
		}
		err = fmt.Errorf("%s is empty", s.File)
	}
	return value, now, err
}

func (s stamp) same(t stamp) bool {
	return s.modified.Equal(t.modified) && s.size == t.size && os.SameFile(s.file, t.file)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+2))
	if err != nil {
		return nil, err
	}
	b = trimLine(b)
	return b, checkSize(len(b))
}

func checkSize(n int) error {
	if n > maxSecret {
		return fmt.Errorf("a secret has at most %d bytes", maxSecret)
	}
	return nil
}

// trimLine removes the line end that editors and echo leave behind a secret.
func trimLine(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}
