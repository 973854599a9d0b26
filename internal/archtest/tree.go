package archtest

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// tree is the module, parsed.
type tree struct {
	fset     *token.FileSet
	packages []*pkg // by path
	findings []Finding
}

// pkg is the code of one folder without its tests.
type pkg struct {
	path  string // "netstack/dns"
	files []*file
	scope *types.Scope
	info  *types.Info
}

// file is one source file.
type file struct {
	path      string // "netstack/dns/pool.go"
	ast       *ast.File
	lines     int
	generated bool
	imports   map[string]string // path by the name it has here
}

// load parses every source that is no test. Folders that go leaves out, and
// what is built, are left out here too.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	byPath := make(map[string]*pkg)
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(name) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := t.parse(fsys, name)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if byPath[dir] == nil {
			byPath[dir] = &pkg{path: dir}
			t.packages = append(t.packages, byPath[dir])
		}
		byPath[dir].files = append(byPath[dir].files, f)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	if len(t.packages) == 0 {
		return nil, errors.New("read the sources: there is none")
	}
	for _, p := range t.packages {
		t.resolve(p)
	}
	return t, nil
}

func skipped(dir string) bool {
	base := path.Base(dir)
	return dir != "." && (base[0] == '.' || base[0] == '_' || slices.Contains([]string{"testdata", "vendor", "node_modules", "bin"}, base))
}

func (t *tree) parse(fsys fs.FS, name string) (*file, error) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	a, err := parser.ParseFile(t.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &file{path: name, ast: a, lines: bytes.Count(src, []byte("\n")), generated: ast.IsGenerated(a), imports: make(map[string]string)}
	for _, s := range a.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: import %s: %w", name, s.Path.Value, err)
		}
		f.imports[localName(s, p)] = p
	}
	return f, nil
}

// localName is how a file calls an import; for one without a name it follows
// the custom that a version is no name.
func localName(s *ast.ImportSpec, importPath string) string {
	if s.Name != nil {
		return s.Name.Name
	}
	base := path.Base(importPath)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(importPath))
	}
	return base
}

// resolve finds out what the names in a package mean. Imports are not loaded, so
// the checker complains about all they have; what it learns about the names of
// the package itself is right all the same.
func (t *tree) resolve(p *pkg) {
	p.info = &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	conf := types.Config{Importer: noImports{}, FakeImportC: true, Error: func(error) {}}
	files := make([]*ast.File, len(p.files))
	for i, f := range p.files {
		files[i] = f.ast
	}
	checked, err := conf.Check(p.path, t.fset, files, p.info)
	if err != nil && checked == nil {
		checked = types.NewPackage(p.path, "")
	}
	p.scope = checked.Scope()
}

// noImports imports nothing.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) {
	return nil, errors.New("imports are not loaded")
}

// imported gives the import path that an identifier stands for, or "".
func (p *pkg) imported(f *file, id *ast.Ident) string {
	switch o := p.info.Uses[id].(type) {
	case *types.PkgName:
		return o.Imported().Path()
	case nil: // a name that the checker gave up on; better to suspect it
		if p.scope.Lookup(id.Name) == nil {
			return f.imports[id.Name]
		}
	}
	return ""
}

// within reports whether a file or folder is one of, or below, where.
func within(name string, where []string) bool {
	return slices.ContainsFunc(where, func(w string) bool {
		return name == w || strings.HasPrefix(name, w+"/")
	})
}
