package suggest

import (
	"fmt"
	"strings"

	"sallyport.dev/sallyport/action"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// maxLeft bounds what is told of actions that stay refused.
const maxLeft = 50

// HCL writes the rules, each with how many actions it comes from, and behind them
// what they would not allow. Every value is a token of its own.
func (p *Proposal) HCL() []byte {
	f := hclwrite.NewEmptyFile()
	body := f.Body()
	comment(body, p.summary())
	for i := range p.Rules {
		body.AppendNewline()
		p.Rules[i].write(body)
	}
	if len(p.Left) == 0 {
		return hclwrite.Format(f.Bytes())
	}
	body.AppendNewline()
	title := "Not allowed by these rules:"
	if len(p.Rules) == 0 {
		title = "Not allowed:"
	}
	comment(body, title)
	for i, l := range p.Left {
		if i == maxLeft {
			comment(body, fmt.Sprintf("  and %s more", count(len(p.Left)-i, "kind")))
			break
		}
		what := clean(l.Action)
		if l.Service != "" {
			what = clean(l.Service) + ": " + what
		}
		comment(body, fmt.Sprintf("  %d  %s: %s", l.Count, what, l.Why))
	}
	return hclwrite.Format(f.Bytes())
}

// summary says what became of all actions.
func (p *Proposal) summary() string {
	left := p.Seen - p.Fine - p.Allowed
	text := fmt.Sprintf("From %s: %s no rule", count(p.Seen, "action"), verb(p.Fine, "needs", "need"))
	switch {
	case len(p.Rules) > 0:
		text += fmt.Sprintf(", %s allowed by the rules below, %d by none", verb(p.Allowed, "is", "are"), left)
	case left > 0:
		text += fmt.Sprintf("; for %d no rule is proposed", left)
	}
	return text + "."
}

// verb is a number and the verb behind it.
func verb(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// comment appends a line of comment; text is ours, or clean.
func comment(body *hclwrite.Body, text string) {
	body.AppendUnstructuredTokens(hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte("# " + clean(text) + "\n")}})
}

// clean leaves of a text what one line of plain ASCII may hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

func (r *Rule) write(body *hclwrite.Body) {
	from := "From " + count(r.Actions, "action") + "."
	if beyond := r.effects &^ (action.EffectRead | action.EffectWrite); beyond != 0 && r.Effects != nil {
		from += " It allows what is " + strings.ReplaceAll(beyond.String(), ",", " and ") + ": look twice."
	}
	comment(body, from)
	b := body.AppendNewBlock("rule", []string{r.Name}).Body()
	b.SetAttributeRaw("on", references("service", []string{r.Service}))
	if len(r.Roles) > 0 {
		b.SetAttributeRaw("roles", references("role", r.Roles))
	}
	for _, a := range r.lists() {
		if len(a.list) > 0 {
			b.SetAttributeRaw(a.name, texts(a.list))
		}
	}
	if len(r.Fields) > 0 {
		b.SetAttributeRaw("when", r.condition())
	}
	b.SetAttributeValue("verdict", cty.StringVal("allow"))
}

// A listed attribute is a list of texts.
type listed struct {
	name string
	list []string
}

// lists gives the plain attributes in their order.
func (r *Rule) lists() []listed {
	return []listed{
		{"effects", r.Effects},
		{"hosts", r.Hosts},
		{"operations", r.Operations},
		{"methods", r.Methods},
		{"paths", r.Paths},
		{"tools", r.Tools},
		{"verbs", r.Verbs},
		{"tables", r.Tables},
		{"functions", r.Functions},
	}
}

// references is a list such as [service.shop].
func references(kind string, names []string) hclwrite.Tokens {
	items := make([]hclwrite.Tokens, len(names))
	for i, name := range names {
		items[i] = hclwrite.TokensForTraversal(hcl.Traversal{hcl.TraverseRoot{Name: kind}, hcl.TraverseAttr{Name: name}})
	}
	return hclwrite.TokensForTuple(items)
}

// maxLine is how long a list may be that stands in one line.
const maxLine = 90

// texts is a list of texts, a line each where they are many.
func texts(list []string) hclwrite.Tokens {
	items := make([]hclwrite.Tokens, len(list))
	length := 0
	for i, s := range list {
		items[i] = hclwrite.TokensForValue(cty.StringVal(s))
		length += len(s) + len(`"", `)
	}
	if length <= maxLine {
		return hclwrite.TokensForTuple(items)
	}
	newline := &hclwrite.Token{Type: hclsyntax.TokenNewline, Bytes: []byte("\n")}
	out := hclwrite.Tokens{{Type: hclsyntax.TokenOBrack, Bytes: []byte("[")}, newline}
	for _, item := range items {
		out = append(append(out, item...), &hclwrite.Token{Type: hclsyntax.TokenComma, Bytes: []byte(",")}, newline)
	}
	return append(out, &hclwrite.Token{Type: hclsyntax.TokenCBrack, Bytes: []byte("]")})
}

// condition says which fields of GraphQL a request may have, and none beside.
func (r *Rule) condition() hclwrite.Tokens {
	fixed := func(words string) (out hclwrite.Tokens) {
		tokens, _ := hclsyntax.LexExpression([]byte(words), "", hcl.InitialPos)
		for _, t := range tokens {
			if t.Type != hclsyntax.TokenEOF {
				out = append(out, &hclwrite.Token{Type: t.Type, Bytes: t.Bytes})
			}
		}
		return out
	}
	out := append(fixed("graphql.type == "), hclwrite.TokensForValue(cty.StringVal(r.Kind))...)
	out = append(out, fixed("&& alltrue([for f in graphql.fields : contains(")...)
	out = append(out, texts(r.Fields)...)
	return append(out, fixed(", f)])")...)
}
