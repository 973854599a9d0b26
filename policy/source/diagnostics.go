package source

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Write writes every diagnostic as file:line:column, the line itself
// with a caret under what is meant, and the cure.
func Write(w io.Writer, f *Files, diags hcl.Diagnostics, color bool) error {
	var b bytes.Buffer
	for i, d := range diags {
		if i > 0 {
			b.WriteByte('\n')
		}
		writeDiagnostic(&b, f, d, paint(color))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// A paint wraps text in a terminal's colour, or leaves it as it is.
type paint bool

func (p paint) in(code, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func writeDiagnostic(b *bytes.Buffer, f *Files, d *hcl.Diagnostic, p paint) {
	kind, code := "Error", "1;31"
	if d.Severity == hcl.DiagWarning {
		kind, code = "Warning", "1;33"
	}
	fmt.Fprintf(b, "%s: ", p.in(code, kind))
	if d.Subject != nil {
		fmt.Fprintf(b, "%s:%d:%d: ", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column)
	}
	word := ""
	if f, ok := d.Extra.(interface{ FindingID() string }); ok {
		word = " [" + f.FindingID() + "]"
	}
	fmt.Fprintf(b, "%s%s\n", printable(d.Summary), word)
	if d.Subject != nil && f != nil {
		writeSnippet(b, f, *d.Subject, p)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(d.Detail), "\n") {
		fmt.Fprintf(b, "  %s\n", printable(line))
	}
}

// maxSnippet bounds the line that is shown.
const maxSnippet = 160

// writeSnippet shows the line that the range begins on.
func writeSnippet(b *bytes.Buffer, f *Files, at hcl.Range, p paint) {
	file, ok := f.HCL[at.Filename]
	if !ok || at.Start.Byte < 0 || at.Start.Byte > len(file.Bytes) {
		return
	}
	from := bytes.LastIndexByte(file.Bytes[:at.Start.Byte], '\n') + 1
	line, _, _ := bytes.Cut(file.Bytes[from:], []byte("\n"))
	until := at.End.Byte
	if at.End.Line != at.Start.Line || until > from+len(line) {
		until = from + len(line)
	}
	before := printable(string(line[:at.Start.Byte-from]))
	marked := printable(string(line[at.Start.Byte-from : max(until, at.Start.Byte)-from]))
	text := printable(string(line))
	if utf8.RuneCountInString(text) > maxSnippet {
		return
	}
	number := fmt.Sprintf("%4d", at.Start.Line)
	fmt.Fprintf(b, "%s | %s\n", number, text)
	fmt.Fprintf(b, "%s | %s%s\n", strings.Repeat(" ", len(number)),
		strings.Repeat(" ", utf8.RuneCountInString(before)), p.in("1;31", strings.Repeat("^", max(1, utf8.RuneCountInString(marked)))))
}

// printable keeps a terminal safe from what stands in a file.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError:
			return '?'
		}
		return r
	}, s)
}
