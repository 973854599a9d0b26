package statement

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

// newline stands in a summary for the end of a line: what follows it may be
// outside of a comment that seems to swallow it.
const newline = "⏎"

// Summary gives a text as one line for people. What it leaves out it marks.
func Summary(text string) string { return summary(text, "") }

// SummaryOf gives a message as one line for people: its first statement, and how
// many more there are.
func SummaryOf(text string, parts []action.Part) string {
	if len(parts) < 2 {
		return Summary(text)
	}
	if f, ok := parts[0].Facts.(*sql.Facts); ok {
		text = f.Text
	}
	plural := "s"
	if len(parts) == 2 {
		plural = ""
	}
	return summary(text, fmt.Sprintf(" (+%d more statement%s)", len(parts)-1, plural))
}

func summary(text, more string) string {
	room := action.MaxSummary - len(more)
	if more == "" && len(text) <= room && simple(text) {
		return text
	}
	var b strings.Builder
	text = strings.TrimSpace(text)
	for len(text) > 0 {
		piece, rest := summaryPiece(text)
		if b.Len()+len(piece) > room || rest != "" && b.Len()+len(piece)+len(cutMark) > room {
			b.WriteString(cutMark)
			break
		}
		b.WriteString(piece)
		text = rest
	}
	return b.String() + more
}

// cutMark ends a summary that is not the whole text.
const cutMark = "…"

// summaryPiece takes one rune off text, or a run of blanks that breaks the line.
func summaryPiece(text string) (piece, rest string) {
	blanks := len(text) - len(strings.TrimLeft(text, " \t\n\r\v\f"))
	if blanks > 0 && strings.ContainsAny(text[:blanks], "\n\r") {
		return newline + " ", text[blanks:]
	}
	r, n := utf8.DecodeRuneInString(text)
	if r == '\t' {
		return " ", text[n:]
	}
	return escape(text[:n]), text[n:]
}

// simple reports whether a text is one line of printable ASCII.
func simple(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// escape writes what neither moves nor hides its neighbours as it is, and all
// else, line breaks too, as Go does.
func escape(s string) string {
	if simple(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r) && !blank(r):
			b.WriteString(s[:n])
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// blank reports whether a rune counts as a letter and yet shows nothing.
func blank(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x2800, 0x3164, 0xffa0:
		return true
	}
	return false
}
