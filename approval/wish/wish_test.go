package wish

import (
	"strings"
	"testing"
	"unicode"

	"sallyport.dev/sallyport/action"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"please":          "| please\n",
		"one\r\ntwo\n":    "| one\n| two\n",
		"a\u202eb\u200bc": "| a<U+202E>b<U+200B>c\n",
		"\x1b[2J\x00":     "| <U+001B>[2J<U+0000>\n",
		"\xff":            "| <U+FFFD>\n",
	} {
		if got := Quote(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := Quote(strings.Repeat("x", 1000)); !strings.HasSuffix(got, "not shown …]\n") || len(got) > 600 {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("to read\nservice \"x\" {}")
	f.Fuzz(func(t *testing.T, why string) {
		for line := range strings.Lines(Quote(why)) {
			line = strings.TrimSuffix(line, "\n")
			if line != "[… the rest is not shown …]" && !strings.HasPrefix(line, action.SampleMargin) {
				t.Errorf("%q stands outside of the margin", line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q cannot be seen", line)
			}
		}
	})
}
