package trial

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Point gives the place to look at for why a test failed: the word of its SQL that
// could not be read, where that can be told in the text of its file, else the block.
func (r Result) Point(file []byte) hcl.Range {
	if r.Wrong == nil || r.SQL.End.Byte > len(file) || r.SQL.Start.Byte >= r.SQL.End.Byte {
		return r.Range
	}
	lines := bytes.SplitAfter(file[r.SQL.Start.Byte:r.SQL.End.Byte], []byte("\n"))
	at := 0 // the line of the text in lines
	if heredoc := len(lines) > 1; heredoc {
		at = r.Wrong.Line
	}
	if at >= len(lines) {
		return r.Range
	}
	// The line stands in the file as it is, after a quote or what indents it, unless
	// something in it is escaped.
	skip := bytes.Index(lines[at], []byte(r.Wrong.Text))
	if skip < 0 || at == 0 && r.Wrong.Line > 1 {
		return r.Range
	}
	pos := r.SQL.Start
	if at > 0 {
		pos.Line, pos.Column = pos.Line+at, 1
	}
	pos.Byte += len(bytes.Join(lines[:at], nil)) + skip
	pos.Column += utf8.RuneCount(lines[at][:skip])
	text := []rune(r.Wrong.Text)
	before := min(r.Wrong.Column-1, len(text))
	pos.Byte += len(string(text[:before]))
	pos.Column += before
	word := text[before:]
	n := 0
	for n < len(word) && (unicode.IsLetter(word[n]) || unicode.IsDigit(word[n]) || word[n] == '_') {
		n++
	}
	n = max(n, 1)
	end := pos
	end.Column += n
	end.Byte += len(string(word[:min(n, len(word))]))
	return hcl.Range{Filename: r.SQL.Filename, Start: pos, End: end}
}
