//go:build cgo

package sql

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

var update = flag.Bool("update", false, "rewrite testdata/statements.txt with what the code says now; read the difference")

// confirmed is a session whose encoding and strings the server has confirmed.
func confirmed() *Session {
	return &Session{Conversation: &Conversation{Database: "app", User: "agent"}, StandardStrings: true, UTF8: true, Major: 15}
}

// TestStatements reads testdata/statements.txt: a statement, and below it,
// indented, what is known of each part of it. What is not stated is empty;
// has_where is stated when it is false.
func TestStatements(t *testing.T) {
	const file = "testdata/statements.txt"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := New(0)
	var out strings.Builder
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		text := lines[i]
		fmt.Fprintln(&out, text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		at := i + 1
		var want []string
		for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "\t") {
			i++
			want = append(want, lines[i])
		}
		got := describe(a, text)
		fmt.Fprintln(&out, strings.Join(got, "\n"))
		if strings.Join(got, "\n") != strings.Join(want, "\n") && !*update {
			t.Errorf("%s:%d: %s\n got %s\nwant %s", file, at, text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func describe(a *Analyzer, text string) []string {
	parts, err := a.Parse(text, confirmed())
	if err != nil {
		return []string{"\terror=" + err.Error()}
	}
	var lines []string
	for _, p := range parts {
		lines = append(lines, "\t"+describePart(p))
	}
	return lines
}

func describePart(p action.Part) string {
	f := p.Facts.(*Facts)
	out := []string{strings.Join(f.Verbs, ","), "(" + p.Effects.String() + ")"}
	list := func(name string, v []string) {
		if len(v) > 0 {
			out = append(out, name+"="+strings.Join(v, ","))
		}
	}
	flag := func(name string, on bool) {
		if on {
			out = append(out, name)
		}
	}
	flag("control", p.Control)
	flag("opaque", f.Opaque)
	flag("unbound", !f.HasWhere)
	list("reads", f.Reads)
	list("writes", f.Writes)
	list("columns", f.Columns)
	list("functions", f.Functions)
	list("settings", f.Settings)
	flag("limit="+string(f.Limit), f.Limit != "")
	flag("readwrite", f.ReadWrite)
	flag("prepares="+f.Prepares, f.Prepares != "")
	flag("executes="+f.Executes, f.Executes != "")
	flag("deallocates="+f.Deallocates, f.Deallocates != "")
	flag("copyin", f.CopyIn)
	flag("copyout", f.CopyOut)
	if all := union(f.Reads, f.Writes); len(all) != len(f.Tables) {
		list("tables", f.Tables)
	}
	return strings.Join(out, " ")
}
