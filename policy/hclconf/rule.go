package hclconf

import (
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/units"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func (d *decoder) role(b *hclsyntax.Block) {
	r := &Role{Name: d.Identifier(b), Range: b.DefRange()}
	value.With(b.Body, "members", func(e hcl.Expression) { r.Members = d.members(e) })
	value.With(b.Body, "use", func(e hcl.Expression) { r.Use = d.Refs(e, "service", false) })
	value.With(b.Body, "until", func(e hcl.Expression) { r.Until = d.Moment(e) })
	d.cfg.Roles = append(d.cfg.Roles, r)
}

func (d *decoder) members(e hcl.Expression) []Str {
	list := d.Words(e)
	for _, m := range list {
		kind, name, ok := strings.Cut(m.Value, ":")
		known := kind == "tag" || kind == "user" || kind == "agent"
		if m.Value != "*" && (!ok || !known || name == "") {
			d.Fail(m.Range, "Bad member", `%q is no member; write "tag:NAME", "user:LOGIN", "agent:NAME" or "*".`, m.Value)
		}
	}
	return list
}

func (d *decoder) rule(b *hclsyntax.Block) {
	r := &Rule{
		Name: b.Labels[0], Range: b.DefRange(), Lists: map[string]List{},
		When: value.Attr(b.Body, "when"), Unless: value.Attr(b.Body, "unless"),
	}
	value.With(b.Body, "on", func(e hcl.Expression) { r.On = d.Refs(e, "service", true) })
	value.With(b.Body, "roles", func(e hcl.Expression) { r.Roles = d.Refs(e, "role", false) })
	value.With(b.Body, "reason", func(e hcl.Expression) { r.Reason = strings.TrimSpace(d.Text(e).Value) })
	value.With(b.Body, "mode", func(e hcl.Expression) { r.Observe = d.OneOf(e, "mode", "enforce", "observe").Value == "observe" })
	value.With(b.Body, "until", func(e hcl.Expression) { r.Until = d.Moment(e) })
	value.With(b.Body, "verdict", func(e hcl.Expression) { r.Verdict, r.VerdictAt = d.verdict(e), e.Range() })
	value.With(b.Body, "otherwise", func(e hcl.Expression) {
		r.Otherwise = Str{Value: d.verdict(e).String(), Range: e.Range()}
		if r.When == nil && r.Unless == nil && value.Attr(b.Body, "hours") == nil && value.Attr(b.Body, "limit") == nil {
			d.Fail(b.Body.Attributes["otherwise"].NameRange, "Nothing else", "otherwise is for when the attributes match but when, unless, hours or limit does not hold; the rule states none of them.")
		}
	})
	d.limit(b, r)
	d.askers(b, r)
	for _, name := range vocab.Lists() {
		if a, ok := b.Body.Attributes[name]; ok {
			r.Lists[name] = List{Items: d.Words(a.Expr), Range: a.SrcRange}
		}
	}
	d.vocabulary(r)
	d.Required(b, "on", `on = [service.NAME] or on = "*"`)
	d.Required(b, "verdict", `verdict = "deny", "ask" or "allow"`)
	d.cfg.Rules = append(d.cfg.Rules, r)
}

// limit reads how often a rule may match, and for whom that is counted.
func (d *decoder) limit(b *hclsyntax.Block, r *Rule) {
	value.With(b.Body, "limit", func(e hcl.Expression) {
		s := d.Word(e)
		if !s.Stated() {
			return
		}
		count, window, err := units.ParseRate(s.Value)
		if err != nil {
			d.Fail(s.Range, "Bad limit", `%s. Write it like "20/hour" or "3/day".`, source.UpperFirst(err.Error()))
			return
		}
		r.Limit = Limit{Text: s.Value, Count: count, Window: window, Per: "agent"}
		switch {
		case r.Verdict == action.Deny:
			d.Fail(s.Range, "Limit of a deny", "A limit counts what is let through or asked, and this rule denies; turn it around: allow or ask with the limit, and otherwise = \"deny\".")
		case !r.Otherwise.Stated():
			d.Fail(s.Range, "Attribute missing", "A limit needs otherwise: the verdict once %s is used up.", s.Value)
		}
	})
	value.With(b.Body, "per", func(e hcl.Expression) {
		per := d.OneOf(e, "per", "agent", "role", "all")
		if value.Attr(b.Body, "limit") == nil {
			d.Fail(b.Body.Attributes["per"].NameRange, "Nothing to count", "per says for whom a limit is counted, and the rule states none.")
		}
		r.Limit.Per = per.Value
	})
}

