package hearsay

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWhatAServerSays(t *testing.T) {
	same := func(f func(string) string, list ...string) {
		t.Helper()
		for _, s := range list {
			if got := f(s); got != s {
				t.Errorf("%q became %q", s, got)
			}
		}
	}
	unclear := func(f func(string) string, list ...string) {
		t.Helper()
		for _, s := range list {
			if got := f(s); got != Unclear {
				t.Errorf("%q is taken for %q", s, got)
			}
		}
	}
	same(Code, "42501", "00000", "XX000", "HV00L")
	unclear(Code, "", "4250", "425011", "4250\n", "4250é", "\x1b[31m", "42p01")
	same(Tag, "SELECT 3", "INSERT 0 18446744073709551615", "CREATE TABLE AS", "ALTER TEXT SEARCH CONFIGURATION", "BEGIN", "COPY 7", "DISCARD ALL", "REFRESH MATERIALIZED VIEW")
	unclear(Tag, "", "select 3", "SELECT  3", "SELECT 3 x", "3", "SELECT 1 2 3", "SELECT\x1b[2J", "SELECT 3\nDROP", "SELECT é", strings.Repeat("A", 17), strings.Repeat("A ", 20)+"A", "hunter2", "SELECT "+strings.Repeat("1", 21))
	same(func(s string) string { return Line(s, nil) }, "duplicate key value violates unique constraint \"x\"", "Schlüssel fehlt")
	if got := Line("a\r\nb\x1b[31mc\u202ed\xff\x00", nil); got != "a  b [31mc d  " {
		t.Errorf("%q", got)
	}
	if got := Line(strings.Repeat("ü", 1000), nil); len(got) > maxLine+3 || !utf8.ValidString(got) {
		t.Errorf("%d bytes, valid %t", len(got), utf8.ValidString(got))
	}
}

// Whatever a server says stays on its line, is bounded and means itself.
func FuzzHearsay(f *testing.F) {
	for _, s := range []string{"SELECT 3", "42501", "a\nb", "\x1b[2J", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{Code(s), Tag(s), Line(s, nil)} {
			if len(got) > maxLine+3 || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b") {
				t.Errorf("%q became %q", s, got)
			}
		}
		if got := Tag(s); got != s && got != Unclear {
			t.Errorf("%q became %q", s, got)
		}
	})
}
