package lsp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/lsp/cursor"
	"sallyport.dev/sallyport/policy/presets"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Kinds of completion items (LSP 3.17, CompletionItemKind).
const (
	kindFunction  = 3
	kindField     = 5
	kindModule    = 9
	kindProperty  = 10
	kindEnum      = 12
	kindReference = 18
)

// An item is one proposal (LSP 3.17, CompletionItem).
type item struct {
	Label    string    `json:"label"`
	Kind     int       `json:"kind"`
	Detail   string    `json:"detail,omitempty"`
	Doc      *markup   `json:"documentation,omitempty"`
	Edit     *textEdit `json:"textEdit,omitempty"`
	Format   int       `json:"insertTextFormat,omitempty"` // 2: a snippet
	Filter   string    `json:"filterText,omitempty"`
	snippet  string
	fallback string
}

type markup struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

func markdown(text string) *markup {
	if text == "" {
		return nil
	}
	return &markup{"markdown", text}
}

type textEdit struct {
	Range   span   `json:"range"`
	NewText string `json:"newText"`
}

// items proposes what may stand at a place.
func (s *Server) items(p place) (cursor.Spot, []item) {
	spot := cursor.At(p.doc.text, p.at)
	switch {
	case spot.Quoted && spot.Attr == "":
		return spot, labels(spot)
	case spot.Attr == "":
		return spot, members(spot)
	case spot.Quoted:
		return spot, s.strings(p, spot)
	}
	return spot, s.values(p, spot)
}

// complete proposes it to an editor.
func (s *Server) complete(p place) any {
	spot, list := s.items(p)
	where := spanOf(p.doc.text, spot.Start, p.at)
	out := []item{}
	for _, it := range list {
		text := it.fallback
		if s.snippets && it.snippet != "" {
			text, it.Format = it.snippet, 2
		}
		if text == "" {
			text = it.Label
		}
		it.Edit = &textEdit{where, text}
		it.Filter = it.Label
		out = append(out, it)
	}
	return map[string]any{"isIncomplete": false, "items": out}
}

// labels proposes the name of a block: a service may be called as a preset.
func labels(spot cursor.Spot) []item {
	if spot.Head != "service" || len(spot.Blocks) > 0 {
		return nil
	}
	return presetItems()
}

func presetItems() []item {
	var list []item
	for _, name := range presets.List() {
		list = append(list, item{Label: name, Kind: kindModule, Detail: "preset", Doc: markdown(presetText(name))})
	}
	return list
}

// members proposes the attributes and blocks that a block may hold.
func members(spot cursor.Spot) []item {
	s := shapeOf(spot.Blocks)
	if s == nil {
		return nil
	}
	var list []item
	for _, a := range s.Attrs {
		list = append(list, item{
			Label: a.Name, Kind: kindProperty, Detail: a.Type, Doc: markdown(attrText(a)),
			snippet: a.Name + " = " + blank(a), fallback: a.Name + " = ",
		})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Blocks)) {
		in := s.Blocks[name]
		head, plain := name, name+" "
		if in.Labelled {
			head, plain = name+` "${1:name}"`, name+` "`
		}
		list = append(list, item{
			Label: name, Kind: kindModule, Detail: "block", Doc: markdown(blockText(name, in)),
			snippet: head + " {\n  $0\n}", fallback: plain,
		})
	}
	return list
}

// blank is the empty value of an attribute, with the places to fill in.
func blank(a shape.Attr) string {
	_, isChoice := choice(a.Type)
	switch {
	case strings.HasPrefix(a.Type, "list of ") && kindsOf(a) != nil:
		return "[$0]"
	case strings.HasPrefix(a.Type, "list of "):
		return `["$0"]`
	case isChoice, strings.HasPrefix(a.Type, "string"), a.Type == "duration", a.Type == "size", a.Type == "time", a.Type == "path":
		return `"$0"`
	}
	return "$0"
}

