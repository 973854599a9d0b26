package archtest

import (
	"go/ast"
	"slices"
	"strings"
)

// checkReach looks for ways out of the machine that are not the dialers'.
func (t *tree) checkReach(p *pkg, f *file) {
	if within(p.path, testSupport) {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			t.checkName(p, f, n)
		case *ast.CompositeLit:
			t.checkHooks(p, f, n.Type, n)
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "new" && len(n.Args) == 1 {
				t.checkHooks(p, f, n.Args[0], nil)
			}
		case *ast.ValueSpec:
			t.checkHooks(p, f, n.Type, nil)
		case *ast.Field:
			t.checkHooks(p, f, n.Type, nil)
		}
		return true
	})
}

// qualified gives the import path and the name of an expression like net.Dial.
func (p *pkg) qualified(f *file, e ast.Expr) (from, name string) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	id, ok := s.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return p.imported(f, id), s.Sel.Name
}

func (t *tree) checkName(p *pkg, f *file, s *ast.SelectorExpr) {
	from, name := p.qualified(f, s)
	for _, r := range reaches {
		if r.from == from && slices.Contains(r.names, name) && !within(f.path, r.where) {
			t.report(s.Pos(), "%s.%s must stand in %s only", from, name, strings.Join(r.where, ", "))
		}
	}
}

// checkHooks reports a value of a type that dials by itself, unless it is a
// literal with a hook.
func (t *tree) checkHooks(p *pkg, f *file, typ ast.Expr, lit *ast.CompositeLit) {
	from, name := p.qualified(f, typ)
	wanted := hooks[from+"."+name]
	if len(wanted) == 0 || within(f.path, dialers) {
		return
	}
	if lit == nil || !slices.ContainsFunc(wanted, func(key string) bool { return hasKey(lit, key) }) {
		t.report(typ.Pos(), "%s.%s dials by itself unless it is made with %s", from, name, strings.Join(wanted, " or "))
	}
}

func hasKey(lit *ast.CompositeLit, key string) bool {
	return slices.ContainsFunc(lit.Elts, func(e ast.Expr) bool {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return false
		}
		id, ok := kv.Key.(*ast.Ident)
		return ok && id.Name == key
	})
}
