package trace

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of the short form.
const (
	// Max is how many bytes it has at most.
	Max     = 8 << 10
	maxText = 120
	frame   = 250 // what a part takes beside its rules
)

// MaxParts is how many parts of an action are told of.
const MaxParts = 8

// hidden stands in place of a value that may be a secret, or is a whole body.
const hidden = "[hidden]"

// Compact gives the short form of a trace, in JSON: of rules that do not match
// only what kept them from it, of the others every step. Rules that decided come
// first where there is no room for all; values of what is named like a secret, and
// whole bodies, are left out.
func Compact(parts []Part) []byte {
	parts = parts[:min(len(parts), MaxParts)]
	if len(parts) == 0 {
		return []byte("[]")
	}
	short := make([]Part, len(parts))
	for i, p := range parts {
		p.Operations = p.Operations[:min(len(p.Operations), maxOperations)]
		short[i] = p.fit((Max - 2) / len(parts))
	}
	b, err := encode(short)
	if err != nil || len(b) > Max {
		return nil
	}
	return b
}

// maxOperations is how many operations of a part are named.
const maxOperations = 3

// fit gives the part with as many of its rules as have room.
func (p Part) fit(room int) Part {
	rules := make([]Rule, len(p.Rules))
	for i, r := range p.Rules {
		rules[i] = r.short()
	}
	// What did something stands before what did not.
	slices.SortStableFunc(rules, func(a, b Rule) int { return rank(a.Outcome) - rank(b.Outcome) })
	p.Rules = nil
	for i := range p.Operations {
		room -= len(p.Operations[i])
	}
	room -= frame
	for i, r := range rules {
		b, err := encode(r)
		if room -= len(b) + 1; err != nil || room < 0 {
			p.More += len(rules) - i
			break
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

// encode is json.Marshal without its escapes for HTML: an agent must not have six
// bytes kept for one.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// rank orders outcomes by what they say about the decision.
func rank(outcome string) int {
	if strings.HasPrefix(outcome, "does not match") {
		return 1
	}
	return 0
}

func (r Rule) short() Rule {
	checks := r.Checks
	r.Checks = nil
	for _, c := range checks {
		if rank(r.Outcome) > 0 && !decides(c) {
			continue
		}
		if private(c.What) {
			c.Value = hidden
		}
		c.What, c.Value = cut(c.What), cut(c.Value)
		r.Checks = append(r.Checks, c)
	}
	if rank(r.Outcome) > 0 && slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Matches == "no" }) {
		r.Because = "" // it is that check, once more
	}
	r.Because = cut(r.Because)
	return r
}

// private reports whether the value of a sub-expression is nothing to keep: it is
// named like a secret, or is a whole body or statement.
func private(what string) bool {
	low := strings.ToLower(what)
	for _, word := range []string{
		"secret", "passw", "passphrase", "token", "apikey", "api_key", "api-key", "credential", "authorization", "cookie",
		"signature", "http.body", "sql.text", "sql.params",
	} {
		if strings.Contains(low, word) {
			return true
		}
	}
	return false
}

// decides reports whether a check of a rule that does not match is why: an
// attribute that does not, or a condition, whose steps are all kept.
func decides(c Check) bool { return c.Matches == "no" || c.Matches == "" }

// cut shortens a text to what a person reads.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
