package judge

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// quote gives a value as JSON in which nothing steers a reader, see armour.
func quote(v any) string {
	raw, err := json.Marshal(v) // escapes <, > and &, of which <|im_start|> and </s> are made
	if err != nil {
		return `"unprintable"`
	}
	return armour(string(raw))
}

// armour escapes in JSON text whatever does not show as what it is, and what
// models take for the frame of a conversation, such as [INST].
func armour(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '[' && frames(s[i+1:]):
			b.WriteString(`\u005b`)
		case shows(r):
			b.WriteRune(r)
		default:
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String()
}

// frames reports whether a bracket before rest would open a mark such as [INST],
// [/INST] or [TOOL_CALLS].
func frames(rest string) bool {
	rest = strings.TrimPrefix(rest, "/")
	return rest != "" && rest[0] >= 'A' && rest[0] <= 'Z'
}

// shows reports whether a character is seen, and as itself: no control, no mark of
// direction, nothing of no width, no blank but the space.
func shows(r rune) bool {
	switch {
	case !unicode.IsPrint(r): // Cc, Cf, Co, Cs, Z* but the space
		return false
	case unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return false
	case r == 0x2800 || r == unicode.ReplacementChar: // blank braille; what was no UTF-8
		return false
	}
	return true
}
