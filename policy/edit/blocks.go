package edit

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A stood is a top-level block where it stands in a file. Bytes of the file:
// lead <= start < end <= over.
type stood struct {
	file, kind, name string
	lead             int // where the comments right above it begin
	start            int // of its type
	end              int // behind its closing brace
	over             int // behind the line that it ends on
	host             bool
}

// text gives the block itself, without what is around it.
func (s stood) text(t *Texts) string { return t.files[s.file][s.start:s.end] }

// title names it as people do.
func (s stood) title() string { return title(s.kind, s.name) }

func title(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + ` "` + name + `"`
}

// A seen file is one that was read: its blocks, and its syntax as far as it has one.
type seen struct {
	list  []stood
	body  *hclsyntax.Body
	diags hcl.Diagnostics
}

// look reads a file, once.
func (t *Texts) look(name string) seen {
	s, ok := t.seen[name]
	if !ok {
		s.list, s.body, s.diags = read(name, t.files[name])
		if t.seen == nil {
			t.seen = map[string]seen{}
		}
		t.seen[name] = s
	}
	return s
}

// blocks lists what stands in every file, in order. A file that is no HCL has
// none, and its errors are given.
func (t *Texts) blocks() ([]stood, hcl.Diagnostics) {
	var all []stood
	var diags hcl.Diagnostics
	for _, name := range t.Names() {
		s := t.look(name)
		all = append(all, s.list...)
		diags = append(diags, s.diags...)
	}
	return all, diags
}

// scan lists the top-level blocks of one text.
func scan(file, text string) ([]stood, hcl.Diagnostics) {
	list, _, diags := read(file, text)
	return list, diags
}

// read is scan that gives the syntax too, as far as there is one.
func read(file, text string) ([]stood, *hclsyntax.Body, hcl.Diagnostics) {
	files := &source.Files{HCL: map[string]*hcl.File{}}
	body, diags := files.Parse([]byte(text), file)
	if body == nil || diags.HasErrors() {
		return nil, body, diags
	}
	leads, language := leads(file, text), shape.Language()
	var list []stood
	for _, b := range body.Blocks {
		at := b.Range()
		s := stood{file: file, kind: b.Type, start: at.Start.Byte, end: at.End.Byte, lead: at.Start.Byte, over: len(text)}
		s.name = strings.Join(b.Labels, " ")
		s.host = hosted(language, b)
		if lead, ok := leads[s.start]; ok {
			s.lead = lead
		}
		if i := strings.IndexByte(text[s.end:], '\n'); i >= 0 {
			s.over = s.end + i + 1
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b stood) int { return a.start - b.start })
	return list, body, diags
}

// hosted reports whether only somebody on the host may change a block: one that
// the language calls so, one that it does not know, and a secret with a source.
func hosted(language *shape.Shape, b *hclsyntax.Block) bool {
	s := language.Blocks[b.Type]
	if s == nil || s.Host {
		return true
	}
	return b.Type == "secret" && (len(b.Body.Attributes) > 0 || len(b.Body.Blocks) > 0)
}

// leads finds, for each token that comments stand right above of, where the first
// of them begins.
func leads(file, text string) map[int]int {
	tokens, _ := hclsyntax.LexConfig([]byte(text), file, hcl.InitialPos) // scan has seen to what is wrong
	found := map[int]int{}
	first, next := -1, -1 // beginning of a run of comments, and the line below it
	own := true           // nothing stood on this line yet
	for _, t := range tokens {
		switch {
		case t.Type == hclsyntax.TokenComment && own && strings.HasSuffix(string(t.Bytes), "\n"):
			if first < 0 || t.Range.Start.Line != next {
				first = t.Range.Start.Byte
			}
			next = t.Range.End.Line
			continue // the comment holds the end of its line
		case t.Type == hclsyntax.TokenNewline:
			own, first = true, -1
			continue
		case first >= 0 && t.Range.Start.Line == next:
			found[t.Range.Start.Byte] = first
		}
		own = t.Type == hclsyntax.TokenComment && strings.HasSuffix(string(t.Bytes), "\n")
		first = -1
	}
	return found
}

// declared lists the blocks for people and programs.
func (t *Texts) declared() []action.Declared {
	all, _ := t.blocks()
	list := make([]action.Declared, len(all))
	file, from, at := "", 0, 1 // a line that was counted already
	for i, b := range all {
		text := t.files[b.file]
		if b.file != file {
			file, from, at = b.file, 0, 1
		}
		at += line(text[from:], b.start-from) - 1
		from = b.start
		list[i] = action.Declared{
			Kind: b.kind, Name: b.name, File: b.file, Host: b.host, HCL: text[b.lead:b.end],
			Line: at, End: at + line(text[from:], b.end-from) - 1,
		}
	}
	return list
}
