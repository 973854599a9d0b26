package lsp

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/lsp/cursor"
	"sallyport.dev/sallyport/policy/presets"
	"sallyport.dev/sallyport/policy/vocab"
)

// shapeOf gives what may stand in the innermost of some blocks; nil if the language
// does not know them.
func shapeOf(blocks []cursor.Block) *shape.Shape {
	s := shape.Language()
	for _, b := range blocks {
		if s = s.Blocks[b.Type]; s == nil {
			return nil
		}
	}
	return s
}

// attrOf gives the attribute that a spot is in the value of.
func attrOf(spot cursor.Spot) (shape.Attr, bool) {
	s := shapeOf(spot.Blocks)
	if s == nil {
		return shape.Attr{}, false
	}
	i := slices.IndexFunc(s.Attrs, func(a shape.Attr) bool { return a.Name == spot.Attr })
	if i < 0 {
		return shape.Attr{}, false
	}
	return s.Attrs[i], true
}

// words lists the strings that an attribute may take, where they are fixed.
func words(a shape.Attr) []string {
	switch a.Name {
	case "effects", "effect":
		return action.EffectNames()
	case "methods":
		return vocab.Methods()
	case "verbs":
		return vocab.Verbs()
	case "preset":
		return presets.List()
	}
	if list, ok := choice(a.Type); ok {
		return list
	}
	return nil
}

var (
	choices   = regexp.MustCompile(`^[a-z-]+(, [a-z-]+)* or [a-z-]+$`)
	kinds     = regexp.MustCompile(`([a-z]+)(?:, ([a-z]+))*(?: (?:and|or) ([a-z]+))? references?\b`)
	functions = regexp.MustCompile(`\b([a-z_]+)\(`)
)

// choice reads the words of a type such as "allow, ask or deny".
func choice(text string) ([]string, bool) {
	if !choices.MatchString(text) {
		return nil, false
	}
	head, last, _ := strings.Cut(text, " or ")
	list := append(strings.Split(head, ", "), last)
	if slices.Contains(list, "string") || slices.Contains(list, "object") {
		return nil, false
	}
	return list, true
}

// kindsOf lists the kinds of block that an attribute refers to.
func kindsOf(a shape.Attr) []string {
	m := kinds.FindStringSubmatch(a.Type)
	if m == nil {
		return nil
	}
	var list []string
	for _, kind := range m[1:] {
		if s := shape.Language().Blocks[kind]; s != nil && s.Labelled {
			list = append(list, kind)
		}
	}
	return list
}

// callsOf lists the functions that the table says an attribute takes.
func callsOf(a shape.Attr) []string {
	var list []string
	for _, m := range functions.FindAllStringSubmatch(a.Type+" "+a.Doc, -1) {
		if !slices.Contains(list, m[1]) {
			list = append(list, m[1])
		}
	}
	return list
}

// attrText tells an attribute in Markdown.
func attrText(a shape.Attr) string {
	text := fmt.Sprintf("**%s**: %s\n\n%s", a.Name, a.Type, a.Doc)
	if a.Default != "" {
		text += "\n\nDefault: " + a.Default
	}
	return text
}

// blockText tells a kind of block in Markdown.
func blockText(name string, s *shape.Shape) string {
	text := fmt.Sprintf("**%s**\n\n%s", name, s.Doc)
	if s.Host {
		text += "\n\nOnly somebody with a shell on the host may change it."
	}
	return text
}

// factText tells a fact in Markdown.
func factText(f cond.Fact) string {
	name, of := f.Name, "every action"
	if f.Keyed {
		name += ".KEY"
	}
	if f.Protocol != "" {
		of = f.Protocol
	}
	return fmt.Sprintf("**%s**: %s, of %s\n\n%s", name, f.Type, of, f.Doc)
}

func functionText(f cond.Function) string {
	return fmt.Sprintf("```hcl\n%s\n```\n\n%s", f.Usage, f.Doc)
}

// presetText tells a preset by what its file says at the top; "" if there is none.
func presetText(name string) string {
	text, ok := presets.Get(name)
	if !ok {
		return ""
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		comment, ok := strings.CutPrefix(line, "#")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimSpace(comment))
	}
	return fmt.Sprintf("Preset **%s**\n\n%s", name, strings.Join(lines, "\n"))
}

// names lists the labels of the blocks of a kind in some texts, sorted. Secrets
// need no block, so that those which are referred to count too.
func names(texts map[string]string, kind string) []string {
	seen := map[string]bool{}
	for _, text := range texts {
		for _, b := range cursor.Blocks(text) {
			if b.Depth == 0 && b.Type == kind && b.Label != "" {
				seen[b.Label] = true
			}
		}
		if kind == "secret" {
			for _, m := range secretRef.FindAllStringSubmatch(text, -1) {
				seen[m[1]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

var secretRef = regexp.MustCompile(`\bsecret\.([A-Za-z_][A-Za-z0-9_-]*)`)
