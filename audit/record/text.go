package record

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Needle gives text as it stands inside a record's body.
func Needle(text string) string {
	b, err := marshal(text)
	if err != nil {
		return text
	}
	return string(b[1 : len(b)-1])
}

// Clean makes s safe for a terminal and for one line: what moves the cursor,
// changes colours, hides or turns text around is shown escaped.
func Clean(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unprintable includes the replacement character: it stands where no UTF-8 was.
func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }

// Line gives r as one line of a log for people.
func (r *Record) Line() string {
	who := r.Agent.Name
	if who == "" {
		who = "-"
	}
	line := fmt.Sprintf("%s  %-5s  %s  %s  %s", r.Time.UTC().Format(time.RFC3339), r.Verdict, who, r.Service, r.Summary)
	if r.Rule != "" {
		line += "  rule " + r.Rule
	}
	switch r.Outcome {
	case Done, Failed, Lost:
		line += "  " + strings.TrimSpace(r.Outcome+" "+r.Status)
	}
	if r.Verdict != "allow" && r.Reason != "" {
		line += "  (" + r.Reason + ")"
	}
	return Clean(line)
}
