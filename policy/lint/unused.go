package lint

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/place"
	"sallyport.dev/sallyport/policy/veil"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// unused looks for blocks that nothing takes: secrets, approvers, roles that give
// nothing.
func (l *linter) unused() {
	for _, s := range l.conf.Secrets {
		if !l.mentions("secret", s.Name) {
			l.tell(finding.UnusedSecret, s.Range, "Nothing takes secret.%s.", s.Name)
		}
	}
	for _, a := range l.conf.Approvers {
		if !l.mentions("approver", a.Name) {
			l.tell(finding.UnusedApprover, a.Range, "No rule asks approver.%s.", a.Name)
		}
	}
	for _, r := range l.conf.Roles {
		if len(r.Use.Items) == 0 {
			l.tell(finding.EmptyRole, r.Range, "Role %q uses no service, so it gives its members nothing.", r.Name)
		}
	}
}

// mentions reports whether a reference to a block stands anywhere in the files.
func (l *linter) mentions(kind, name string) bool {
	for _, f := range l.files.HCL {
		body, ok := f.Body.(*hclsyntax.Body)
		if ok && refersTo(body, kind, name) {
			return true
		}
	}
	return false
}

func refersTo(body *hclsyntax.Body, kind, name string) bool {
	for _, a := range body.Attributes {
		for _, v := range a.Expr.Variables() {
			if len(v) < 2 || v.RootName() != kind {
				continue
			}
			if step, ok := v[1].(hcl.TraverseAttr); ok && step.Name == name {
				return true
			}
		}
	}
	return slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return refersTo(b.Body, kind, name) })
}

// places looks for hosts and databases that no service of a rule has.
func (l *linter) places(r *hclconf.Rule) {
	if list, ok := r.Lists["hosts"]; ok && !slices.ContainsFunc(l.conf.Services, func(s *hclconf.Service) bool {
		return refers(r.On, s.Name) && hasHost(s, list.Items)
	}) {
		l.tell(finding.Unreachable, list.Range, "No service that rule %q is on has one of these hosts.", r.Name)
	}
	list, ok := r.Lists["databases"]
	if !ok {
		return
	}
	for _, s := range l.services(r, "postgres") {
		if len(s.Databases) == 0 {
			return
		}
		set, err := glob.CompileSQL(hclconf.Texts(list.Items), glob.DepthName)
		if err != nil || slices.ContainsFunc(s.Databases, func(d hclconf.Str) bool { return set.Match(d.Value) != glob.No }) {
			return
		}
	}
	l.tell(finding.Unreachable, list.Range, "No service that rule %q is on has one of these databases.", r.Name)
}

// hasHost reports whether a service may be reached by a name, or at an address,
// that patterns name. What only live traffic tells is taken for a yes.
func hasHost(s *hclconf.Service, patterns []hclconf.Str) bool {
	set, err := glob.HostSet(hclconf.Texts(patterns))
	if err != nil {
		return true
	}
	for _, h := range s.Hosts {
		bare := h.Place
		bare.Port = 0
		if h.Kind != place.Name && h.Kind != place.Addr || set.Match(bare.String()) {
			return true
		}
	}
	return false
}

// keys looks for texts that look like keys.
func (l *linter) keys() {
	shape := veil.Shape()
	for name, f := range l.files.HCL {
		if strings.HasPrefix(name, "preset ") || !veil.Marked(f.Bytes) {
			continue
		}
		tokens, _ := hclsyntax.LexConfig(f.Bytes, name, hcl.InitialPos) // it was parsed without an error
		for _, t := range tokens {
			if (t.Type == hclsyntax.TokenQuotedLit || t.Type == hclsyntax.TokenStringLit) && shape.Match(t.Bytes) {
				l.tell(finding.KeyLiteral, t.Range, "This looks like a key or a password, and whoever reads the file has it: keep it with `sallyport secret set NAME`, and write secret.NAME.")
			}
		}
	}
}

// limited notes a limit that nothing counts.
func (l *linter) limited(r *hclconf.Rule) {
	if r.Limit.Count > 0 && r.Observe {
		l.tell(finding.LimitObserved, r.Range, "Rule %q is in observe mode, so its limit counts nothing and always has room.", r.Name)
	}
}

// verbEffect is what a verb does at least, where it does more than write.
func verbEffect(verb string) string {
	switch verb {
	case "drop", "truncate":
		return "destructive"
	case "create", "alter", "grant", "revoke", "call", "do", "reassign", "security", "load":
		return "admin"
	}
	return ""
}

func operationEffect(s *hclconf.Service, name string) string {
	for _, op := range s.Operations {
		if op.Name != name {
			continue
		}
		for _, e := range op.Effects {
			if e.Value != "read" && e.Value != "write" {
				return e.Value
			}
		}
	}
	return ""
}