// strings proposes what a string may hold.
func (s *Server) strings(p place, spot cursor.Spot) []item {
	a, ok := attrOf(spot)
	if !ok {
		return nil
	}
	block := spot.Blocks[len(spot.Blocks)-1].Type
	var list []item
	switch {
	case a.Name == "preset":
		return presetItems()
	case a.Name == "rule" && block == "test":
		list = plain(names(s.texts(p.path), "rule"), "rule")
	case a.Name == "operations":
		list = plain(s.operations(p), "operation")
	case a.Name == "members" && block == "role":
		list = plain([]string{"*", "tag:", "user:", "agent:"}, "member")
	default:
		list = plain(words(a), a.Type)
	}
	if strings.HasPrefix(a.Type, "list of ") && strings.HasPrefix(spot.Word, "!") {
		for i := range list {
			list[i].Label = "!" + list[i].Label
		}
	}
	return list
}

func plain(words []string, detail string) []item {
	var list []item
	for _, w := range words {
		list = append(list, item{Label: w, Kind: kindEnum, Detail: detail})
	}
	return list
}

// operations lists the names of operations that the services of the configuration
// and their presets have.
func (s *Server) operations(p place) []string {
	seen := map[string]bool{}
	collect := func(text, service string) {
		for _, b := range cursor.Blocks(text) {
			if b.Type == "operation" && b.Label != "" {
				seen[b.Label] = true
			}
		}
		if preset, ok := presets.Get(service); ok {
			for _, b := range cursor.Blocks(string(preset)) {
				if b.Type == "operation" {
					seen[b.Label] = true
				}
			}
		}
	}
	texts := s.texts(p.path)
	for _, text := range texts {
		collect(text, "")
	}
	for _, name := range names(texts, "service") {
		collect("", name)
	}
	return slices.Sorted(maps.Keys(seen))
}

// values proposes what a value may be outside of strings.
func (s *Server) values(p place, spot cursor.Spot) []item {
	a, ok := attrOf(spot)
	if !ok {
		return nil
	}
	if a.Type == "condition" {
		return s.conditions()
	}
	var list []item
	refer := kindsOf(a)
	if len(spot.Calls) > 0 {
		refer = append(refer, "secret", "role")
	}
	if kind, _, dotted := strings.Cut(spot.Word, "."); dotted {
		refer = []string{kind}
	}
	texts := s.texts(p.path)
	for _, kind := range refer {
		if in := shape.Language().Blocks[kind]; in == nil || !in.Labelled {
			continue
		}
		for _, name := range names(texts, kind) {
			if hclsyntax.ValidIdentifier(name) {
				list = append(list, item{Label: kind + "." + name, Kind: kindReference, Detail: kind})
			}
		}
	}
	if strings.Contains(spot.Word, ".") {
		return list
	}
	for _, name := range callsOf(a) {
		list = append(list, item{Label: name, Kind: kindFunction, Detail: a.Type, Doc: markdown(attrText(a)), snippet: name + "($0)", fallback: name + "("})
	}
	if a.Type == "bool" {
		list = append(list, plain([]string{"true", "false"}, "bool")...)
	}
	for _, w := range words(a) {
		list = append(list, item{Label: fmt.Sprintf("%q", w), Kind: kindEnum, Detail: a.Type})
	}
	return list
}

// conditions proposes facts and functions.
func (s *Server) conditions() []item {
	schema := cond.NewSchema(s.Options.Tables...)
	var list []item
	for _, f := range schema.Facts() {
		list = append(list, item{Label: f.Name, Kind: kindField, Detail: f.Type, Doc: markdown(factText(f))})
	}
	for _, f := range schema.Functions() {
		list = append(list, item{
			Label: f.Name, Kind: kindFunction, Detail: f.Usage, Doc: markdown(functionText(f)), snippet: f.Name + "($0)", fallback: f.Name + "(",
		})
	}
	return list
}
