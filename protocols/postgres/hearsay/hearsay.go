// Package hearsay takes what a database server says down to what may stand in a
// record: codes and command tags of their own form, and texts of one line. A server
// may be anybody's; what masks secrets is handed in, and nothing changes that the agent
// gets.
package hearsay

import (
	"strings"
	"unicode"
)

// Unclear stands in the place of a code or a tag that is none.
const Unclear = "unclear"

// The longest parts of a command tag, of which a server has ALTER TEXT SEARCH
// CONFIGURATION and INSERT 0 18446744073709551615.
const (
	maxTag    = 64
	maxWords  = 6
	maxLetter = 16
	maxDigits = 20
	maxCounts = 2
)

// maxLine bounds a text, in bytes.
const maxLine = 500

// Code gives a SQLSTATE as it is: five digits and capital letters.
func Code(s string) string {
	if len(s) != 5 || strings.IndexFunc(s, func(c rune) bool { return !digit(c) && !capital(c) }) >= 0 {
		return Unclear
	}
	return s
}

// Tag gives a command tag as it is: words in capital letters and then numbers.
func Tag(s string) string {
	if len(s) > maxTag {
		return Unclear
	}
	words, counts := 0, 0
	for rest, more := s, true; more; {
		var w string
		w, rest, more = strings.Cut(rest, " ")
		switch {
		case counts == 0 && only(w, capital, maxLetter):
			words++
		case words > 0 && only(w, digit, maxDigits):
			counts++
		default:
			return Unclear
		}
	}
	if words > maxWords || counts > maxCounts {
		return Unclear
	}
	return s
}

// Line gives a text on one line that nothing in it can break out of. First, while it is
// whole and as it came, words takes the secrets out of it; nil where there are none.
func Line(s string, words func(string) string) string {
	if words != nil {
		s = words(s)
	}
	s = strings.Map(func(c rune) rune {
		if c == unicode.ReplacementChar || !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, s)
	if len(s) > maxLine {
		s = strings.ToValidUTF8(s[:maxLine], "") + "…"
	}
	return s
}

func only(w string, is func(rune) bool, most int) bool {
	return w != "" && len(w) <= most && strings.IndexFunc(w, func(c rune) bool { return !is(c) }) < 0
}

func digit(c rune) bool   { return '0' <= c && c <= '9' }
func capital(c rune) bool { return 'A' <= c && c <= 'Z' }
