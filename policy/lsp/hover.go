package lsp

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/lsp/cursor"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// maxShown is how many lines of a block are shown of what is referred to.
const maxShown = 20

// hover tells what stands at a place.
func (s *Server) hover(p place) any {
	word, from, to := cursor.Word(p.doc.text, p.at)
	text := s.meaning(p, word, cursor.At(p.doc.text, from), to)
	if text == "" || word == "" {
		return nil
	}
	return map[string]any{"contents": markdown(text), "range": spanOf(p.doc.text, from, to)}
}

// meaning tells what a word means where it stands.
func (s *Server) meaning(p place, word string, spot cursor.Spot, end int) string {
	in := shapeOf(spot.Blocks)
	switch {
	case in == nil:
		return ""
	case spot.Quoted && spot.Head == "service" && spot.Attr == "":
		return presetText(word)
	case spot.Quoted && spot.Attr == "preset":
		return presetText(word)
	case spot.Attr == "":
		return member(in, word)
	}
	a, ok := attrOf(spot)
	if !ok || spot.Quoted {
		return ""
	}
	if t, ok := s.target(p, word); ok {
		return "```hcl\n" + t.excerpt() + "\n```"
	}
	if a.Type == "condition" {
		return s.factOrFunction(word, strings.HasPrefix(p.doc.text[end:], "("))
	}
	if slices.Contains(callsOf(a), word) {
		return attrText(a)
	}
	return ""
}

// member tells an attribute or a block of a shape.
func member(in *shape.Shape, word string) string {
	if b, ok := in.Blocks[word]; ok {
		return blockText(word, b)
	}
	for _, a := range in.Attrs {
		if a.Name == word {
			return attrText(a)
		}
	}
	return ""
}

// factOrFunction tells a function that is called, or the fact whose name the word
// begins with.
func (s *Server) factOrFunction(word string, called bool) string {
	schema := cond.NewSchema(s.Options.Tables...)
	if called {
		for _, f := range schema.Functions() {
			if f.Name == word {
				return functionText(f)
			}
		}
	}
	best := ""
	var found cond.Fact
	for _, f := range schema.Facts() {
		if (f.Name == word || strings.HasPrefix(word, f.Name+".")) && len(f.Name) > len(best) {
			best, found = f.Name, f
		}
	}
	if best == "" {
		return ""
	}
	return factText(found)
}

// A target is a block that something refers to.
type target struct {
	path, text string
	block      cursor.Block
}

// excerpt gives the first lines of the block.
func (t target) excerpt() string {
	lines := strings.SplitAfter(t.text[t.block.Start:t.block.End], "\n")
	if len(lines) > maxShown {
		lines = append(lines[:maxShown], "…")
	}
	return strings.Join(lines, "")
}

// target finds the block that a reference such as service.github names.
func (s *Server) target(p place, ref string) (target, bool) {
	parts := strings.SplitN(ref, ".", 3)
	if len(parts) < 2 {
		return target{}, false
	}
	return s.find(p, parts[0], parts[1])
}

// find looks for a block by kind and name.
func (s *Server) find(p place, kind, name string) (target, bool) {
	for path, text := range s.texts(p.path) {
		for _, b := range cursor.Blocks(text) {
			if b.Depth == 0 && b.Type == kind && b.Label == name {
				return target{path, text, b}, true
			}
		}
	}
	return target{}, false
}

// define tells where what is referred to is declared.
func (s *Server) define(p place) any {
	word, from, _ := cursor.Word(p.doc.text, p.at)
	spot := cursor.At(p.doc.text, from)
	var t target
	var ok bool
	switch {
	case spot.Attr == "":
		return nil
	case spot.Quoted:
		if spot.Attr == "rule" {
			t, ok = s.find(p, "rule", word)
		}
	default:
		t, ok = s.target(p, word)
	}
	if !ok {
		return nil
	}
	at := spanOf(t.text, t.block.Start, t.block.Open)
	if t.block.LabelAt >= 0 {
		at = spanOf(t.text, t.block.LabelAt, t.block.LabelAt+len(t.block.Label))
	}
	return map[string]any{"uri": s.uri(t.path), "range": at}
}

// uri gives a path as the editor spells it.
func (s *Server) uri(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.docs[path]; d != nil {
		return d.uri
	}
	return uriOf(path)
}

// format gives the canonical layout of a document that is HCL.
func (s *Server) format(p place) any {
	files := &source.Files{HCL: map[string]*hcl.File{}}
	if body, diags := files.Parse([]byte(p.doc.text), p.path); body == nil || diags.HasErrors() {
		return nil
	}
	formatted := string(hclwrite.Format([]byte(p.doc.text)))
	if formatted == p.doc.text {
		return []textEdit{}
	}
	return []textEdit{{spanOf(p.doc.text, 0, len(p.doc.text)), formatted}}
}

// A symbol is a block in the outline (LSP 3.17, DocumentSymbol).
type symbol struct {
	Name     string   `json:"name"`
	Detail   string   `json:"detail,omitempty"`
	Kind     int      `json:"kind"`
	Range    span     `json:"range"`
	Selected span     `json:"selectionRange"`
	Children []symbol `json:"children,omitempty"`
}

// kindClass is the kind of every symbol.
const kindClass = 5

// symbols gives the outline of a document: the blocks at the top and the named ones
// inside them.
func (s *Server) symbols(p place) any {
	list := []symbol{}
	for _, b := range cursor.Blocks(p.doc.text) {
		sym := symbol{
			Name: b.Type, Kind: kindClass, Range: spanOf(p.doc.text, b.Start, b.End), Selected: spanOf(p.doc.text, b.Start, b.Open),
		}
		if b.Label != "" {
			sym.Name, sym.Detail = b.Label, b.Type
		}
		switch {
		case b.Depth == 0:
			list = append(list, sym)
		case b.Depth == 1 && len(list) > 0:
			last := &list[len(list)-1]
			last.Children = append(last.Children, sym)
		}
	}
	return list
}
