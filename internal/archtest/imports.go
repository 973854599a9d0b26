package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
)

// checkArrows holds the imports from this module against may.
func (t *tree) checkArrows(p *pkg) {
	home := p.path
	for home != "." && !known(home) {
		home = path.Dir(home)
	}
	if !known(home) {
		t.report(p.files[0].ast.Package, "package %s is not on the map; add it to may in internal/archtest/walls.go and say why", p.path)
		return
	}
	allowed := append([]string{home + "/..."}, may[home]...)
	for _, f := range p.files {
		for _, s := range f.ast.Imports {
			target, ok := strings.CutPrefix(unquote(s), module+"/")
			if ok && !slices.ContainsFunc(allowed, func(a string) bool { return arrow(a, target) }) {
				t.report(s.Pos(), "%s must not import %s", p.path, target)
			}
			if s.Name != nil && s.Name.Name == "." {
				t.report(s.Pos(), "an import into the file's own names hides where they come from")
			}
		}
	}
}

func known(folder string) bool {
	_, ok := may[folder]
	return ok
}

// arrow reports whether the pattern covers the package.
func arrow(pattern, target string) bool {
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return within(target, []string{folder})
	}
	return pattern == target
}

// checkLibraries holds the other imports against libraries.
func (t *tree) checkLibraries(p *pkg, f *file) {
	for _, s := range f.ast.Imports {
		target := unquote(s)
		if p.path == "action" && strings.Contains(strings.Split(target, "/")[0], ".") && !strings.HasPrefix(target, module) {
			t.report(s.Pos(), "action must not import %s: what crosses two stops needs only the standard library", target)
			continue
		}
		if within(p.path, testSupport) {
			continue
		}
		i := slices.IndexFunc(libraries, func(l library) bool { return within(target, []string{l.prefix}) })
		if i >= 0 && !within(p.path, libraries[i].where) {
			t.report(s.Pos(), "%s must not import %s; it belongs to %s", p.path, target, places(libraries[i].where))
		}
	}
}

func places(where []string) string {
	if len(where) == 0 {
		return "tests"
	}
	return strings.Join(where, ", ")
}

func unquote(s *ast.ImportSpec) string {
	p, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		return s.Path.Value
	}
	return p
}
