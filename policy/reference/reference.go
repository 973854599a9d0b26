// Package reference writes the reference of the language from the tables that the
// program reads a configuration by, so that it lists what works and nothing else.
// It knows no more than they tell.
package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/posture"
	"sallyport.dev/sallyport/policy/presets"
	"sallyport.dev/sallyport/policy/vocab"
)

// head is what stands before everything.
const head = `# Reference

Made from the program's own tables; ` + "`UPDATE=1 go test ./cmd/sallyport -run TestReference`" + ` makes it anew.
How the language works is told in [configuration.md](configuration.md).

`

// A page is the text so far.
type page struct{ strings.Builder }

func (p *page) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// Markdown gives the reference of a build that has these facts.
func Markdown(tables []action.FactTable) string {
	p := &page{}
	p.WriteString(head)
	p.contents()
	p.printf("## Blocks\n\n")
	language := shape.Language()
	for _, name := range order(language) {
		p.block(name, language.Blocks[name], "")
	}
	p.words(tables)
	p.facts(tables)
	p.functions(tables)
	p.presets()
	p.findings()
	return p.String()
}

func (p *page) contents() {
	for _, s := range []string{"Blocks", "Effects and postures", "Words", "Facts", "Functions", "Presets", "Findings of check"} {
		p.printf("- [%s](#%s)\n", s, strings.ReplaceAll(strings.ToLower(s), " ", "-"))
	}
	p.printf("\n")
}

// order lists the blocks: those that everybody needs first.
func order(s *shape.Shape) []string {
	first := []string{"service", "role", "rule", "secret", "approver", "judge", "price", "test", "gateway", "operators"}
	names := slices.Sorted(maps.Keys(s.Blocks))
	slices.SortStableFunc(names, func(a, b string) int { return place(first, a) - place(first, b) })
	return names
}

func place(list []string, name string) int {
	if i := slices.Index(list, name); i >= 0 {
		return i
	}
	return len(list)
}

// block writes one block, and those inside it below.
func (p *page) block(name string, s *shape.Shape, outer string) {
	label := ""
	if s.Labelled {
		label = ` "NAME"`
	}
	title, level := name+label, "###"
	if outer != "" {
		title, level = outer+" › "+name+label, "####"
	}
	p.printf("%s `%s`\n\n%s", level, title, s.Doc)
	if s.Host {
		p.printf(" Only somebody with a shell on the host may change it.")
	}
	p.printf("\n\n")
	if len(s.Attrs) > 0 {
		p.table("attribute", "type", "default", "")
		for _, a := range s.Attrs {
			p.row("`"+a.Name+"`", a.Type, a.Default, a.Doc)
		}
		p.printf("\n")
	}
	for _, inner := range slices.Sorted(maps.Keys(s.Blocks)) {
		in := name
		if outer != "" {
			in = outer + " › " + name
		}
		p.block(inner, s.Blocks[inner], in)
	}
}

func (p *page) table(columns ...string) {
	p.printf("| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

// row writes a line of a table; a stroke would begin a column.
func (p *page) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(strings.Join(strings.Fields(c), " "), "|", "\\|")
	}
	p.printf("| %s |\n", strings.Join(cells, " | "))
}

// words writes the vocabularies.
func (p *page) words(tables []action.FactTable) {
	p.printf("## Effects and postures\n\nWhat an action does, in one word on every protocol, and what each posture says of it where no rule speaks.\n\n")
	p.table(append([]string{"posture"}, action.EffectNames()...)...)
	for _, name := range []string{"guarded", "locked", "open"} {
		row := []string{"`" + name + "`"}
		for _, v := range posture.Table(name) {
			row = append(row, v.String())
		}
		p.row(row...)
	}
	p.printf("\n## Words\n\n")
	p.table("where", "words")
	p.row("`verdict`, `otherwise`", code("allow", "ask", "deny"))
	p.row("`effects`, `effect`", code(action.EffectNames()...))
	p.row("`methods`", code(vocab.Methods()...))
	p.row("`verbs`", code(vocab.Verbs()...))
	p.row("`as`", code(vocab.Readings()...))
	p.row("`limit`", "a number, `/`, and "+code("second", "minute", "hour", "day", "week"))
	p.row("durations", "`\"30s\"`, `\"10m\"`, `\"8h\"`, `\"90d\"`")
	p.row("sizes", "`\"16KiB\"`, `\"64MiB\"`, `\"1GiB\"`")
	p.row("times", "`\"2026-11-22T15:00:00Z\"`")
	p.row("`hours`", "`\"mon-fri 09:00-18:00 Europe/Berlin\"`; no zone is UTC")
	p.printf("\n")
}

