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
	Max      = 4 << 10
	maxText  = 120
	maxParts = 20
)

// hidden stands in place of a value that may be a secret, or is a whole body.
const hidden = "[hidden]"

// Compact gives the short form of a trace, in JSON: of rules that do not match
// only what kept them from it, of the others every step. Rules that decided come
// first where there is no room for all; values of what is named like a secret, and
// whole bodies, are left out.
func Compact(parts []Part) []byte {
	short := make([]Part, 0, min(len(parts), maxParts))
	for _, p := range parts[:min(len(parts), maxParts)] {
		q := p
		q.Rules = make([]Rule, 0, len(p.Rules))
		for _, r := range p.Rules {
			q.Rules = append(q.Rules, r.short())
		}
		// What did something stands before what did not.
		slices.SortStableFunc(q.Rules, func(a, b Rule) int { return rank(a.Outcome) - rank(b.Outcome) })
		short = append(short, q)
	}
	for {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // an agent must not have six bytes kept for one
		if err := e.Encode(short); err == nil && b.Len() <= Max {
			return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
		}
		if !halve(short) {
			return nil
		}
	}
}

// rank orders outcomes by what they say about the decision.
func rank(outcome string) int {
	if strings.HasPrefix(outcome, "does not match") {
		return 1
	}
	return 0
}

// halve takes the less telling half of the rules of the longest part out; it
// reports whether there was one.
func halve(parts []Part) bool {
	longest := -1
	for i := range parts {
		if len(parts[i].Rules) > 0 && (longest < 0 || len(parts[i].Rules) > len(parts[longest].Rules)) {
			longest = i
		}
	}
	if longest < 0 {
		return false
	}
	p := &parts[longest]
	keep := len(p.Rules) / 2
	p.More += len(p.Rules) - keep
	p.Rules = p.Rules[:keep]
	return true
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
