package reply

import (
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/vault/scrub"
)

// A brief finds values that are too short to be taken out of what goes to the agent.
// It takes any case of their letters, and any of the forms that the search for longer
// ones knows. The zero brief finds nothing.
type brief struct {
	values []string // in small letters
	forms  []string // of them, the longest first
	blind  bool     // one is so short that it cannot be told from other text
	escape *regexp.Regexp
}

// briefOf gives the brief of values.
func briefOf(values []string) brief {
	var b brief
	for _, v := range values {
		switch {
		case v == "":
			continue
		case len(v) < shortest:
			b.blind = true
			continue
		}
		b.values = append(b.values, small(v))
		for _, form := range scrub.Forms([]byte(v), shortest) {
			b.forms = append(b.forms, small(string(form)))
		}
	}
	slices.SortFunc(b.forms, func(x, y string) int {
		if d := len(y) - len(x); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	b.forms = slices.Compact(b.forms)
	b.escape = regexp.MustCompile(`\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|%[0-9a-fA-F]{2}`)
	return b
}

// shut gives s without the values. Where one stands there in a mixture of forms, ok is
// false: nothing of s can be kept.
func (b *brief) shut(s string) (kept string, ok bool) {
	if len(b.forms) == 0 {
		return s, true
	}
	var out strings.Builder
	copied := 0
	for _, p := range b.places(small(s)) {
		if p[0] >= copied {
			out.WriteString(s[copied:p[0]])
			out.WriteString(content.Masked)
		}
		copied = max(copied, p[1])
	}
	out.WriteString(s[copied:])
	plain := s
	if copied > 0 {
		plain = out.String()
	}
	text := b.unescaped(plain)
	for _, v := range b.values {
		if strings.Contains(text, v) {
			return "", false
		}
	}
	return plain, true
}

// places gives where the forms stand in s, in order.
func (b *brief) places(s string) [][2]int {
	var list [][2]int
	for _, form := range b.forms {
		for from := 0; ; {
			i := strings.Index(s[from:], form)
			if i < 0 {
				break
			}
			list = append(list, [2]int{from + i, from + i + len(form)})
			from += i + len(form)
		}
	}
	slices.SortFunc(list, func(x, y [2]int) int { return x[0] - y[0] })
	return list
}

// before gives how much of s, which was cut, may be kept: neither the word that the
// cut goes through, nor a value that it goes through or that ends in that word.
func (b *brief) before(s string) int {
	if len(b.forms) == 0 {
		return len(s)
	}
	s = small(s)
	n := len(s)
	for _, form := range b.forms {
		for k := min(len(form)-1, len(s)); k > 0; k-- {
			if strings.HasSuffix(s, form[:k]) {
				n = min(n, len(s)-k)
				break
			}
		}
	}
	places := b.places(s)
	for i := len(places) - 1; i >= 0; i-- { // a value may hold a space
		if p := places[i]; p[0] < n && p[1] > strings.LastIndexAny(s[:n], " \t\r\n")+1 {
			n = p[0]
		}
	}
	return n
}

// small gives s with its ASCII letters small, so that it keeps its length.
func small(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// unescaped gives s in small letters with what is escaped in the ways of JSON, HTML and
// URLs undone, also where one stands in another.
func (b *brief) unescaped(s string) string {
	for range 2 {
		s = b.escape.ReplaceAllStringFunc(s, func(e string) string {
			return plain(strings.TrimLeft(e, "\\ux%"))
		})
		s = strings.NewReplacer(`\/`, "/", `\"`, `"`, `\\`, `\`).Replace(html.UnescapeString(s))
	}
	return small(s)
}

// plain gives the letter, or the byte, of these hex digits.
func plain(digits string) string {
	if len(digits) == 2 {
		if s, err := url.PathUnescape("%" + digits); err == nil {
			return s
		}
	}
	return html.UnescapeString("&#x" + digits + ";")
}
