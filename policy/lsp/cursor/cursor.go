// Package cursor says where in a configuration a place is: in which blocks, in
// the value of which attribute, behind which letters. It reads tokens, not syntax,
// so that it knows its way in text that somebody is in the middle of writing.
package cursor

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A Block is the head of a block that was seen.
type Block struct {
	Type, Label string
	Depth       int // 0: at the top
	Start       int // of its type, in bytes
	Open        int // of its brace
	LabelAt     int // of the label's text; -1: it has none
	End         int // behind its closing brace, or where the text ends
}

// A Spot is what a place in the text is.
type Spot struct {
	Blocks []Block // that it is in, outermost first
	Attr   string  // whose value it is in; "": where a name is expected
	Calls  []string
	Quoted bool   // inside a string
	Head   string // type of the block whose label the string is; "": it is none
	Word   string // what stands before the place: a name with its dots, or the string so far
	Start  int    // where that begins

	heredoc bool
}

// A frame is what was opened and not closed yet.
type frame struct {
	kind  hclsyntax.TokenType // of the token that opened it; TokenOBrace with block: a block
	block bool
	index int // of the block
	call  string
	text  int // of a string: where it begins
}

// A walk is one pass over the tokens.
type walk struct {
	text   string
	blocks []Block
	open   []frame
	head   []hclsyntax.Token // of the item that is being read in the innermost block
	attr   string
}

// At says what the place at a byte of the text is.
func At(text string, at int) Spot {
	at = min(max(at, 0), len(text))
	s, written := at0(text, at), text
	for added := 1; added <= maxMended && s.Quoted && !s.heredoc; added++ {
		end := strings.IndexByte(s.Word, '\n')
		if end < 0 {
			break
		}
		// A string that its line does not end: what follows is not of it.
		end += s.Start + added - 1
		text = text[:end] + `"` + text[end:]
		s = at0(text, at+added)
		s.Start = min(max(s.Start-added, 0), at)
	}
	s.Word = written[s.Start:at]
	return s
}

// at0 is At for text whose strings end.
func at0(text string, at int) Spot {
	w := &walk{text: text[:at]}
	tokens := w.run()
	s := Spot{Attr: w.attr, Start: at}
	for _, f := range w.open {
		switch {
		case f.block:
			s.Blocks = append(s.Blocks, w.blocks[f.index])
		case f.kind == hclsyntax.TokenOParen:
			s.Calls = append(s.Calls, f.call)
		}
	}
	if n := len(w.open); n > 0 && (w.open[n-1].kind == hclsyntax.TokenOQuote || w.open[n-1].kind == hclsyntax.TokenOHeredoc) {
		s.Quoted, s.Start, s.heredoc = true, min(w.open[n-1].text, at), w.open[n-1].kind == hclsyntax.TokenOHeredoc
		s.Word = text[s.Start:at]
		if w.attr == "" && len(w.head) > 0 {
			s.Head = string(w.head[0].Bytes)
		}
		return s
	}
	s.Start = wordStart(tokens, at)
	s.Word = text[s.Start:at]
	return s
}

// wordStart finds the beginning of the name, dots included, that ends at a place.
func wordStart(tokens hclsyntax.Tokens, at int) int {
	start := at
	for i := len(tokens) - 1; i >= 0; i-- {
		t := tokens[i]
		if t.Type == hclsyntax.TokenEOF {
			continue
		}
		if t.Range.End.Byte != start || t.Type != hclsyntax.TokenIdent && t.Type != hclsyntax.TokenDot {
			break
		}
		start = t.Range.Start.Byte
	}
	return start
}

// Blocks lists the blocks of a text, in order.
func Blocks(text string) []Block {
	whole, added := mend(text)
	w := &walk{text: whole}
	w.run()
	back := func(at int) int {
		n := 0
		for n < len(added) && added[n] < at {
			n++
		}
		return at - n
	}
	for i := range w.blocks {
		b := &w.blocks[i]
		if b.End == 0 {
			b.End = len(whole)
		}
		b.Start, b.Open, b.End = back(b.Start), back(b.Open), back(b.End)
		if b.LabelAt >= 0 {
			b.LabelAt = back(b.LabelAt)
		}
	}
	return w.blocks
}

// maxMended bounds how many strings that never end are looked past.
const maxMended = 20

// mend ends strings where their line does. It gives where quotes were added.
func mend(text string) (string, []int) {
	var added []int
	for range maxMended {
		at := unended(text)
		if at < 0 {
			break
		}
		text = text[:at] + `"` + text[at:]
		added = append(added, at)
	}
	return text, added
}

