package trial

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The place of a mistake in SQL is shown in the file that states it.
func TestPoint(t *testing.T) {
	for name, tt := range map[string]struct {
		file string
		sql  string
		char int
		want string // what the range covers
	}{
		"in quotes":            {`sql = "SELEC 1"`, "SELEC 1", 1, "SELEC"},
		"behind something":     {`sql = "SELECT 1 FRM t"`, "SELECT 1 FRM t", 10, "FRM"},
		"no word":              {`sql = "SELECT )"`, "SELECT )", 8, ")"},
		"the end":              {`sql = "SELECT ("`, "SELECT (", 9, ""},
		"a heredoc":            {"sql = <<Q\nSELECT 1,\n  FROM x\nQ\n", "SELECT 1,\n  FROM x\n", 13, "FROM"},
		"an indented heredoc":  {"sql = <<-Q\n    SELECT 1,\n      FROM x\n    Q\n", "SELECT 1,\n  FROM x\n", 13, "FROM"},
		"not ASCII":            {"sql = \"SELECT 'äö' FRM t\"", "SELECT 'äö' FRM t", 13, "FRM"},
		"something escaped":    {`sql = "SELECT \"a\" FRM t"`, `SELECT "a" FRM t`, 12, "block"},
		"lines that are words": {`sql = "SELECT 1,\n FROM x"`, "SELECT 1,\n FROM x", 12, "block"},
		"no place":             {`sql = "SELEC 1"`, "SELEC 1", 0, "block"},
	} {
		t.Run(name, func(t *testing.T) {
			f, diags := hclsyntax.ParseConfig([]byte(tt.file), "x.hcl", hcl.InitialPos)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			attrs, _ := f.Body.JustAttributes()
			block := hcl.Range{Filename: "block"}
			r := Result{Range: block, SQL: attrs["sql"].Expr.Range()}
			if tt.char > 0 {
				s := action.SpotOf(tt.sql, tt.char)
				r.Wrong = &s
			}
			got := r.Point([]byte(tt.file))
			text := got.Filename
			if got != block {
				text = tt.file[got.Start.Byte:got.End.Byte]
			}
			if text != tt.want {
				t.Errorf("it points at %q (%v), want %q", text, got, tt.want)
			}
			if got == block {
				return
			}
			before := tt.file[:got.Start.Byte]
			line := strings.Count(before, "\n") + 1
			column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
			if got.Start.Line != line || got.Start.Column != column {
				t.Errorf("it says %d:%d, want %d:%d", got.Start.Line, got.Start.Column, line, column)
			}
		})
	}
}

// No text and no place make it look beyond the file.
func FuzzPoint(f *testing.F) {
	f.Add("sql = \"SELECT\"", 6, 14, 3, "SELECT")
	f.Add("a\nb\nc", 0, 5, 9, "b\n")
	f.Fuzz(func(t *testing.T, file string, from, to, char int, sql string) {
		s := action.SpotOf(sql, char)
		r := Result{Wrong: &s, SQL: hcl.Range{Filename: "x", Start: hcl.Pos{Byte: from}, End: hcl.Pos{Byte: to}}}
		if from < 0 {
			return
		}
		if got := r.Point([]byte(file)); got.Start.Byte < 0 || got.Start.Byte > got.End.Byte {
			t.Errorf("%v", got)
		}
	})
}
