// Package wish writes what an agent says for people to read, so that it can pass for
// nothing else.
package wish

import (
	"fmt"
	"strings"
	"unicode"

	"sallyport.dev/sallyport/action"
)

const maxWhy = 500 // characters

// Quote writes what an agent says behind the margin, every mark visible.
func Quote(why string) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(why) {
		b.WriteString(action.SampleMargin)
		for _, r := range strings.TrimRight(line, "\r\n") {
			if n++; n > maxWhy {
				b.WriteString("\n[… the rest is not shown …]\n")
				return b.String()
			}
			if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
				fmt.Fprintf(&b, "<U+%04X>", r)
				continue
			}
			b.WriteRune(r)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
