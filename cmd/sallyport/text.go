package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sallyport.dev/sallyport/action"
)

// say writes a message for the person at the terminal, apart from the data.
func say(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
}

// colours reports whether w is a terminal that wants colours.
func colours(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && terminal(f)
}

func terminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// verdictText pads a verdict, coloured where w shows colours.
func verdictText(w io.Writer, v action.Verdict) string {
	text := fmt.Sprintf("%-5s", v)
	if !colours(w) {
		return text
	}
	return map[action.Verdict]string{action.Allow: "\x1b[32m", action.Ask: "\x1b[33m", action.Deny: "\x1b[31m"}[v] + text + "\x1b[0m"
}

// printable keeps what an agent chose from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ago says how long ago t was.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return t.Local().Format(time.DateOnly)
}

// size says n bytes in a unit that a person reads.
func size(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < 3 {
		f, unit = f/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGT"[unit])
}
