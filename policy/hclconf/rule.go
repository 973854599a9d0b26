package hclconf

import (
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func (d *decoder) role(b *hclsyntax.Block) {
	r := &Role{Name: d.identifier(b), Range: b.DefRange()}
	with(b.Body, "members", func(e hcl.Expression) { r.Members = d.members(e) })
	with(b.Body, "use", func(e hcl.Expression) { r.Use = d.refs(e, "service", false) })
	with(b.Body, "until", func(e hcl.Expression) { r.Until = d.moment(e) })
	d.cfg.Roles = append(d.cfg.Roles, r)
}

func (d *decoder) members(e hcl.Expression) []Str {
	list := d.words(e)
	for _, m := range list {
		kind, name, ok := strings.Cut(m.Value, ":")
		known := kind == "tag" || kind == "user" || kind == "agent"
		if m.Value != "*" && (!ok || !known || name == "") {
			d.fail(m.Range, "Bad member", `%q is no member; write "tag:NAME", "user:LOGIN", "agent:NAME" or "*".`, m.Value)
		}
	}
	return list
}

func (d *decoder) rule(b *hclsyntax.Block) {
	r := &Rule{
		Name: b.Labels[0], Range: b.DefRange(), Lists: map[string]List{},
		When: attr(b.Body, "when"), Unless: attr(b.Body, "unless"),
	}
	with(b.Body, "on", func(e hcl.Expression) { r.On = d.refs(e, "service", true) })
	with(b.Body, "roles", func(e hcl.Expression) { r.Roles = d.refs(e, "role", false) })
	with(b.Body, "reason", func(e hcl.Expression) { r.Reason = strings.TrimSpace(d.text(e).Value) })
	with(b.Body, "mode", func(e hcl.Expression) { r.Observe = d.oneOf(e, "mode", "enforce", "observe").Value == "observe" })
	with(b.Body, "until", func(e hcl.Expression) { r.Until = d.moment(e) })
	with(b.Body, "verdict", func(e hcl.Expression) { r.Verdict, r.VerdictAt = d.verdict(e), e.Range() })
	with(b.Body, "otherwise", func(e hcl.Expression) {
		r.Otherwise = Str{Value: d.verdict(e).String(), Range: e.Range()}
		if r.When == nil && r.Unless == nil && attr(b.Body, "hours") == nil {
			d.fail(b.Body.Attributes["otherwise"].NameRange, "Nothing else", "otherwise is for when the attributes match but when, unless or hours do not hold; the rule states none of them.")
		}
	})
	for _, name := range vocab.Lists() {
		if a, ok := b.Body.Attributes[name]; ok {
			r.Lists[name] = List{Items: d.words(a.Expr), Range: a.SrcRange}
		}
	}
	d.vocabulary(r)
	d.required(b, "on", `on = [service.NAME] or on = "*"`)
	d.required(b, "verdict", `verdict = "deny", "ask" or "allow"`)
	d.cfg.Rules = append(d.cfg.Rules, r)
}

func (d *decoder) required(b *hclsyntax.Block, name, cure string) {
	if attr(b.Body, name) == nil {
		d.fail(b.DefRange(), "Attribute missing", "A %s needs %s.", b.Type, cure)
	}
}

func (d *decoder) verdict(e hcl.Expression) action.Verdict {
	s := d.word(e)
	v, ok := action.ParseVerdict(s.Value)
	if s.Stated() && !ok {
		d.fail(s.Range, "Unknown verdict", "%q is no verdict; a verdict is allow, ask or deny.%s", s.Value, source.DidYouMean(s.Value, []string{"allow", "ask", "deny"}))
	}
	return v
}

// vocabulary checks the attributes whose words are fixed.
func (d *decoder) vocabulary(r *Rule) {
	for _, s := range r.Lists["effects"].Items {
		d.known(bare(s), "effect", action.EffectNames())
	}
	for _, s := range r.Lists["methods"].Items {
		d.method(bare(s))
	}
	for _, s := range r.Lists["verbs"].Items {
		d.verb(bare(s))
	}
}

// bare is s without the "!" that takes it out of a list.
func bare(s Str) Str {
	s.Value = strings.TrimPrefix(s.Value, "!")
	return s
}

func (d *decoder) method(s Str) {
	if up := strings.ToUpper(s.Value); up != s.Value {
		d.fail(s.Range, "Unknown method", "Methods are in capitals: %q.", up)
		return
	}
	d.knownShort(s, "method", vocab.Methods())
}

func (d *decoder) verb(s Str) {
	if low := strings.ToLower(s.Value); low != s.Value {
		d.fail(s.Range, "Unknown verb", "Verbs are in lower case: %q.", low)
		return
	}
	d.knownShort(s, "verb", vocab.Verbs())
}

// knownShort is known for a vocabulary too long to print.
func (d *decoder) knownShort(s Str, what string, words []string) {
	for _, w := range words {
		if s.Value == w {
			return
		}
	}
	d.fail(s.Range, "Unknown "+what, "There is no %s %q.%s", what, s.Value, source.DidYouMean(s.Value, words))
}

func (d *decoder) test(b *hclsyntax.Block) {
	body := b.Body
	t := &Test{Name: b.Labels[0], Range: b.DefRange()}
	with(body, "role", func(e hcl.Expression) { t.Roles = d.refs(e, "role", false) })
	with(body, "service", func(e hcl.Expression) { t.Service, _ = d.ref(e, "service") })
	with(body, "request", func(e hcl.Expression) { t.Request = d.word(e) })
	with(body, "headers", func(e hcl.Expression) { t.Headers = d.stringMap(e) })
	with(body, "body", func(e hcl.Expression) { t.Body = d.text(e) })
	with(body, "sql", func(e hcl.Expression) { t.SQL = d.word(e) })
	with(body, "database", func(e hcl.Expression) { t.Database = d.word(e).Value })
	with(body, "agent", func(e hcl.Expression) { t.Agent = d.word(e).Value })
	with(body, "user", func(e hcl.Expression) { t.User = d.word(e).Value })
	with(body, "tags", func(e hcl.Expression) { t.Tags = d.words(e) })
	with(body, "at", func(e hcl.Expression) { t.At = d.moment(e) })
	with(body, "rule", func(e hcl.Expression) { t.Rule = d.word(e) })
	with(body, "expect", func(e hcl.Expression) { t.Expect = d.verdict(e) })
	d.required(b, "expect", `expect = "deny", "ask" or "allow"`)
	if len(t.Roles.Items) == 0 && t.Agent == "" && t.User == "" && len(t.Tags) == 0 {
		d.required(b, "role", "role = role.NAME")
	}
	if t.Request.Stated() && t.SQL.Stated() {
		d.fail(t.SQL.Range, "Two actions", "A test states a request or a sql, not both.")
	}
	if t.Service.Kind == "" && attr(body, "service") == nil && !strings.Contains(t.Request.Value, "://") {
		d.fail(t.Range, "Attribute missing", `A test needs service = service.NAME, or a request with a whole URL.`)
	}
	d.cfg.Tests = append(d.cfg.Tests, t)
}
