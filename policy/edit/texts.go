package edit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
)

// Texts is a configuration as text: every file by its base name. It is not
// changed once it is made; a change makes another. It must not be used by two at
// once: it remembers what it has read of its files.
type Texts struct {
	path   string            // as `serve -c` takes it
	dir    string            // that holds the files
	single string            // the only file; "": every *.hcl of dir
	files  map[string]string // by base name
	fixed  map[string]string // why a file must not be written
	seen   map[string]seen   // what was read already
}

// Read reads the configuration at path. Files that no edit may write, such as
// symbolic links, are read too and remembered.
func Read(path string) (*Texts, error) {
	names, dir, err := source.List(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	t := &Texts{path: path, dir: dir, files: map[string]string{}, fixed: map[string]string{}}
	if dir != filepath.Clean(path) {
		t.single = filepath.Base(path)
	}
	for _, name := range names {
		b, err := source.File(name)
		if err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		base := filepath.Base(name)
		t.files[base] = string(b)
		if why := unwritable(name); why != "" {
			t.fixed[base] = why
		}
	}
	return t, nil
}

// unwritable says why a file is not to be replaced; "": it may be.
func unwritable(path string) string {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return "it cannot be looked at"
	case info.Mode()&fs.ModeSymlink != 0:
		return "it is a symbolic link, which only somebody on the host changes"
	case !info.Mode().IsRegular():
		return "it is no regular file"
	}
	return ""
}

// Revision names the text: the same files with the same content have the same.
func (t *Texts) Revision() string {
	h := sha256.New()
	for _, name := range t.Names() {
		fmt.Fprintf(h, "%d %s %d %s", len(name), name, len(t.files[name]), t.files[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}

// Names lists the files, sorted.
func (t *Texts) Names() []string { return slices.Sorted(maps.Keys(t.files)) }

// Files gives the texts by name.
func (t *Texts) Files() map[string]string { return maps.Clone(t.files) }

// Overlay gives the texts by path, for a load that does not read them from disk.
func (t *Texts) Overlay() map[string][]byte {
	over := make(map[string][]byte, len(t.files))
	for name, text := range t.files {
		over[t.file(name)] = []byte(text)
	}
	return over
}

// file gives the path of a file, as source.List spells it.
func (t *Texts) file(name string) string {
	if t.single != "" {
		return t.path
	}
	return filepath.Join(t.dir, name)
}

// with gives the texts with one file put in place of what it was; gone removes it.
func (t *Texts) with(name, text string, gone bool) (*Texts, error) {
	if old, was := t.files[name]; was && old == text && !gone {
		return t, nil
	}
	if why := t.fixed[name]; why != "" {
		return nil, refuse("%s cannot be changed: %s", name, why)
	}
	if _, was := t.files[name]; !was {
		if err := t.creatable(name); err != nil {
			return nil, err
		}
	}
	other := *t
	other.files, other.seen = maps.Clone(t.files), maps.Clone(t.seen)
	other.files[name] = text
	delete(other.seen, name)
	if gone {
		delete(other.files, name)
	}
	return &other, nil
}

// creatable says why a file of that name must not be made.
func (t *Texts) creatable(name string) error {
	if t.single != "" {
		return refuse("the configuration is the one file %s", t.single)
	}
	stem, ok := strings.CutSuffix(name, ".hcl")
	good := ok && stem != "" && len(stem) <= 64
	for _, r := range stem {
		good = good && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	if !good {
		return refuse("%q is no name for a new file; use letters, digits, - and _, and end with .hcl", name)
	}
	if _, err := os.Lstat(filepath.Join(t.dir, name)); err == nil {
		return refuse("%s stands in the directory already and is no file of the configuration", name)
	}
	return nil
}

// Finding tells of a diagnostic with the place in characters and in UTF-16 units.
func (t *Texts) Finding(d *hcl.Diagnostic) action.Finding {
	f := action.Finding{Severity: "error", Summary: d.Summary, Detail: d.Detail}
	if d.Severity == hcl.DiagWarning {
		f.Severity = "warning"
	}
	if d.Subject == nil {
		return f
	}
	f.File = filepath.Base(d.Subject.Filename)
	f.Start, f.End = t.position(f.File, d.Subject.Start), t.position(f.File, d.Subject.End)
	return f
}

func (t *Texts) position(file string, p hcl.Pos) *action.Position {
	text := t.files[file]
	return &action.Position{Line: p.Line, Column: p.Column, Offset: units(text[:min(max(p.Byte, 0), len(text))])}
}

// units counts UTF-16 code units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// line gives the line, from 1, that a byte stands in.
func line(text string, at int) int {
	return 1 + strings.Count(text[:min(max(at, 0), len(text))], "\n")
}

// valid refuses text that is no text.
func valid(name, text string) error {
	if !utf8.ValidString(text) {
		return refuse("%s would hold what is no UTF-8", name)
	}
	return nil
}
