package scrub

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Least is the length of the shortest value that is looked for: what is shorter
// stands in ordinary text too often.
const Least = 12

func forms(value []byte) [][]byte { return Forms(value, Least) }

// Forms lists how an origin may write value, each at least least bytes long: as it
// is, in base64 and hex, escaped for URLs, JSON, JavaScript and HTML.
func Forms(value []byte, least int) [][]byte {
	s := string(value)
	all := []string{
		s,
		hex.EncodeToString(value), strings.ToUpper(hex.EncodeToString(value)),
		percent(value, reserved, "%%%02X"), percent(value, reserved, "%%%02x"),
		percent(value, everything, "%%%02X"), percent(value, everything, "%%%02x"),
		url.QueryEscape(s), url.PathEscape(s),
		html.EscapeString(s),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;", "/", "&#x2F;").Replace(s),
		numeric(s, "&#%d;"), numeric(s, "&#x%x;"), numeric(s, "&#x%X;"),
	}
	all = append(all, jsonForms(s)...)
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		all = append(all, aligned(enc, value)...)
	}
	slices.Sort(all)
	var out [][]byte
	for _, f := range slices.Compact(all) {
		if len(f) >= least {
			out = append(out, []byte(f))
		}
	}
	return out
}

// aligned gives the part of the base64 of value that does not depend on what
// stands before and behind it, for each of the three ways it may be aligned.
func aligned(enc *base64.Encoding, value []byte) []string {
	var out []string
	for before := range 3 {
		padded := append(make([]byte, before), value...)
		text := enc.EncodeToString(padded)
		first := (before*8 + 5) / 6 // digits that hold bits of what stands before
		last := len(padded) * 8 / 6 // the digit behind holds bits of what follows
		out = append(out, text[first:last])
	}
	return out
}

func reserved(b byte) bool {
	alnum := '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
	return !alnum && !strings.ContainsRune("-_.~", rune(b))
}

func everything(byte) bool { return true }

// percent writes the bytes that escape names as format says (RFC 3986, 2.1).
func percent(value []byte, escape func(byte) bool, format string) string {
	var b strings.Builder
	for _, c := range value {
		if escape(c) {
			fmt.Fprintf(&b, format, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// numeric writes every character as an HTML reference.
func numeric(s, format string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, format, r)
	}
	return b.String()
}

// jsonForms are the ways to write s in a JSON string (RFC 8259, 7): with the
// slash escaped or not, with what is special in HTML, or outside of ASCII, as
// \uXXXX or not, or with everything so.
func jsonForms(s string) []string {
	var out []string
	for _, format := range []string{`\u%04x`, `\u%04X`} {
		for _, special := range []string{"", "<>&", "<>&'", "<>&'\"+`"} {
			for _, beyond := range []bool{false, true} {
				escape := func(r rune) bool { return strings.ContainsRune(special, r) || beyond && r >= utf8.RuneSelf }
				out = append(out, jsonString(s, "/", format, escape), jsonString(s, `\/`, format, escape))
			}
		}
		out = append(out, jsonString(s, "/", format, func(rune) bool { return true }))
	}
	return out
}

// jsonString writes s with what escape names as format says, and / as slash.
func jsonString(s, slash, format string, escape func(rune) bool) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`, '/': slash}
	var b strings.Builder
	for _, r := range s {
		text, special := short[r]
		switch {
		case escape(r) && r > 0xffff:
			hi, lo := 0xd800+((r-0x10000)>>10), 0xdc00+((r-0x10000)&0x3ff)
			fmt.Fprintf(&b, format+format, hi, lo)
		case escape(r) || !special && r < ' ':
			fmt.Fprintf(&b, format, r)
		case special:
			b.WriteString(text)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
