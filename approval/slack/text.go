package slack

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	api "github.com/slack-go/slack"
)

// plain makes a text in which Slack reads nothing: no mark, mention, link or emoji.
func plain(s string) *api.TextBlockObject { return plainAt(s, maxText) }

func plainAt(s string, most int) *api.TextBlockObject {
	if c := cut(s, most); c != s {
		s = c + fmt.Sprintf("… (%d more characters)", utf8.RuneCountInString(s[len(c):]))
	}
	if s == "" {
		s = "-" // Slack takes no empty text
	}
	return api.NewTextBlockObject(api.PlainTextType, s, false, false)
}

// visible shows every character that would steer the eye or hide: controls, marks
// of direction, what has no width. Lines stay where the text has several.
func visible(s string, lines bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, "⟨%02x⟩", s[i])
		case lines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		case !unicode.IsPrint(r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), r == 0x2800:
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cut gives the beginning of s, at most so many bytes, and whole characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
