package edit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/literal"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

const around = `gateway {
  wireguard {}
}

# above
rule "before" {
  on      = "*"
  verdict = "deny"
} # behind
/* between */
rule "after" {
  on      = "*"
  verdict = "deny"
}
`

// harmless checks what an edit made of values that somebody chose: either nothing,
// or one block whose values are those very strings, among others that are as they
// were.
func harmless(t *testing.T, name, value, key, ref, expr string) {
	t.Helper()
	was := &Texts{dir: "/x", path: "/x", files: map[string]string{"a.hcl": around}, fixed: map[string]string{}}
	b := &action.Block{Attributes: map[string]any{
		"on": "*", "reason": value, "methods": []any{value, "GET"}, "headers": map[string]any{"object": map[string]any{key: value}},
	}}
	if ref != "" {
		b.Attributes["roles"] = map[string]any{"ref": ref}
	}
	if expr != "" {
		b.Attributes["when"] = map[string]any{"expr": expr}
	}
	for _, e := range []action.Edit{
		{Op: "add", Kind: "rule", Name: name, Block: b},
		{Op: "replace", Kind: "rule", Name: "before", Block: b},
		{Op: "add", Kind: "secret", Name: name},
		{Op: "add", Kind: "rule", Name: "new", HCL: value},
		{Op: "add", Kind: "rule", Name: "new", HCL: "rule \"new\" {\n  when = " + expr + "\n}"},
	} {
		is, _, err := was.apply(e)
		if err != nil {
			continue
		}
		text := is.files["a.hcl"]
		list, diags := scan("a.hcl", text)
		if diags.HasErrors() {
			t.Fatalf("%+v made what is no HCL: %v\n%s", e, diags, text)
		}
		others := 0
		for _, s := range list {
			switch {
			case s.kind == e.Kind && s.name == e.Name:
			case !strings.Contains(around, text[s.lead:s.end]):
				t.Fatalf("%+v made or changed %s\n%s", e, s.title(), text)
			default:
				others++
			}
		}
		if want := 3 - len(list) + others; others+1 != len(list) || e.Op == "add" && want != 2 {
			t.Fatalf("%+v: of %d blocks %d are others\n%s", e, len(list), others, text)
		}
		if e.Block != nil {
			said(t, text, e, value, expr != "")
		}
	}
}

// said checks that the values of a block are the strings that were given.
func said(t *testing.T, text string, e action.Edit, value string, when bool) {
	t.Helper()
	body, _ := (&source.Files{HCL: map[string]*hcl.File{}}).Parse([]byte(text), "a.hcl")
	for _, b := range body.Blocks {
		if b.Type != e.Kind || len(b.Labels) != 1 || b.Labels[0] != e.Name {
			continue
		}
		if len(b.Body.Blocks) != 0 || len(b.Body.Attributes) > 6 {
			t.Fatalf("%d blocks and %d attributes stand in it\n%s", len(b.Body.Blocks), len(b.Body.Attributes), text)
		}
		if _, stands := b.Body.Attributes["when"]; stands != when {
			t.Fatalf("a condition that nobody wrote, or none\n%s", text)
		}
		got, ok := literal.Constant(b.Body.Attributes["reason"].Expr)
		if want := cty.StringVal(value); !ok || !got.RawEquals(want) {
			t.Fatalf("%q became %#v\n%s", value, got, text)
		}
		return
	}
	t.Fatalf("no %s %q\n%s", e.Kind, e.Name, text)
}

// payloads are values that would be syntax if they were text.
func payloads() []string {
	return []string{
		"", "x", `"`, `\`, `\"`, `\\"`, "\n", "\r\n", "\x00", "}", "{", "\"\n}\ngateway {\n}\n", "x\" {\n}\nsecret \"y\" {\n  env = \"HOME\"\n}\nrule \"z",
		"${secret.x}", "$${", "$$${x}", "%{ if true }x%{ endif }", "%%{", "$", "%", "${", "%{", "$\"{", "${file(\"/etc/shadow\")}",
		"#", "# x", "//", "/*", "*/", "/* x */", "<<EOT\nx\nEOT\n", "<<-E\n${x}\nE", "true\n}\nrule \"b\" {", "1 # c", "(1", "1)", "[", "]", "a.b", "role.x",
		"role.\"x\"", "role.x\n}", "e\u0301", "\u202e", "\ufeff", "\u2028", "\u0085", "\U0001f600", "\xff", "caf\xc3", strings.Repeat("a", 300), strings.Repeat("(", 300),
		strings.Repeat("[", 5000), "http.size > 10 &&\n  true", "x == \"}\"", "\"${\"${\"${1}\"}\"}\"", "provider::x()", "a...", "each = 1", "null", "-", "!", "~", "`", "\u00a0",
		"rule \"new\" {\n}", "rule \"new\" {\n}\n# x", "rule \"new\" {\n}\n/*", "rule \"new\" {}\ngateway {}", "gateway {\n}", "rule new {\n}", "rule \"new\" \"x\" {\n}",
		"secret \"new\" {\n  env = \"HOME\"\n}", "# rule\nrule \"new\" {\n  on = \"*\"\n}", "x = 1", "rule \"new\" {\n  when = <<E\n}\nE\n}", "\"\"\"", "'", "''", ";", "\t", "\v", "\f", "\x1b[31m",
	}
}

