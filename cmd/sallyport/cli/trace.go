package cli

import (
	"fmt"
	"io"
	"strings"

	"sallyport.dev/sallyport/policy/rules/trace"
)

// WriteTrace tells how each part of an action was judged.
func WriteTrace(w io.Writer, parts []trace.Part) {
	for i := range parts {
		writePart(w, &parts[i])
	}
}

func writePart(w io.Writer, part *trace.Part) {
	effect := part.Effects
	if len(part.Operations) > 0 {
		effect += " by operation " + Printable(strings.Join(part.Operations, ", "))
	}
	fmt.Fprintf(w, "  effect %s; posture %s says %s\n", effect, part.Posture, part.Verdict)
	for _, rule := range part.Rules {
		line := fmt.Sprintf("  rule %q %s: %s", rule.Rule, rule.Outcome, Printable(rule.Because))
		fmt.Fprintln(w, strings.TrimRight(line, ": "))
		for _, c := range rule.Checks {
			line := fmt.Sprintf("  %s  %s = %s  %s", strings.Repeat("  ", c.Depth+1), Printable(c.What), Printable(c.Value), c.Matches)
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	}
	if part.More > 0 {
		fmt.Fprintf(w, "  and %s that the record has no room for\n", Count(part.More, "rule"))
	}
}
