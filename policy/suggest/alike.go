package suggest

import (
	"regexp"
	"strings"

	"sallyport.dev/sallyport/action"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Likes are what is like one action: they do the same kind of thing at the same
// service.
type Likes struct {
	service string
	roles   []string
	need    []ask // what only a rule would allow
	all     []ask // what it does
}

// Alike gives the likes of an action, or why they cannot be told. Lifted names rules
// that ask about it and are about to make an exception.
func (l *Looker) Alike(s Seen, lifted []string) (*Likes, string) {
	k := &Likes{service: s.Action.Service.Name, roles: s.Roles}
	for i := range s.Parts {
		p := &s.Parts[i]
		if refused := refusedBy(p, lifted); refused != "" {
			return nil, refused
		}
		if p.Control {
			continue
		}
		a, ok := l.ask(s.Action, &s.Action.Parts[i], p)
		if !ok {
			return nil, whyUnclear
		}
		k.all = append(k.all, a)
		if p.Verdict != action.Allow.String() && !allowed(p) {
			k.need = append(k.need, a)
		}
	}
	if len(k.all) == 0 {
		return nil, whyUnclear
	}
	return k, ""
}

// Rules gives the rules that let them pass; none where nothing but an ask stands in
// their way.
func (k *Likes) Rules(c *Collector) []Rule {
	c.Add(&Note{Service: k.service, Roles: k.roles, asks: k.need})
	return c.Rules()
}

// Block gives a rule as values.
func (r *Rule) Block() *action.Block {
	at := map[string]any{"on": refs("service", []string{r.Service}), "verdict": action.Allow.String()}
	if len(r.Roles) > 0 {
		at["roles"] = refs("role", r.Roles)
	}
	for _, l := range r.lists() {
		if len(l.list) > 0 {
			at[l.name] = l.list
		}
	}
	if len(r.Fields) > 0 {
		at["when"] = map[string]any{"expr": string(r.condition().Bytes())}
	}
	return &action.Block{Attributes: at}
}

func refs(kind string, names []string) []any {
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = map[string]any{"ref": kind + "." + name}
	}
	return list
}

// Condition gives an expression that is true of them and of nothing else, for the
// roles that users does not have besides; "" where there is none. What an agent chose
// stands in it as a text and nothing else.
func (k *Likes) Condition(users []string, services int) string {
	var each []string
	for i := range k.all {
		c := k.all[i].condition()
		if c == "" {
			return ""
		}
		each = append(each, c)
	}
	out := join(each, " || ")
	if roles := set(k.roles); strings.Join(roles, ",") != strings.Join(set(users), ",") {
		out = "anytrue([for r in agent.roles : contains(" + quoted(roles) + ", r)]) && " + bracket(out, len(each))
		each = each[:1]
	}
	if services > 1 {
		out = "service.name == " + quote(k.service) + " && " + bracket(out, len(each))
	}
	return out
}

func join(list []string, with string) string {
	if len(list) == 1 {
		return list[0]
	}
	return "(" + strings.Join(list, ")"+with+"(") + ")"
}

func bracket(s string, terms int) string {
	if terms == 1 {
		return s
	}
	return "(" + s + ")"
}

// condition is true of what does the same as the ask.
func (a *ask) condition() string {
	var is []string
	if a.host != "" {
		is = append(is, "http.host == "+quote(a.host))
	}
	every := func(fact string, list []string) {
		is = append(is, "length("+fact+") > 0", "alltrue([for x in "+fact+" : contains("+quoted(list)+", x)])")
	}
	switch {
	case a.opaque, a.net, a.host != "" && len(a.verbs) > 0: // nothing in a condition tells such places apart
		return ""
	case len(a.verbs) > 0:
		every("sql.verbs", a.verbs)
		if len(a.tables) > 0 {
			every("sql.tables", a.tables)
		} else {
			is = append(is, "length(sql.tables) == 0")
			every("sql.functions", a.funcs)
		}
	default:
		is = append(is, "http.method == "+quote(a.method), "matches(http.path, "+quote(expression(a.template))+")")
		if len(a.fields) > 0 {
			is = append(is, "graphql.type == "+quote(a.kind))
			every("graphql.fields", a.fields)
		}
		if len(a.tools) > 0 {
			every("http.tools", a.tools)
		}
	}
	switch {
	case a.effects&action.EffectUnknown != 0 || a.effects == 0:
	case a.beyond == 0:
		is = append(is, `contains(["read", "write"], effect)`)
	default:
		is = append(is, "effect == "+quote(a.effects.Strongest()))
	}
	return strings.Join(is, " && ")
}

// expression is a template as a regular expression.
func expression(template string) string {
	segments := strings.Split(strings.TrimPrefix(template, "/"), "/")
	for i, s := range segments {
		switch s {
		case "*":
			segments[i] = "[^/]+"
		case "**":
			segments[i] = ".*"
		default:
			segments[i] = regexp.QuoteMeta(s)
		}
	}
	return "^/" + strings.Join(segments, "/") + "$"
}

func quote(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }

func quoted(list []string) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = quote(s)
	}
	return "[" + strings.Join(words, ", ") + "]"
}
