package statement

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

func part(e action.Effects, s sql.Shape) []action.Part {
	return []action.Part{{Effects: e, Facts: &sql.Facts{Shape: &s, Text: "text"}}}
}

func TestSummary(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT 1":          "SELECT 1",
		"SELECT\n\t 1\r\n":  "SELECT⏎ 1",
		"SELECT '\xff\xfe'": `SELECT '\xff\xfe'`,
		"a --\n OR true":    "a --⏎ OR true",
		"a --\rOR true":     "a --⏎ OR true",
		"a\tb  c":           "a b  c",
		"a\u202eb\x1b[2K":   `a\u202eb\x1b[2K`,
		"é":                 "é",
	} {
		if got := Summary(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if got := Summary(strings.Repeat("é", 1000)); len(got) > action.MaxSummary || !utf8.ValidString(got) {
		t.Errorf("%d bytes", len(got))
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"a": `"a"`, `a"b`: `"a""b"`, "": `""`, `"; DROP`: `"""; DROP"`} {
		if got := Quote(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestT40_TheDigestIsOfTextAndValues(t *testing.T) {
	one := part(action.EffectRead, sql.Shape{})
	other := []action.Part{{Facts: &sql.Facts{Shape: &sql.Shape{}, Text: "another"}}}
	base := string(Digest(one, nil, []byte("bind")))
	if string(Digest(one, nil, []byte("bind"))) != base {
		t.Error("it is not the same for the same")
	}
	if string(Digest(other, nil, []byte("bind"))) == base || string(Digest(one, nil, []byte("bind!"))) == base {
		t.Error("it is the same for another")
	}
}

func TestWithParamsChangesACopy(t *testing.T) {
	parts := part(action.EffectRead, sql.Shape{MaxParam: 1})
	got := WithParams(parts, []string{"v"})
	if parts[0].Facts.(*sql.Facts).Params != nil || got[0].Facts.(*sql.Facts).Params[0] != "v" {
		t.Error("the wrong one was changed")
	}
}
