package lsp

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// A document is a text that the editor has open, as it stands there.
type document struct {
	uri     string
	text    string
	version int
}

// A position counts lines and UTF-16 code units from zero (LSP 3.17, Position).
type position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

// A span is what LSP calls a Range.
type span struct {
	Start position `json:"start"`
	End   position `json:"end"`
}

// offset gives the byte that a position stands at; what is behind the end of a line
// is its end.
func (d *document) offset(p position) int {
	at := 0
	for range max(0, p.Line) {
		i := strings.IndexByte(d.text[at:], '\n')
		if i < 0 {
			return len(d.text)
		}
		at += i + 1
	}
	for units := 0; units < p.Character && at < len(d.text) && d.text[at] != '\n'; {
		r, size := utf8.DecodeRuneInString(d.text[at:])
		units += max(1, utf16.RuneLen(r))
		if units > p.Character {
			break // inside a pair
		}
		at += size
	}
	return at
}

// positionOf gives the position of a byte.
func positionOf(text string, at int) position {
	at = min(max(at, 0), len(text))
	before := text[:at]
	start := strings.LastIndexByte(before, '\n') + 1
	p := position{Line: strings.Count(before, "\n")}
	for _, r := range before[start:] {
		p.Character += max(1, utf16.RuneLen(r))
	}
	return p
}

func spanOf(text string, from, to int) span {
	return span{positionOf(text, from), positionOf(text, to)}
}

// spanAt gives the span of a range of HCL.
func spanAt(text string, r hcl.Range) span { return spanOf(text, r.Start.Byte, r.End.Byte) }

// pathOf gives the path that a URI of the scheme file names.
func pathOf(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return "", fmt.Errorf("%q is no file", uri)
	}
	return filepath.Clean(filepath.FromSlash(u.Path)), nil
}

// uriOf gives the URI of a path.
func uriOf(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}