// TestT48_AValueIsNoSyntax puts what would be syntax into every place that a value
// can stand in, alone and in random pieces.
func TestT48_AValueIsNoSyntax(t *testing.T) {
	list := payloads()
	for _, p := range list {
		harmless(t, p, p, p, p, p)
		harmless(t, "quiet", p, "k", "role.x", "true")
		harmless(t, p, "v", p, "", "")
	}
	random := rand.New(rand.NewPCG(48, 48))
	piece := func() string {
		var b strings.Builder
		for range 1 + random.IntN(4) {
			p := list[random.IntN(len(list))]
			if len(p) > 64 {
				p = p[:64]
			}
			b.WriteString(p)
		}
		return b.String()
	}
	for range 300 {
		harmless(t, piece(), piece(), piece(), piece(), piece())
	}
}

func FuzzValues(f *testing.F) {
	for _, p := range payloads() {
		f.Add(p, p, p, p, p)
		f.Add("n", p, "k", "role.x", "true")
	}
	f.Fuzz(func(t *testing.T, name, value, key, ref, expr string) {
		if len(name)+len(value)+len(key)+len(ref)+len(expr) < 1<<16 {
			harmless(t, name, value, key, ref, expr)
		}
	})
}

// Foreign files are cut at the right places, whatever they hold: what is taken out
// and put back is what was there.
func FuzzScan(f *testing.F) {
	f.Add(around)
	f.Add("a {}\r\n\r\n# x\r\nb {\r\n}\r\n")
	f.Add("/* # */ # x\na {\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, diags := scan("a.hcl", text)
		if diags.HasErrors() {
			return
		}
		last := 0
		for _, s := range list {
			if s.lead < last || s.start < s.lead || s.end < s.start || s.over < s.end || s.over > len(text) {
				t.Fatalf("%+v", s)
			}
			last = s.end
		}
		if utf8.ValidString(text) && units(text) > 2*len(text) {
			t.Fatal("more units than bytes")
		}
	})
}

// TestT48_NoEditReadsWhatTheHostKeeps tries to bring the content of a file to light
// by naming it where a message or a reason would tell it.
func TestT48_NoEditReadsWhatTheHostKeeps(t *testing.T) {
	dir := directory(t, map[string]string{
		"a.hcl": strings.Replace(small, "gateway {", "secret \"x\" {\n  file = \"token\"\n}\n\ngateway {\n  state_dir = \"state\"", 1),
		"token": "sesame", "note.txt": "allowed", "prompt.md": "read", "b.hcl": "rule \"b\" {\n  on      = \"*\"\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n  reason  = file(\"prompt.md\")\n}\n",
	})
	for _, sub := range []string{"state", "own"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, sub, "key"), []byte("sesame"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("token", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	e := editor(dir)
	e.Private = []string{filepath.Join(dir, "own")}
	no := errors.New("only an admin")
	permit := func([]action.Guarded) error { return no }
	for name, tt := range map[string]struct {
		file string
		want error // nil: refused for everybody
	}{
		"a secret's file": {"token", nil}, "by another name": {"./own/../token", nil}, "through a link": {"link", nil},
		"of the state": {"state/key", nil}, "what is private": {"own/key", nil}, "a file that is new": {"note.txt", no},
	} {
		for _, text := range []string{
			"rule \"x\" {\n  on = \"*\"\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n  reason = file(%q)\n}",
			"rule \"x\" {\n  on = \"*\"\n  verdict = file(%q)\n}",
			"rule \"x\" {\n  on = [(file(%q))]\n  verdict = \"deny\"\n}",
		} {
			d := action.Draft{Edits: []action.Edit{{Op: "add", Kind: "rule", Name: "x", HCL: fmt.Sprintf(text, tt.file)}}}
			whole := action.Draft{Files: map[string]string{"c.hcl": fmt.Sprintf(text, tt.file) + "\nrule \"half"}}
			for _, d := range []action.Draft{d, whole} {
				p, err := e.Preview(t.Context(), d, permit)
				if _, _, aerr := e.Apply(t.Context(), Change{Draft: d, Base: e.revision(t), Permit: permit}); aerr == nil || aerr.Error() != err.Error() {
					t.Errorf("%s: preview says %v, apply %v", name, err, aerr)
				}
				if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && status(err) != http.StatusBadRequest || len(p.Findings) > 0 {
					t.Errorf("%s: %v, %+v", name, err, p)
				}
			}
		}
	}
	d := action.Draft{Edits: []action.Edit{{Op: "replace", Kind: "rule", Name: "one", HCL: "rule \"one\" {\n  on = [service.github]\n  methods = [\"DELETE\"]\n  verdict = \"deny\"\n  reason = file(\"prompt.md\")\n}"}}}
	if p, err := e.Preview(t.Context(), d, permit); err != nil || !p.OK || len(p.Guarded) > 0 {
		t.Errorf("what is read already: %v %+v", err, p)
	}
}
