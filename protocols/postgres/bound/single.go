package bound

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is how much of a name the server keeps (NAMEDATALEN), in bytes.
const maxName = 63

// Single reports whether a text in quotes is the same to the server for every type that
// it is likely to be taken as, which is not known of what EXECUTE gives. It begins with a
// letter, since lists, rows, ranges, bytes, numbers and dates do not, and is neither a
// truth value nor a date in words; or it is a UUID, or nothing.
func Single(text string) bool {
	if text == "" || len(text) == 36 && uuid.MatchString(text) {
		return true
	}
	first, _ := utf8.DecodeRuneInString(text)
	return utf8.ValidString(text) && len(text) <= maxName && unicode.IsLetter(first) && strings.TrimSpace(text) == text &&
		!truth.MatchString(text) && !moment.MatchString(text) && !otherNumber(text)
}

var (
	// truth is what a server takes for a boolean, but for t and f, as it writes them.
	truth = regexp.MustCompile(`^(?:T|F)$|(?i)^(tru?|true|fal?|fals|false|ye?|yes|no?|on|off?)$`)
	// moment is what it takes for a time in words (its appendix B.3; ISO 8601 for spans),
	// or for a number.
	moment = regexp.MustCompile(`(?i)^(now|today|tomorrow|yesterday|epoch|allballs|noon|midnight|infinity|inf|nan|` +
		`(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]*[^a-z].*|` +
		`(j|jd|julian|p|pt|t|ad|bc|am|pm)[-+ ]?[0-9].*)$`)
)
