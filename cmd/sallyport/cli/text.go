package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"
	"unicode"

	"sallyport.dev/sallyport/action"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Say writes a message for the person at the terminal, apart from the data. With
// --json nobody reads along, and the data must say it all.
func Say(cmd *cobra.Command, format string, args ...any) {
	if !wantsJSON(cmd) {
		Printf(cmd.ErrOrStderr(), format+"\n", args...)
	}
}

// Warn is Say for what is in no data: with --json it is an object of its own.
func Warn(cmd *cobra.Command, format string, args ...any) {
	if !wantsJSON(cmd) {
		Say(cmd, format, args...)
		return
	}
	json.NewEncoder(cmd.ErrOrStderr()).Encode(map[string]string{"warning": fmt.Sprintf(format, args...)}) //nolint:errcheck // as Complain
}

// Printf is fmt.Fprintf for what others may have chosen: every string among args
// is made Printable. It is for tables, whose Flush gives the error, and messages.
func Printf(w io.Writer, format string, args ...any) {
	safe := make([]any, len(args))
	for i, a := range args {
		if v := reflect.ValueOf(a); v.Kind() == reflect.String {
			a = Printable(v.String())
		}
		safe[i] = a
	}
	fmt.Fprintf(w, format, safe...)
}

// PrintLines prints text of several lines, each indented and made Printable.
func PrintLines(w io.Writer, indent, text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(w, indent+Printable(strings.TrimRight(line, "\r\n"))); err != nil {
			return err
		}
	}
	return nil
}

// Colours reports whether w is a terminal that wants colours.
func Colours(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && Terminal(f)
}

// Terminal reports whether f is a terminal.
func Terminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// VerdictText pads a verdict, coloured where w shows colours.
func VerdictText(w io.Writer, v action.Verdict) string {
	text := fmt.Sprintf("%-5s", v)
	if !Colours(w) {
		return text
	}
	return map[action.Verdict]string{action.Allow: "\x1b[32m", action.Ask: "\x1b[33m", action.Deny: "\x1b[31m"}[v] + text + "\x1b[0m"
}

// Printable keeps what an agent chose from steering the terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}

// PrintableTabs is Printable for text of files, whose tabs stay.
func PrintableTabs(s string) string {
	pieces := strings.Split(s, "\t")
	for i, piece := range pieces {
		pieces[i] = Printable(piece)
	}
	return strings.Join(pieces, "\t")
}

// Count says how many there are of a noun: "1 service", "2 services".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// OrDash gives s, or a dash for nothing.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Ago says how long ago t was.
func Ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := time.Since(t)
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return t.Local().Format(time.DateOnly)
}

// Size says n bytes in a unit that a person reads.
func Size(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < 3 {
		f, unit = f/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGT"[unit])
}
