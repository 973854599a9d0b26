package archtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// checkVars refuses init functions and package variables that are made to
// change. A guard (var _ = …), an error, a table or a compiled expression may
// stand; that nobody writes to them is for checkWrites.
func (t *tree) checkVars(p *pkg, f *file) {
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				t.report(d.Pos(), "no init function: what a build contains is listed in cmd, as a value")
			}
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, s := range d.Specs {
				if s, ok := s.(*ast.ValueSpec); ok {
					t.checkVar(p, f, d, s)
				}
			}
		}
	}
}

func (t *tree) checkVar(p *pkg, f *file, d *ast.GenDecl, s *ast.ValueSpec) {
	name := s.Names[0].Name
	if name == "_" || embedded(d.Doc) || embedded(s.Doc) {
		return
	}
	if len(s.Values) == 0 {
		t.report(s.Pos(), "package variable %s has no value, so it must be meant to change", name)
		return
	}
	if why := p.mutable(f, s); why != "" {
		t.report(s.Pos(), "package variable %s is made to change: %s", name, why)
	}
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// mutable says what in a declaration can only be meant to change.
func (p *pkg) mutable(f *file, s *ast.ValueSpec) (why string) {
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "make" || id.Name == "new") {
				why = id.Name
			}
		case *ast.SelectorExpr:
			if from, name := p.qualified(f, n); from == "sync" || from == "sync/atomic" {
				why = from + "." + name
			}
		}
		return true
	})
	return why
}

// checkWrites looks for statements that change a package variable, of this
// package or another of the module, or take its address.
func (t *tree) checkWrites(p *pkg, f *file) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					t.checkWrite(p, f, e, "assigned to")
				}
			}
		case *ast.IncDecStmt:
			t.checkWrite(p, f, n.X, "assigned to")
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				t.checkWrite(p, f, n.Key, "assigned to")
				t.checkWrite(p, f, n.Value, "assigned to")
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				t.checkWrite(p, f, n.X, "passed on by address")
			}
		case *ast.CallExpr:
			id, ok := n.Fun.(*ast.Ident)
			if ok && slices.Contains([]string{"delete", "clear", "copy"}, id.Name) && len(n.Args) > 0 {
				t.checkWrite(p, f, n.Args[0], "changed by "+id.Name)
			}
		}
		return true
	})
}

// checkWrite reports e if what it writes to belongs to a package variable.
func (t *tree) checkWrite(p *pkg, f *file, e ast.Expr, how string) {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.SelectorExpr:
			if from, name := p.qualified(f, x); from != "" {
				t.report(x.Pos(), "variable %s of package %s is %s", name, from, how)
				return
			}
			e = x.X
		case *ast.Ident:
			if p.isPackageVar(x) {
				t.report(x.Pos(), "package variable %s is %s", x.Name, how)
			}
			return
		default:
			return
		}
	}
}

func (p *pkg) isPackageVar(id *ast.Ident) bool {
	o := p.info.Uses[id]
	if o == nil {
		o = p.scope.Lookup(id.Name)
	}
	v, ok := o.(*types.Var)
	return ok && v.Parent() == p.scope
}
