// Package source holds the text of a configuration: it reads and parses files
// within bounds, keeps them for messages, and writes messages that show the
// place. It knows HCL's syntax and nothing of what a configuration means.
package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Bounds of what is read: a configuration is written by people.
const (
	maxFile    = 4 << 20
	maxFiles   = 1000
	maxNesting = 200    // brackets inside brackets; the parser recurses
	maxTokens  = 50_000 // of one value; a chain of operators is a tree as deep as it is long
)

// errEmpty means that there is nothing to read.
var errEmpty = errors.New("holds no *.hcl file")

// Files is the text that diagnostics point into, by file name.
type Files struct {
	Dir  string // configuration directory; file("x") stays inside
	HCL  map[string]*hcl.File
	read []string // every path that was read, file("x") included
}

// Paths lists every file the configuration was read from; a change of one of
// them, or of its directory, is a change of the configuration.
func (f *Files) Paths() []string { return slices.Clone(f.read) }

// Text gives the text of a file; nil if it was not read.
func (f *Files) Text(name string) []byte {
	if h := f.HCL[name]; h != nil {
		return h.Bytes
	}
	return nil
}

// An Overlay is text that stands in place of what is on disk, by path. Nil means
// that the file is gone.
type Overlay map[string][]byte

// Read parses one file, or every *.hcl of a directory in name order, as they would
// be under an overlay.
func Read(path string, over Overlay) (*Files, []*hclsyntax.Body, hcl.Diagnostics) {
	names, dir, err := List(path)
	over = over.clean()
	files := &Files{Dir: dir, HCL: map[string]*hcl.File{}}
	if errors.Is(err, errEmpty) && len(over) > 0 {
		err = nil // the first file of a directory is not saved yet
	}
	if err == nil {
		names = over.on(names, dir, path)
	}
	if err != nil {
		return files, nil, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Cannot read the configuration", Detail: UpperFirst(err.Error()) + "."}}
	}
	var diags hcl.Diagnostics
	var bodies []*hclsyntax.Body
	for _, name := range names {
		src, laid := over[name]
		if !laid {
			src, err = File(name)
		}
		if err != nil {
			diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Cannot read the configuration", Detail: UpperFirst(err.Error()) + "."})
			continue
		}
		files.read = append(files.read, name)
		body, more := files.Parse(src, name)
		diags = append(diags, more...)
		if body != nil {
			bodies = append(bodies, body)
		}
	}
	return files, bodies, diags
}

// clean gives the overlay by the spelling that List gives paths.
func (over Overlay) clean() Overlay {
	out := make(Overlay, len(over))
	for name, text := range over {
		out[filepath.Clean(name)] = text
	}
	return out
}

// on gives the files that there are under the overlay.
func (over Overlay) on(names []string, dir, path string) []string {
	for name := range over {
		if dir == filepath.Clean(path) && filepath.Dir(name) == dir && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { text, laid := over[name]; return laid && text == nil })
	slices.Sort(names)
	return names
}

// List gives the paths of the files of a configuration, and the directory that
// file("x") stays inside: path itself, or the one that holds it. However path is
// spelt, what it gives is clean.
func List(path string) (names []string, dir string, err error) {
	path = filepath.Clean(path)
	dir = filepath.Dir(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, dir, err
	}
	if !info.IsDir() {
		return []string{path}, dir, nil
	}
	dir = path
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, dir, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".hcl") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			names = append(names, filepath.Join(path, e.Name()))
		}
	}
	if len(names) == 0 {
		return nil, dir, fmt.Errorf("directory %s %w", path, errEmpty)
	}
	if len(names) > maxFiles {
		return nil, dir, fmt.Errorf("directory %s holds more than %d files", path, maxFiles)
	}
	return names, dir, nil
}

// File reads a regular file of at most maxFile bytes.
func File(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, name)
}

func readBounded(f fs.File, name string) ([]byte, error) {
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", name)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	return b, nil
}

// Parse parses one text and keeps it for diagnostics.
func (f *Files) Parse(src []byte, name string) (*hclsyntax.Body, hcl.Diagnostics) {
	if at, deep := TooDeep(src, name); deep {
		f.HCL[name] = &hcl.File{Bytes: src}
		return nil, hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "Nested too deeply",
			Detail:  fmt.Sprintf("A value has at most %d brackets inside each other, and %d words.", maxNesting, maxTokens),
			Subject: &at,
		}}
	}
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if file == nil {
		return nil, diags
	}
	f.HCL[name] = file
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, diags
	}
	return body, diags
}

// Inside reads a file of the configuration directory, and none outside of it.
func (f *Files) Inside(name string) ([]byte, error) {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = p.Err
		}
		return nil, err
	}
	defer file.Close()
	f.read = append(f.read, filepath.Join(f.Dir, name))
	return readBounded(file, name)
}

// Reaches reports whether Inside would read, for the directory dir, a file that is
// at a path, or below it, by whatever name: ".." and links are followed as Inside
// does. Where that cannot be told of a file that is there, it says yes.
func Reaches(dir, name, path string) bool {
	target, err := os.Stat(path)
	if err != nil {
		return false
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	if _, err := root.Stat(filepath.FromSlash(name)); err != nil {
		return false
	}
	// Joined by hand: filepath.Join would drop "link/.." unseen.
	at, err := filepath.EvalSymlinks(dir + string(filepath.Separator) + filepath.FromSlash(name))
	for err == nil {
		var info fs.FileInfo
		if info, err = os.Stat(at); err == nil && os.SameFile(info, target) {
			return true
		}
		if filepath.Dir(at) == at {
			return false
		}
		at = filepath.Dir(at)
	}
	return true
}