func code(words ...string) string { return "`" + strings.Join(words, "` `") + "`" }

// facts writes the facts that conditions may read.
func (p *page) facts(tables []action.FactTable) {
	p.printf("## Facts\n\nFor `when` and `unless`. Where a fact has a *key*, it is read as `NAME.key` or `NAME[\"key\"]`.\n\n")
	protocol := "-"
	all := cond.NewSchema(tables...).Facts()
	slices.SortStableFunc(all, func(a, b cond.Fact) int { return strings.Compare(a.Protocol, b.Protocol) })
	for _, f := range all {
		if f.Protocol != protocol {
			protocol = f.Protocol
			title := "Actions of " + protocol
			if protocol == "" {
				title = "Every action"
			}
			p.printf("### %s\n\n", title)
			p.table("fact", "type", "")
		}
		p.row("`"+f.Name+"`", kind(f), sentence(f.Doc)+opened(tables, f))
		if i := slices.IndexFunc(all, func(o cond.Fact) bool { return o.Name == f.Name }); i+1 == len(all) || all[i+1].Protocol != protocol {
			p.printf("\n")
		}
	}
}

func kind(f cond.Fact) string {
	if f.Keyed {
		return f.Type + ", with a key"
	}
	return f.Type
}

func sentence(doc string) string {
	if doc == "" {
		return doc
	}
	doc = strings.ToUpper(doc[:1]) + doc[1:]
	return strings.TrimSuffix(doc, ".") + "."
}

// opened says which operations open a fact, and what it costs.
func opened(tables []action.FactTable, f cond.Fact) string {
	out := ""
	for i := range tables {
		t := &tables[i]
		if t.Protocol != f.Protocol {
			continue
		}
		var by []string
		for bit, r := range t.Readings {
			if t.ReadingsOf(f.Name)&(1<<bit) != 0 {
				by = append(by, r.Name)
			}
		}
		if len(by) > 0 {
			out += " There where an operation says `as` = " + code(by...) + "."
		}
		for _, spec := range t.Facts {
			if spec.Name == f.Name && spec.Cost != 0 && t.Protocol == "http" {
				out += " Holds the request until its body is read."
			}
		}
	}
	return out
}

func (p *page) functions(tables []action.FactTable) {
	p.printf("## Functions\n\nBeside the operators `&& || ! == != < <= > >= + - * / %%`, `? :`, indexing, `\"…${…}…\"` and `[for x in list : … if …]`.\n\n")
	p.table("function", "gives")
	for _, f := range cond.NewSchema(tables...).Functions() {
		p.row("`"+f.Usage+"`", f.Doc)
	}
	p.printf("\n")
}

// presets writes the services that the program knows.
func (p *page) presets() {
	p.printf("## Presets\n\n`sallyport presets show NAME` prints one.\n\n")
	p.table("preset", "")
	for _, name := range presets.List() {
		text, _ := presets.Get(name)
		p.row("`"+name+"`", about(string(text)))
	}
	p.printf("\n")
}

// about is what a preset says of itself, and what it leaves to the block.
func about(text string) string {
	said, hosts := "", false
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch strings.TrimSpace(name) {
		case "description":
			said = sentence(strings.Trim(strings.TrimSpace(value), `"`))
		case "hosts":
			hosts = true
		}
	}
	if !hosts {
		said += " State its hosts."
	}
	return said
}

func (p *page) findings() {
	p.printf("## Findings of check\n\nNone keeps a configuration from being taken. One is silenced where it stands, at the end of the line or above it, above a block for the whole block:\n`# %s: the new one is on trial`.\n\n", "sallyport:ignore "+string(finding.Covered))
	p.table("finding", "")
	for _, k := range finding.Kinds() {
		p.row("`"+string(k.ID)+"`", k.Doc)
	}
}
