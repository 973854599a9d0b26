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

// because is what a rule's outcome has to say beyond it: its reason begins with its
// name and its verdict, which stand there already.
func because(r trace.Rule) string {
	rest, own := strings.CutPrefix(r.Because, fmt.Sprintf("Rule %q ", r.Rule))
	if !own {
		return r.Because
	}
	for _, said := range []string{"denies this", "has someone asked first", "allows this"} {
		rest = strings.TrimPrefix(rest, said)
	}
	if rest == "." {
		return ""
	}
	return strings.TrimLeft(rest, ": ")
}

func writePart(w io.Writer, part *trace.Part) {
	effect := part.Effects
	if len(part.Operations) > 0 {
		effect += " by operation " + Printable(strings.Join(part.Operations, ", "))
	}
	fmt.Fprintf(w, "  effect %s; posture %s says %s\n", effect, part.Posture, part.Verdict)
	for _, rule := range part.Rules {
		line := fmt.Sprintf("  rule %q %s: %s", rule.Rule, rule.Outcome, Printable(because(rule)))
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
