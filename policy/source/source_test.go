package source

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

func TestInsideStaysInside(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf")
	if err := os.MkdirAll(filepath.Join(conf, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"secret": "no", "conf/ok.md": "yes", "conf/sub/ok.md": "yes"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(conf, "link")); err != nil {
		t.Fatal(err)
	}
	f := &Files{Dir: conf}
	for _, name := range []string{"ok.md", "sub/ok.md", "sub/../ok.md"} {
		if b, err := f.Inside(name); err != nil || string(b) != "yes" {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
	for _, name := range []string{"../secret", "link", filepath.Join(dir, "secret"), "sub/../../secret", "nothing", "sub", ""} {
		if b, err := f.Inside(name); err == nil {
			t.Errorf("%s: %q", name, b)
		}
	}
	if got := f.Paths(); len(got) < 3 {
		t.Errorf("what was read is not told: %v", got)
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"posture", "protocol", "hosts"}
	for got, want := range map[string]string{"postrue": "posture", "Hosts": "hosts", "prtocol": "protocol", "zebra": "", "": ""} {
		text := DidYouMean(got, known)
		if want == "" && text != "" || want != "" && !strings.Contains(text, `"`+want+`"`) {
			t.Errorf("%q: %q", got, text)
		}
	}
	if got := Enumerate([]string{"a", "b", "c"}); got != `"a", "b" or "c"` {
		t.Error(got)
	}
}

// What stands in a file must not steer the terminal that shows it.
func TestWriteIsSafeForATerminal(t *testing.T) {
	f := &Files{HCL: map[string]*hcl.File{"x": {Bytes: []byte("a = \x1b[31m\u009b31m\r\tb\nlast")}}}
	var diags hcl.Diagnostics
	for _, at := range []hcl.Range{
		{Filename: "x", Start: hcl.Pos{Line: 1, Column: 1}, End: hcl.Pos{Line: 1, Column: 2, Byte: 1}},
		{Filename: "x", Start: hcl.Pos{Line: 1, Column: 1, Byte: 2}, End: hcl.Pos{Line: 2, Column: 3, Byte: 20}},
		{Filename: "x", Start: hcl.Pos{Line: 9, Column: 1, Byte: 900}, End: hcl.Pos{Line: 9, Column: 3, Byte: 902}},
		{Filename: "gone", Start: hcl.InitialPos, End: hcl.InitialPos},
	} {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Bad\x07", Detail: "one\ntwo\x1b]0;x", Subject: at.Ptr()})
	}
	diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "No place", Detail: "."})
	var b bytes.Buffer
	if err := Write(&b, f, diags, false); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\x07\r\u009b") {
		t.Errorf("it does: %q", b.String())
	}
	if !strings.Contains(b.String(), "Warning: No place") || strings.Count(b.String(), "^") < 2 {
		t.Errorf("it lacks something:\n%s", b.String())
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a { b = [1, 2] }"))
	f.Add([]byte(`a = "${b[0].c}"`))
	f.Fuzz(func(t *testing.T, src []byte) {
		files := &Files{HCL: map[string]*hcl.File{}}
		if body, diags := files.Parse(src, "x"); body == nil && !diags.HasErrors() {
			t.Error("neither a body nor an error")
		}
	})
}

// An overlay is what the files would be: changed, new and gone.
func TestReadUnderAnOverlay(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.hcl": "a {}\n", "b.hcl": "b {}\n", "note.md": "no"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kinds := func(path string, over Overlay) (list []string) {
		_, bodies, diags := Read(path, over)
		if diags.HasErrors() {
			return []string{diags.Error()}
		}
		for _, body := range bodies {
			for _, b := range body.Blocks {
				list = append(list, b.Type)
			}
		}
		return list
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, tt := range map[string]struct {
		path string
		over Overlay
		want string
	}{
		"none":                 {dir, nil, "a b"},
		"changed":              {dir, Overlay{at("a.hcl"): []byte("x {}\n")}, "x b"},
		"new and gone":         {dir, Overlay{at("c.hcl"): []byte("c {}\n"), at("b.hcl"): nil}, "a c"},
		"elsewhere":            {dir, Overlay{"/elsewhere/c.hcl": []byte("c {}\n")}, "a b"},
		"a single file":        {at("b.hcl"), Overlay{at("b.hcl"): []byte("y {}\n"), at("c.hcl"): []byte("c {}\n")}, "y"},
		"emptied, to the byte": {dir, Overlay{at("a.hcl"): []byte("")}, "b"},
	} {
		if got := strings.Join(kinds(tt.path, tt.over), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
