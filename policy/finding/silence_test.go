package finding

import (
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// at gives the place of the first text in src.
func at(t *testing.T, src, text string) hcl.Range {
	t.Helper()
	i := strings.Index(src, text)
	if i < 0 {
		t.Fatalf("%q is not there", text)
	}
	start := hcl.Pos{Line: 1 + strings.Count(src[:i], "\n"), Column: i - strings.LastIndexByte(src[:i], '\n'), Byte: i}
	end := start
	end.Byte, end.Column = start.Byte+len(text), start.Column+len(text)
	return hcl.Range{Filename: "x.hcl", Start: start, End: end}
}

func TestSilence(t *testing.T) {
	src := `
# sallyport:ignore covered-rule, unreachable-rule: the new one is on trial
rule "a" {
  on    = "*"
  paths = ["/x"] # sallyport:ignore impossible-path: they spell it so
  hosts = ["h"]
}
// sallyport:ignore unused-secret: it is for the other host
secret "s" {}
# sallyport:ignore unused-service
service "one" {}
# sallyport:ignore unused-servise: typo
service "two" {}
# sallyport:ignore unused-service: nothing is wrong here
service "three" {}
# sallyport:ignore : no word
/* sallyport:ignore unused-secret: at the end */
`
	files := &source.Files{HCL: map[string]*hcl.File{}}
	if _, diags := files.Parse([]byte(src), "x.hcl"); diags.HasErrors() {
		t.Fatal(diags)
	}
	got := Silence(files, hcl.Diagnostics{
		New(Covered, at(t, src, `rule "a"`), "silenced"),
		New(Unreachable, at(t, src, `["h"]`), "silenced, inside the block"),
		New(Duplicate, at(t, src, `rule "a"`), "another kind"),
		New(ImpossiblePath, at(t, src, `["/x"]`), "silenced"),
		New(ImpossiblePath, at(t, src, `["h"]`), "on another line"),
		New(UnusedSecret, at(t, src, `secret "s"`), "silenced"),
		New(UnusedService, at(t, src, `service "one"`), "without a reason"),
		New(UnusedService, at(t, src, `service "two"`), "misspelt"),
		New(Empty, hcl.Range{}, "of no place"),
		{Severity: hcl.DiagError, Summary: "an error", Subject: at(t, src, `rule "a"`).Ptr()},
	})
	var told []string
	for _, d := range got {
		told = append(told, string(Of(d))+" "+d.Detail+d.Summary)
	}
	slices.Sort(told)
	text := strings.Join(told, "\n")
	for _, want := range []string{"another kind", "on another line", "without a reason", "misspelt", "of no place", "an error", `did you mean "unused-service"?`, "Say why", "Name what to silence", "unused-ignore There is no finding unused-service here", "unused-ignore There is no finding unused-secret here"} {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			t.Errorf("%q is not told:\n%s", want, text)
		}
	}
	if strings.Contains(text, "silenced") || len(told) != 11 {
		t.Errorf("%d are told:\n%s", len(told), text)
	}
}

func TestEveryKindIsOneWordAndDocumented(t *testing.T) {
	seen := map[ID]bool{}
	for _, k := range Kinds() {
		if seen[k.ID] || k.Doc == "" || k.Summary == "" || strings.ToLower(string(k.ID)) != string(k.ID) || strings.ContainsAny(string(k.ID), " _,:") {
			t.Errorf("%+v", k)
		}
		seen[k.ID] = true
	}
	if d := New(Covered, hcl.Range{Filename: "x"}, "a %d", 1); Of(d) != Covered || d.Detail != "a 1" || d.Severity != hcl.DiagWarning {
		t.Errorf("%+v", d)
	}
	if Of(&hcl.Diagnostic{}) != "" {
		t.Error("an error is a finding")
	}
}

// No text makes the reading of comments fail.
func FuzzSilence(f *testing.F) {
	f.Add("# sallyport:ignore covered-rule: x\nrule \"a\" {}\n")
	f.Add("a = 1 # sallyport:ignore covered-rule\n/* sallyport:ignore ,,: */")
	f.Fuzz(func(t *testing.T, src string) {
		file, _ := hclsyntax.ParseConfig([]byte(src), "x.hcl", hcl.InitialPos)
		if file != nil {
			Silence(&source.Files{HCL: map[string]*hcl.File{"x.hcl": file}}, nil)
		}
	})
}
