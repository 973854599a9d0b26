package veil

import (
	"bytes"
	"regexp"
	"strings"

	"sallyport.dev/sallyport/policy/hclconf/shape"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A memo is what guarded says of names: a text has few of them, many times.
type memo map[string]bool

// A reader follows the words of a file and knows in which attribute it is.
type reader struct {
	depth    int    // of brackets
	attr     string // the attribute that is read; "": none
	from     int    // the depth at which it began
	call     string // the function whose brackets are open
	callFrom int    // the depth in which they are
	prose    bool   // it is a comment: a word without quotes is one
	known    memo
}

// secret reports whether a word is one that was typed where a secret is kept, with
// its quotes or without. It is called with each word in turn.
func (r *reader) secret(tokens hclsyntax.Tokens, i int) bool {
	t := tokens[i]
	switch t.Type {
	case hclsyntax.TokenIdent:
		next := after(tokens, i)
		switch names := next == hclsyntax.TokenEqual || next == hclsyntax.TokenColon; {
		case names && (r.attr == "" || r.guarded(string(t.Bytes))):
			r.attr, r.from, r.call = string(t.Bytes), r.depth, ""
		case next == hclsyntax.TokenOParen:
			r.call, r.callFrom = string(t.Bytes), r.depth
		case !names && (i == 0 || tokens[i-1].Type != hclsyntax.TokenDot):
			return !r.prose && r.kept() && bare(string(t.Bytes), next) // its quotes were forgotten, or are others
		}
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		r.depth++
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
		r.depth--
		if r.depth <= r.callFrom {
			r.call = ""
		}
	case hclsyntax.TokenNewline:
		if r.depth <= r.from {
			r.attr, r.call = "", ""
		}
	case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
		if names(tokens, i) {
			if name := string(t.Bytes); r.attr == "" || r.guarded(name) {
				r.attr, r.from, r.call = name, r.depth, ""
			}
			return false
		}
		return r.kept() && strings.TrimSpace(string(t.Bytes)) != "" || r.call == "webhook" && !bytes.Contains(t.Bytes, []byte("://"))
	}
	return false
}

// names reports whether a word in quotes is the name of what follows it, as in an
// object: it begins there, and is no choice of a condition.
func names(tokens hclsyntax.Tokens, i int) bool {
	if i == 0 || i+1 >= len(tokens) || tokens[i-1].Type != hclsyntax.TokenOQuote || tokens[i+1].Type != hclsyntax.TokenCQuote {
		return false
	}
	if next := after(tokens, i+1); next != hclsyntax.TokenEqual && next != hclsyntax.TokenColon {
		return false
	}
	before := i - 2
	for before >= 0 && (tokens[before].Type == hclsyntax.TokenComment || tokens[before].Type == hclsyntax.TokenNewline) {
		before--
	}
	if before < 0 || before < i-2 {
		return before < 0 || tokens[before].Type != hclsyntax.TokenQuestion
	}
	switch tokens[before].Type {
	case hclsyntax.TokenOBrace, hclsyntax.TokenComma, hclsyntax.TokenMinus, hclsyntax.TokenPlus: // the last two begin lines of a diff
		return true
	}
	return false
}

// kept reports whether what is read stands where a secret is kept.
func (r *reader) kept() bool { return r.attr != "" && r.guarded(r.attr) && !place(r.call) }

// bare reports whether a word without quotes is a value: it begins neither a
// reference nor a block, and is no word of the language.
func bare(word string, next hclsyntax.TokenType) bool {
	switch next {
	case hclsyntax.TokenDot, hclsyntax.TokenOBrace, hclsyntax.TokenOQuote:
		return false
	}
	return word != "true" && word != "false" && word != "null"
}

// after gives what follows a word, comments aside.
func after(tokens hclsyntax.Tokens, i int) hclsyntax.TokenType {
	for _, t := range tokens[i+1:] {
		if t.Type != hclsyntax.TokenComment {
			return t.Type
		}
	}
	return hclsyntax.TokenNil
}

// guarded reports whether an attribute holds secrets: by the table of the language,
// or because it is called like one.
func (r *reader) guarded(name string) bool {
	known, ok := r.known[name]
	if !ok {
		known = called.MatchString(name) || keeps(shape.Language(), name)
		r.known[name] = known
	}
	return known
}

var called = regexp.MustCompile(`(?i)^(auth|authorization|cookie|value|store)$|secret|token$|password|passwd|passphrase|api[_-]?key|private[_-]?key|credential|^key$`)

// keeps reports whether an attribute of that name takes a secret in some block.
func keeps(s *shape.Shape, name string) bool {
	for _, a := range s.Attrs {
		if a.Name == name && strings.Contains(a.Type, "secret reference") {
			return true
		}
	}
	for _, b := range s.Blocks {
		if keeps(b, name) {
			return true
		}
	}
	return false
}

// place reports whether a function names where a secret is kept, and not the secret.
func place(call string) bool {
	switch call {
	case "file", "env", "systemd", "transit":
		return true
	}
	return false
}
