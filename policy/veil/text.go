package veil

import (
	"bytes"
	"regexp"
	"strings"

	"sallyport.dev/sallyport/action/command"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// line reads the texts of a configuration as the arguments of a command, which those of a
// list may be. What has the shape of a key was hidden before.
func line() command.Reader {
	name := regexp.MustCompile(`(?i)token|secret|passw|passphrase|(api|private|access)[_-]?key|credential|cookie|authorization|^auth$|-auth$`)
	return command.Reader{Named: name.MatchString, Spaced: true}
}

// A hider masks the values of fields and flags that stand in texts.
type hider struct {
	fresh command.Reader
	names *regexp.Regexp
}

// newHider makes what all texts of a file are read with. A line that gives a value to a
// name does so as YAML, HCL and others do.
func newHider() *hider {
	return &hider{line(), regexp.MustCompile(`^[ \t]*(?:- +)*(["']?[A-Za-z0-9_.-]+["']?)[ \t]*[:=][ \t]*(.*)$`)}
}

// texts masks what stands in texts, and gives what of it is no word.
func (h *hider) texts(masked []byte, tokens hclsyntax.Tokens, at int) (typed []string) {
	r := h.fresh
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		from, to := at+t.Range.Start.Byte, at+t.Range.End.Byte
		switch t.Type {
		case hclsyntax.TokenQuotedLit:
			typed = append(typed, fields(&r, masked[from:to])...)
		case hclsyntax.TokenOHeredoc:
			for i+1 < len(tokens) && tokens[i].Type != hclsyntax.TokenCHeredoc {
				i++
			}
			typed = append(typed, h.lines(masked[to:at+tokens[i].Range.Start.Byte])...)
		case hclsyntax.TokenOQuote, hclsyntax.TokenCQuote, hclsyntax.TokenComma, hclsyntax.TokenNewline, hclsyntax.TokenComment:
		default:
			r = h.fresh // what follows belongs to something else
		}
	}
	return typed
}

// fields masks what a text names.
func fields(r *command.Reader, text []byte) (typed []string) {
	for _, s := range r.Next(string(text)) {
		typed = hide(text[s.From:s.To], typed)
	}
	return typed
}

// hide puts stars over a value, which is told where it is no word: other texts stay
// readable.
func hide(value []byte, typed []string) []string {
	if plain := string(value); command.Keyed(plain) && strings.Trim(plain, "*") != "" {
		typed = append(typed, plain)
	}
	star(value)
	return typed
}

// lines masks, in a text of several lines, the values of what is named like a secret, and
// the lines that they go on in: further in (YAML 1.2.2, 8.1), or up to a word.
func (h *hider) lines(text []byte) (typed []string) {
	r := h.fresh
	in, until := -1, ""
	for rest := text; len(rest) > 0; {
		l := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			l = rest[:i]
			rest = rest[i+1:]
		} else {
			rest = nil
		}
		plain := strings.TrimSpace(string(l))
		indent := len(l) - len(bytes.TrimLeft(l, " \t"))
		switch {
		case plain == "":
			continue
		case until != "" && plain == until:
			until = ""
			continue
		case until != "" || in >= 0 && indent > in:
			typed = hide(l[indent:], typed)
			continue
		}
		in = -1
		m := h.names.FindSubmatchIndex(l)
		if m == nil || !r.Named(strings.Trim(string(l[m[2]:m[3]]), `"'`)) {
			typed = append(typed, fields(&r, l)...)
			continue
		}
		value := strings.TrimSpace(string(l[m[4]:m[5]]))
		switch word, here := strings.CutPrefix(value, "<<"); {
		case here:
			until = strings.Trim(word, "-~\"'")
		case value == "" || strings.Trim(value, "|>+-0123456789") == "" && strings.IndexByte("|>", value[0]) >= 0:
			in = m[2]
		default:
			typed, in = hide(l[m[4]:m[5]], typed), m[2] // a value may go on in lines that are further in
		}
	}
	return typed
}