// unended finds the end of the first line that a string does not end on; -1: none.
func unended(text string) int {
	tokens, _ := hclsyntax.LexConfig([]byte(text), "", hcl.InitialPos) // half-written text is expected
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenQuotedLit {
			if i := strings.IndexByte(string(t.Bytes), '\n'); i >= 0 {
				return t.Range.Start.Byte + i
			}
		}
	}
	return -1
}

// Word gives the name with its dots, or the string, that a place is in, and where
// it stands.
func Word(text string, at int) (word string, start, end int) {
	s := At(text, at)
	end = min(max(at, 0), len(text))
	for end < len(text) && (s.Quoted && text[end] != '"' && text[end] != '\n' || !s.Quoted && wordByte(text[end:])) {
		end++
	}
	return text[s.Start:end], s.Start, end
}

// wordByte reports whether a name goes on with what text begins with.
func wordByte(text string) bool {
	c := text[0]
	if c == '.' {
		return len(text) > 1 && text[1] != '.' && wordByte(text[1:])
	}
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// run reads the tokens.
func (w *walk) run() hclsyntax.Tokens {
	tokens, _ := hclsyntax.LexConfig([]byte(w.text), "", hcl.InitialPos) // half-written text is expected
	for i, t := range tokens {
		w.step(t, tokens[max(0, i-1)])
	}
	return tokens
}

// inBody reports whether the innermost that is open is a block, or nothing is.
func (w *walk) inBody() bool {
	n := len(w.open)
	return n == 0 || w.open[n-1].block
}

func (w *walk) step(t, before hclsyntax.Token) {
	switch t.Type {
	case hclsyntax.TokenNewline, hclsyntax.TokenComment:
		if w.inBody() && strings.HasSuffix(string(t.Bytes), "\n") {
			w.head, w.attr = nil, ""
		}
	case hclsyntax.TokenEqual:
		if w.inBody() && w.attr == "" && len(w.head) > 0 {
			w.attr = string(w.head[0].Bytes)
		}
	case hclsyntax.TokenOBrace:
		w.brace(t)
	case hclsyntax.TokenOParen:
		f := frame{kind: t.Type}
		if before.Type == hclsyntax.TokenIdent && before.Range.End.Byte == t.Range.Start.Byte {
			f.call = string(before.Bytes)
		}
		w.open = append(w.open, f)
	case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
		w.open = append(w.open, frame{kind: t.Type, text: t.Range.End.Byte})
	case hclsyntax.TokenOBrack, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		w.open = append(w.open, frame{kind: t.Type})
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
		hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
		w.close(t)
	default:
		if w.inBody() && w.attr == "" && t.Type == hclsyntax.TokenIdent {
			w.head = append(w.head, t)
		}
	}
}

// brace opens a block, or an object.
func (w *walk) brace(t hclsyntax.Token) {
	f := frame{kind: t.Type}
	if w.inBody() && w.attr == "" && len(w.head) > 0 {
		b := Block{Type: string(w.head[0].Bytes), Start: w.head[0].Range.Start.Byte, Open: t.Range.Start.Byte, LabelAt: -1}
		rest := w.text[w.head[0].Range.End.Byte:t.Range.Start.Byte]
		if from := strings.IndexByte(rest, '"'); from >= 0 {
			if to := strings.IndexByte(rest[from+1:], '"'); to >= 0 {
				b.Label, b.LabelAt = rest[from+1:from+1+to], w.head[0].Range.End.Byte+from+1
			}
		}
		for _, o := range w.open {
			if o.block {
				b.Depth++
			}
		}
		f.block, f.index = true, len(w.blocks)
		w.blocks = append(w.blocks, b)
		w.head = nil
	}
	w.open = append(w.open, f)
}

// close takes away what a token closes, and what was left open inside of it.
func (w *walk) close(t hclsyntax.Token) {
	for i := len(w.open) - 1; i >= 0; i-- {
		if !closes(w.open[i].kind, t.Type) {
			if w.open[i].block {
				return // a stray bracket does not end a block
			}
			continue
		}
		if f := w.open[i]; f.block {
			w.blocks[f.index].End = t.Range.End.Byte
			w.head, w.attr = nil, ""
		}
		w.open = w.open[:i]
		return
	}
}

func closes(open, by hclsyntax.TokenType) bool {
	switch by {
	case hclsyntax.TokenCBrace:
		return open == hclsyntax.TokenOBrace
	case hclsyntax.TokenCBrack:
		return open == hclsyntax.TokenOBrack
	case hclsyntax.TokenCParen:
		return open == hclsyntax.TokenOParen
	case hclsyntax.TokenCQuote:
		return open == hclsyntax.TokenOQuote
	case hclsyntax.TokenCHeredoc:
		return open == hclsyntax.TokenOHeredoc
	case hclsyntax.TokenTemplateSeqEnd:
		return open == hclsyntax.TokenTemplateInterp || open == hclsyntax.TokenTemplateControl
	}
	return false
}
