package finding

import (
	"regexp"
	"slices"
	"strings"

	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// An ignore is one comment that silences findings: at the end of a line those of
// the line, on a line of its own those of the next one, and of the whole block
// that begins there.
type ignore struct {
	at     hcl.Range
	ids    []ID
	covers []hcl.Range // nil: of one line
	line   int
	used   map[ID]bool
}

// prefix is what such a comment begins with.
const prefix = "sallyport:ignore"

// Silence takes out the findings that comments of the files silence, and adds one
// for every comment that cannot be read or silences nothing.
func Silence(files *source.Files, diags hcl.Diagnostics) hcl.Diagnostics {
	var ignores []*ignore
	var out hcl.Diagnostics
	for name, file := range files.HCL {
		if strings.HasPrefix(name, "preset ") {
			continue
		}
		found, bad := read(name, file)
		ignores, out = append(ignores, found...), append(out, bad...)
	}
	for _, d := range diags {
		if !silenced(d, ignores) {
			out = append(out, d)
		}
	}
	for _, i := range ignores {
		for _, id := range i.ids {
			if !i.used[id] {
				out = append(out, New(NothingSilenced, i.at, "There is no finding %s here any more; take the comment out.", id))
			}
		}
	}
	return out
}

func silenced(d *hcl.Diagnostic, ignores []*ignore) bool {
	id := Of(d)
	if id == "" || d.Subject == nil {
		return false
	}
	hit := false
	for _, i := range ignores {
		if slices.Contains(i.ids, id) && i.reaches(*d.Subject) {
			i.used[id], hit = true, true
		}
	}
	return hit
}

func (i *ignore) reaches(at hcl.Range) bool {
	if at.Filename != i.at.Filename {
		return false
	}
	return at.Start.Line == i.line || slices.ContainsFunc(i.covers, func(block hcl.Range) bool {
		return at.Start.Byte >= block.Start.Byte && at.End.Byte <= block.End.Byte
	})
}

// read finds the comments of a file.
func read(name string, file *hcl.File) (found []*ignore, bad hcl.Diagnostics) {
	if !strings.Contains(string(file.Bytes), prefix) {
		return nil, nil
	}
	tokens, _ := hclsyntax.LexConfig(file.Bytes, name, hcl.InitialPos) // the parser reports what is wrong
	code := 0                                                          // line of the last token that is no comment
	var waiting []*ignore                                              // for the next line of code
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenComment:
			i, why := parse(t)
			switch {
			case why != "":
				bad = append(bad, New(Unclear, t.Range, "%s", why))
			case i == nil:
			case code == t.Range.Start.Line:
				i.line = code
				found = append(found, i)
			default:
				waiting = append(waiting, i)
			}
		case hclsyntax.TokenNewline, hclsyntax.TokenEOF:
		default:
			code = t.Range.Start.Line
			for _, i := range waiting {
				i.line, i.covers = code, blocksAt(file, code)
			}
			found, waiting = append(found, waiting...), nil
		}
	}
	return append(found, waiting...), bad
}

// parse reads one comment; nil if it is about something else, why if it cannot be
// read.
func parse(t hclsyntax.Token) (i *ignore, why string) {
	text := strings.TrimSpace(strings.TrimRight(strings.TrimLeft(string(t.Bytes), "#/*"), "*/\r\n"))
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return nil, ""
	}
	names, reason, _ := strings.Cut(rest, ":")
	if strings.TrimSpace(reason) == "" {
		return nil, "Say why: # " + prefix + " " + string(Covered) + ": it stays until the new one has proven itself."
	}
	i = &ignore{at: t.Range, used: map[ID]bool{}}
	for _, name := range regexp.MustCompile(`[\s,]+`).Split(strings.TrimSpace(names), -1) {
		if name == "" {
			return nil, "Name what to silence: # " + prefix + " " + string(Covered) + ": reason."
		}
		if !slices.ContainsFunc(Kinds(), func(k Kind) bool { return k.ID == ID(name) }) {
			var known []string
			for _, k := range Kinds() {
				known = append(known, string(k.ID))
			}
			return nil, "There is no finding " + name + "." + source.DidYouMean(name, known)
		}
		i.ids = append(i.ids, ID(name))
	}
	return i, ""
}

// blocksAt gives the blocks whose header stands on a line.
func blocksAt(file *hcl.File, line int) []hcl.Range {
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	var out []hcl.Range
	var walk func(b *hclsyntax.Body)
	walk = func(b *hclsyntax.Body) {
		for _, inner := range b.Blocks {
			if inner.TypeRange.Start.Line == line {
				out = append(out, hcl.RangeBetween(inner.TypeRange, inner.CloseBraceRange))
			}
			walk(inner.Body)
		}
	}
	walk(body)
	return out
}
