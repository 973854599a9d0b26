package edit

import (
	"maps"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// answerers lists the approvers and judges that an edit changes. Words count, and
// neither comments nor layout.
func answerers(was, is *Texts) []action.Guarded {
	before, after := answering(was), answering(is)
	var list []action.Guarded
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		old, had := before[key]
		now, has := after[key]
		what := ""
		switch {
		case !had:
			what = "would answer asks"
		case !has:
			what = "would no longer answer asks"
		case old != now:
			what = "answers asks, and how it does changes"
		default:
			continue
		}
		kind, name, _ := strings.Cut(key, " ")
		list = append(list, action.Guarded{Kind: kind, Name: name, What: what})
	}
	return list
}

func answering(t *Texts) map[string]string {
	out := map[string]string{}
	all, _ := t.blocks()
	for _, s := range all {
		if s.kind == "approver" || s.kind == "judge" {
			out[s.kind+" "+s.name] += words(s.text(t))
		}
	}
	return out
}

// words gives the tokens of a text without comments and layout.
func words(text string) string {
	tokens, _ := hclsyntax.LexConfig([]byte(text), "", hcl.InitialPos) // a block that was parsed before
	var b strings.Builder
	for _, t := range tokens {
		if t.Type != hclsyntax.TokenComment && t.Type != hclsyntax.TokenNewline {
			b.Write(t.Bytes)
			b.WriteByte(0)
		}
	}
	return b.String()
}
