package lsp

import (
	"unicode/utf16"

	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/source"
)

// maxProposals bounds what is proposed for one place.
const maxProposals = 300

// A Proposal is what may stand at a place.
type Proposal struct {
	Label  string
	Kind   string // attribute, block, function, fact, reference, word
	Detail string // its type
	Doc    string // Markdown
	Insert string // with $0 and ${1:name} where something is to be filled in (LSP 3.17, Snippet)
}

// Propose gives what may stand at a place of one of some texts, which are a whole
// configuration by name, to whoever is no editor with a language server. The line
// and the UTF-16 unit in it count from zero; the proposals replace the before units
// that stand in front of the place.
func Propose(texts map[string]string, name string, line, character int, o policy.Options) (before int, list []Proposal) {
	for file, text := range texts { // whoever sends them may mean harm: the time grows with the square of the depth
		if _, deep := source.TooDeep([]byte(text), file); deep {
			return 0, nil
		}
	}
	s := &Server{Options: o, given: texts}
	doc := &document{text: texts[name]}
	p := place{doc, name, doc.offset(position{line, character})}
	spot, items := s.items(p)
	for _, r := range doc.text[spot.Start:p.at] {
		before += max(1, utf16.RuneLen(r))
	}
	for _, it := range items[:min(len(items), maxProposals)] {
		one := Proposal{Label: it.Label, Kind: kindWord(it), Detail: it.Detail, Insert: it.snippet}
		if it.Doc != nil {
			one.Doc = it.Doc.Value
		}
		if one.Insert == "" {
			one.Insert = it.Label
		}
		list = append(list, one)
	}
	return before, list
}

func kindWord(it item) string {
	switch it.Kind {
	case kindFunction:
		return "function"
	case kindField:
		return "fact"
	case kindModule:
		return "block"
	case kindProperty:
		return "attribute"
	case kindReference:
		return "reference"
	}
	return "word"
}