func (d *decoder) verdict(e hcl.Expression) action.Verdict {
	s := d.Word(e)
	v, ok := action.ParseVerdict(s.Value)
	if s.Stated() && !ok {
		d.Fail(s.Range, "Unknown verdict", "%q is no verdict; a verdict is allow, ask or deny.%s", s.Value, source.DidYouMean(s.Value, []string{"allow", "ask", "deny"}))
	}
	return v
}

// vocabulary checks the attributes whose words are fixed.
func (d *decoder) vocabulary(r *Rule) {
	for _, s := range r.Lists["effects"].Items {
		d.Known(bare(s), "effect", action.EffectNames())
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
		d.Fail(s.Range, "Unknown method", "Methods are in capitals: %q.", up)
		return
	}
	d.knownShort(s, "method", vocab.Methods())
}

func (d *decoder) verb(s Str) {
	if low := strings.ToLower(s.Value); low != s.Value {
		d.Fail(s.Range, "Unknown verb", "Verbs are in lower case: %q.", low)
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
	d.Fail(s.Range, "Unknown "+what, "There is no %s %q.%s", what, s.Value, source.DidYouMean(s.Value, words))
}

func (d *decoder) test(b *hclsyntax.Block) {
	body := b.Body
	t := &Test{Name: b.Labels[0], Range: b.DefRange()}
	value.With(body, "role", func(e hcl.Expression) { t.Roles = d.Refs(e, "role", false) })
	value.With(body, "service", func(e hcl.Expression) { t.Service, _ = d.Ref(e, "service") })
	value.With(body, "request", func(e hcl.Expression) { t.Request = d.Word(e) })
	value.With(body, "headers", func(e hcl.Expression) { t.Headers = d.StringMap(e) })
	value.With(body, "body", func(e hcl.Expression) { t.Body = d.Text(e) })
	value.With(body, "sql", func(e hcl.Expression) { t.SQL = d.Word(e) })
	value.With(body, "database", func(e hcl.Expression) { t.Database = d.Word(e).Value })
	value.With(body, "agent", func(e hcl.Expression) { t.Agent = d.Word(e).Value })
	value.With(body, "user", func(e hcl.Expression) { t.User = d.Word(e).Value })
	value.With(body, "tags", func(e hcl.Expression) { t.Tags = d.Words(e) })
	value.With(body, "at", func(e hcl.Expression) { t.At = d.Moment(e) })
	value.With(body, "rule", func(e hcl.Expression) { t.Rule = d.Word(e) })
	value.With(body, "expect", func(e hcl.Expression) { t.Expect = d.verdict(e) })
	d.Required(b, "expect", `expect = "deny", "ask" or "allow"`)
	if len(t.Roles.Items) == 0 && t.Agent == "" && t.User == "" && len(t.Tags) == 0 {
		d.Required(b, "role", "role = role.NAME")
	}
	if t.Request.Stated() && t.SQL.Stated() {
		d.Fail(t.SQL.Range, "Two actions", "A test states a request or a sql, not both.")
	}
	if t.Service.Kind == "" && value.Attr(body, "service") == nil && !strings.Contains(t.Request.Value, "://") {
		d.Fail(t.Range, "Attribute missing", `A test needs service = service.NAME, or a request with a whole URL.`)
	}
	d.cfg.Tests = append(d.cfg.Tests, t)
}
