package archtest

import (
	"go/ast"
	"regexp"
	"strings"
)

// loose are marks of work left undone.
var loose = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

// checkSize holds a file and its functions against the budgets.
func (t *tree) checkSize(f *file) {
	if f.generated {
		return
	}
	if f.lines > maxFile {
		t.report(f.ast.Package, "file has %d lines, %d are the limit", f.lines, maxFile)
	}
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lines := t.fset.Position(fn.End()).Line - t.fset.Position(fn.Pos()).Line + 1
		if lines > maxFunc {
			t.report(fn.Pos(), "function %s has %d lines, %d are the limit", fn.Name.Name, lines, maxFunc)
		}
	}
}

func (t *tree) checkPackageSize(p *pkg) {
	lines := 0
	for _, f := range p.files {
		if !f.generated {
			lines += f.lines
		}
	}
	if lines > maxPackage {
		t.report(p.files[0].ast.Package, "package %s has %d lines, %d are the limit", p.path, lines, maxPackage)
	}
}

// checkPackageDoc wants one comment that says where the package stands.
func (t *tree) checkPackageDoc(p *pkg) {
	var doc *ast.CommentGroup
	for _, f := range p.files {
		if f.ast.Doc == nil {
			continue
		}
		if doc != nil {
			t.report(f.ast.Doc.Pos(), "package %s has a second doc comment", p.path)
		}
		doc = f.ast.Doc
	}
	name := p.files[0].ast.Name.Name
	want := "Package " + name + " "
	if name == "main" {
		want = "Command "
	}
	if doc == nil {
		t.report(p.files[0].ast.Package, "package %s has no doc comment", p.path)
	} else if !strings.HasPrefix(doc.Text(), want) {
		t.report(doc.Pos(), "the doc comment of package %s does not begin with %q", p.path, want)
	}
}

func (t *tree) checkComments(f *file) {
	if f.generated {
		return
	}
	for _, g := range f.ast.Comments {
		for _, c := range g.List {
			if mark := loose.FindString(c.Text); mark != "" {
				t.report(c.Pos(), "%s: open an issue instead", mark)
			}
		}
	}
}
