package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

// What the flags do stands in one column, whatever letters their values have.
func TestUsagesAreAligned(t *testing.T) {
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	flags.String("by", "", "says `WORD,…` of what…")
	flags.String("long-name", "", "says `NAME`")
	column := -1
	for line := range strings.Lines(usages(flags)) {
		at := strings.Index(line, "says ")
		if at < 0 {
			t.Fatalf("%q", line)
		}
		at = utf8.RuneCountInString(line[:at])
		if column >= 0 && at != column {
			t.Errorf("%q begins at %d, another at %d", line, at, column)
		} else {
			column = at
		}
	}
}
