package content

import (
	"net/url"
	"strings"

	"sallyport.dev/sallyport/protocols/http/normal"
)

// nested is how often one address may stand in a parameter of another.
const nested = 3

// Parameters hides, in the value of a field, what stands behind the name of a secret
// and "=" or ":", and behind the name of a scheme that credentials go with. It sooner
// hides too much: a value ends where an address does, or another parameter.
func Parameters(s string) (kept string, hidden bool) {
	kept, first := parameters(s, true, nested)
	return kept, first >= 0
}

// parameters is Parameters, and gives where the first value stood, or -1. Of text it
// takes a scheme only with what does not read like a word behind it.
func parameters(s string, field bool, depth int) (kept string, first int) {
	var out strings.Builder
	copied, first := 0, -1
	for i := 0; i < len(s); i++ {
		from, to := i+1, 0
		switch c := s[i]; {
		case c == '=' || c == ':':
			name := nameBefore(s, i)
			if secretParameter(name) {
				to = valueEnd(s, from, c)
			} else if c == '=' && depth > 0 {
				to = from + until(s[from:], "=?&;#<>\"' \r\n")
				if !escapedSecret(s[from:to], field, depth) {
					to = 0
				}
			}
		case wordByte(c) && (i == 0 || !wordByte(s[i-1])):
			from, to = scheme(s, i, field)
		}
		if to <= from {
			continue
		}
		if first < 0 {
			first = from
		}
		out.WriteString(s[copied:from])
		out.WriteString(Masked)
		copied, i = to, to-1
	}
	if first < 0 {
		return s, -1
	}
	out.WriteString(s[copied:])
	return out.String(), first
}

// nameBefore gives the name that stands before s[i].
func nameBefore(s string, i int) string {
	s = strings.TrimRight(s[max(0, i-3*longest):i], " \t\"'\\")
	name := s[strings.LastIndexAny(s, "?&;#,<>(){}|=:/ \t\r\n\"'\\")+1:]
	if strings.ContainsAny(name, "%+") {
		if plain, err := url.QueryUnescape(name); err == nil {
			return plain
		}
	}
	return name
}

func secretParameter(name string) bool {
	return name != "" && (normal.SecretName(stem(name)) || strings.EqualFold(name, "bearer"))
}

// valueEnd gives where the value ends that begins at from: with its quote, or where
// the next parameter or the end of an address is; behind a colon with the line.
func valueEnd(s string, from int, sign byte) int {
	rest := s[from:]
	value := strings.TrimLeft(rest, " \t\\")
	ends := "&#<>\"'\r\n"
	switch {
	case value == "":
	case value[0] == '"' || value[0] == '\'':
		from, rest, ends = len(s)-len(value)+1, value[1:], value[:1]
	case sign == ':':
		ends = "\r\n"
	}
	return from + until(rest, ends)
}

// escapedSecret reports whether a value, with its escapes undone, holds a secret.
func escapedSecret(value string, field bool, depth int) bool {
	if !strings.Contains(value, "%") {
		return false
	}
	plain, err := url.QueryUnescape(value)
	if err != nil || plain == value {
		return err != nil && strings.Contains(strings.ToLower(value), "%3d") // what it is cannot be told
	}
	_, first := parameters(plain, field, depth-1)
	return first >= 0 || normal.SecretValue(plain)
}

// scheme gives where the credential stands whose scheme may begin at i; to is 0 where
// there is none.
func scheme(s string, i int, field bool) (from, to int) {
	n := i
	for n < len(s) && wordByte(s[n]) {
		n++
	}
	switch strings.ToLower(s[i:min(n, i+longest)]) {
	case "bearer", "basic", "token", "negotiate", "apikey":
	default:
		return 0, 0
	}
	rest := strings.TrimLeft(s[n:], " .")
	if rest == "" || len(rest) == len(s)-n || rest[0] == '=' || rest[0] == ':' {
		return 0, 0
	}
	from = len(s) - len(rest)
	word := rest[:until(rest, " ,;<>\"'\r\n")]
	if !field && len(word) < 20 && !strings.ContainsAny(word, "0123456789=+/_") && (word == "" || strings.ToLower(word[1:]) == word[1:]) {
		return 0, 0
	}
	return from, from + until(rest, ",;<>\"'\r\n")
}

// until gives how much of s comes before any of these ends.
func until(s, ends string) int {
	if i := strings.IndexAny(s, ends); i >= 0 {
		return i
	}
	return len(s)
}
