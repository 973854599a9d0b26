// Package veil hides what looks like a key or a password in the text of a
// configuration, and in what is said about it to others than the one who wrote it. A
// secret does not belong there; where somebody typed one, an error must not spread it.
package veil

import (
	"bytes"
	"regexp"
	"strings"

	"sallyport.dev/sallyport/action/command"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Shape is what keys of many kinds look like: longer than a word, and with a
// beginning that nothing else has.
func Shape() *regexp.Regexp { return keys }

var keys = regexp.MustCompile(strings.Join([]string{
	`\bsk-[A-Za-z0-9_-]{20,}`, `\b(sk|rk|pk)_(live|test)_[A-Za-z0-9]{16,}`, `\bgh[pousr]_[A-Za-z0-9]{30,}`, `\bgithub_pat_[A-Za-z0-9_]{30,}`,
	`\bglpat-[A-Za-z0-9_-]{20,}`, `\bxox[abeoprs]-[A-Za-z0-9-]{10,}`, `\bxapp-[A-Za-z0-9-]{10,}`, `\b(AKIA|ASIA)[A-Z0-9]{16}\b`, `\bAIza[A-Za-z0-9_-]{35}`,
	`\bya29\.[A-Za-z0-9_-]{20,}`, `\btskey-[a-z]+-[A-Za-z0-9-]{10,}`, `\bSCRAM-SHA-256\$`, `\bAGE-SECRET-KEY-1[A-Z0-9]{20,}`, `\bhvs\.[A-Za-z0-9_-]{20,}`,
	`\bnpm_[A-Za-z0-9]{30,}`, `\bdop_v1_[a-f0-9]{40,}`, `\blin_api_[A-Za-z0-9]{20,}`, `\bntn_[A-Za-z0-9]{30,}`,
	`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.`, `-----BEGIN [A-Z ]*PRIVATE KEY-----`, `://[^/@:\s"]+:[^/@\s"]{3,}@`,
	`\bhooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{16,}`, `\b[Bb]earer [A-Za-z0-9._~+/=-]{12,}`,
}, "|"))

// Marked reports whether a text may hold something of that shape: a cheap look
// before the dear one.
func Marked(text []byte) bool {
	for _, mark := range []string{
		"sk-", "_live_", "_test_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "xapp-", "AKIA", "ASIA", "AIza",
		"ya29.", "tskey-", "SCRAM-SHA-256$", "AGE-SECRET-KEY", "hvs.", "npm_", "dop_v1_", "lin_api_", "ntn_", ".eyJ", "PRIVATE KEY", "://", "hooks.slack.com", "earer ",
	} {
		if bytes.Contains(text, []byte(mark)) {
			return true
		}
	}
	return false
}

// hidden stands in a message where a secret was.
const hidden = "[hidden]"

// Over gives the text and the diagnostics with every secret hidden: what has the
// shape of a key, and every text that was typed where a reference to a secret belongs.
// What it was given stays as it is. Places in the text stay the same.
func Over(files *source.Files, diags hcl.Diagnostics) (*source.Files, hcl.Diagnostics) {
	if files == nil {
		files = &source.Files{}
	}
	safe := &source.Files{Dir: files.Dir, HCL: make(map[string]*hcl.File, len(files.HCL))}
	var typed []string
	for name, f := range files.HCL {
		masked, found := mask(f.Bytes, name)
		safe.HCL[name] = &hcl.File{Bytes: masked}
		typed = append(typed, found...)
	}
	for _, f := range safe.HCL {
		everywhere(f.Bytes, typed)
	}
	out := make(hcl.Diagnostics, len(diags))
	for i, d := range diags {
		other := *d
		other.Summary, other.Detail = Message(d.Summary, typed), Message(d.Detail, typed)
		out[i] = &other
	}
	return safe, out
}

// everywhere puts stars in the place of what was typed, also where it stands again.
func everywhere(text []byte, typed []string) {
	for _, t := range typed {
		if len(t) < shortest {
			continue
		}
		for rest := text; ; {
			i := bytes.Index(rest, []byte(t))
			if i < 0 {
				break
			}
			star(rest[i : i+len(t)])
			rest = rest[i+len(t):]
		}
	}
}

// Message hides in a sentence what has the shape of a key, and what was typed.
func Message(s string, typed []string) string {
	for _, t := range typed {
		if len(t) < shortest { // it may be a part of any word
			s = strings.ReplaceAll(s, `"`+t+`"`, `"`+hidden+`"`)
			continue
		}
		s = strings.ReplaceAll(s, t, hidden)
	}
	s = Shape().ReplaceAllString(s, hidden)
	r := line()
	return command.Hide(s, r.Next(s), hidden)
}

// shortest is the length from which on a text is looked for inside of words, too.
const shortest = 6

// mask gives a file with stars in the place of every secret, and those that were
// typed. It reads words and no grammar: a file with errors has secrets, too.
func mask(text []byte, name string) (masked []byte, typed []string) {
	masked = bytes.Clone(text)
	if Marked(text) {
		for _, at := range Shape().FindAllIndex(text, -1) {
			typed = append(typed, string(text[at[0]:at[1]]))
			star(masked[at[0]:at[1]])
		}
	}
	tokens, _ := hclsyntax.LexConfig(text, name, hcl.InitialPos) // what it complains of is told by others
	known, h := memo{}, newHider()
	typed = append(typed, h.read(masked, tokens, 0, false, known)...)
	for i := 0; i < len(tokens); i++ {
		from := i
		for i < len(tokens) && tokens[i].Type == hclsyntax.TokenComment {
			typed = append(typed, h.aside(masked, text, tokens[i:i+1], known)...)
			i++
		}
		if i > from+1 {
			typed = append(typed, h.aside(masked, text, tokens[from:i], known)...)
		}
	}
	return masked, typed
}

// read masks what the words at an offset of a text say, and gives that.
func (h *hider) read(masked []byte, tokens hclsyntax.Tokens, at int, prose bool, known memo) (typed []string) {
	r := reader{prose: prose, known: known}
	for i, t := range tokens {
		if r.secret(tokens, i) {
			typed = append(typed, strings.TrimSpace(string(t.Bytes)))
			star(masked[at+t.Range.Start.Byte : at+t.Range.End.Byte])
		}
	}
	return append(typed, h.texts(masked, tokens, at)...)
}

// aside is mask for comments that follow each other: a line that was put out of use
// holds what it held.
func (h *hider) aside(masked, text []byte, comments hclsyntax.Tokens, known memo) []string {
	at, end := comments[0].Range.Start.Byte, comments[len(comments)-1].Range.End.Byte
	inside := bytes.Clone(text[at:end])
	for _, c := range comments {
		body := inside[c.Range.Start.Byte-at : c.Range.End.Byte-at]
		marks := len(body) - len(bytes.TrimLeft(body, "#/*"))
		copy(body, bytes.Repeat([]byte(" "), marks))
		if bytes.HasSuffix(body, []byte("*/")) {
			copy(body[len(body)-2:], "  ")
		}
	}
	tokens, _ := hclsyntax.LexConfig(inside, "", hcl.InitialPos)
	return h.read(masked, tokens, at, true, known)
}

func star(b []byte) {
	for i, c := range b {
		if c != '\n' && c != '\r' {
			b[i] = '*'
		}
	}
}
