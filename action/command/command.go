// Package command finds the secrets in the arguments of a command, so that it can be
// shown and recorded without them. It knows how fields and flags are written, and no
// program; of what a shell may read it hides single words, never what would run.
package command

import "strings"

// A Reader reads the arguments of one command in turn.
type Reader struct {
	Named  func(name string) bool // what is called so is a secret
	Marked func(word string) bool // it holds what looks like a secret, whatever it is called; nil: none does
	Spaced bool                   // a colon names a value only with a space behind it

	said flag // by the last argument of the next
}

// A flag is what the word behind it is.
type flag uint8

const (
	nothing flag = iota
	secret
	login // a name, a colon and a password
)

// A Span is a part of an argument.
type Span struct{ From, To int }

// Holds reports whether what has this name is a command, or arguments of one.
func Holds(name string) bool {
	switch strings.ToLower(strings.TrimRight(name, "[]0123456789")) {
	case "command", "commands", "cmd", "args", "argv", "arg", "exec", "entrypoint":
		return true
	}
	return false
}

// Next gives the secrets in the next argument, in order. It reads each byte a few times
// at most, whatever an agent sends.
func (r *Reader) Next(arg string) (secrets []Span) {
	said := r.said
	r.said = nothing
	if s, ok := r.after(said, arg, 0); ok {
		secrets = append(secrets, s)
	}
	looked := 0 // up to there no word is marked
	for i := 0; i < len(arg); {
		if len(secrets) > 0 && i < secrets[len(secrets)-1].To {
			i = secrets[len(secrets)-1].To
			continue
		}
		name := arg[i : i+span(arg[i:], named)]
		if name == "" {
			i++
			continue
		}
		if r.Marked != nil && i >= looked {
			looked = i + piece(arg[i:])
			if r.Marked(arg[i:looked]) {
				secrets = append(secrets, Span{i, i + span(arg[i:], worded)})
				continue
			}
		}
		i += len(name)
		if s, ok := r.behind(name, arg, i); ok {
			secrets = append(secrets, s)
		}
	}
	return secrets
}

// piece gives how much of a word holds one address at most: behind that another begins,
// with a name before its colon.
func piece(arg string) int {
	seen := false
	for n := 0; n < len(arg); n++ {
		switch {
		case !worded(arg[n]):
			return n
		case !strings.HasPrefix(arg[n:], "://"):
		case !seen:
			seen = true
			n += len("://") - 1
		default:
			for named(arg[n-1]) {
				n--
			}
			return n
		}
	}
	return len(arg)
}

// behind gives the secret that stands behind a name, which ends at a place.
func (r *Reader) behind(name, arg string, at int) (Span, bool) {
	plain := strings.TrimLeft(name, "-")
	holds := func() bool { return r.Named(plain) && !writer(plain) }
	switch rest := arg[at:]; {
	case rest != "" && rest[0] == ':' && (strings.HasPrefix(rest, "://") || strings.HasSuffix(arg[:at], "/"+name) || r.Spaced && !strings.HasPrefix(rest, ": ")):
		return Span{}, false // an address, or a scope
	case rest != "" && strings.IndexByte("=:", rest[0]) >= 0:
		glued := rest[0] == ':' && strings.HasPrefix(name, "-u") // as curl takes it: -uname:password
		if !glued && !holds() {
			return Span{}, false
		}
		s := value(arg, at+1)
		return s, s.From < s.To
	case plain == name:
		if !scheme(name) {
			return Span{}, false
		}
		s := value(arg, at)
		return s, s.From < s.To && (strings.EqualFold(name, "bearer") || Keyed(word(arg, s)))
	}
	said := nothing
	switch {
	case holds():
		said = secret
	case plain == "u" || plain == "user" || plain == "proxy-user":
		said = login
	}
	if at == len(arg) {
		r.said = said
		return Span{}, false
	}
	return r.after(said, arg, at)
}

// writer reports whether a name is that of who wrote something, which begins as that of
// what authorizes does.
func writer(name string) bool {
	_, rest, is := strings.Cut(strings.ToLower(name), "author")
	return is && !strings.HasPrefix(rest, "i")
}

// after gives the secret that a flag says stands at a place.
func (r *Reader) after(said flag, arg string, at int) (Span, bool) {
	if said == nothing || said == login && at > 0 && worded(arg[at]) { // a flag ends
		return Span{}, false
	}
	s := value(arg, at)
	text := word(arg, s)
	switch {
	case text == "" || text[0] == '-':
		return Span{}, false
	case said == login:
		user, password, ok := strings.Cut(text, ":")
		s.From += len(user) + 1
		return s, ok && password != ""
	}
	return s, true
}

func word(arg string, s Span) string { return arg[s.From:s.To] }

// value gives the word that begins behind a place, without its quote and the scheme that
// goes with it.
func value(arg string, at int) Span {
	for range 2 {
		at += len(arg[at:]) - len(strings.TrimLeft(arg[at:], " \t'\"\\"))
		n := span(arg[at:], named)
		if !scheme(arg[at:at+n]) || at+n == len(arg) || arg[at+n] != ' ' {
			break
		}
		at += n
	}
	return Span{at, at + span(arg[at:], worded)}
}

// scheme reports whether a word is that of a way to authenticate (RFC 9110, 11.1), behind
// which credentials stand.
func scheme(word string) bool {
	switch strings.ToLower(word) {
	case "bearer", "basic", "token", "negotiate", "apikey":
		return true
	}
	return false
}

// Keyed reports whether a word does not read like one.
func Keyed(word string) bool {
	return len(word) >= 20 || strings.ContainsAny(word, "0123456789=+/_") || word != "" && strings.ToLower(word[1:]) != word[1:]
}

// span gives how many of the first bytes are of a kind.
func span(s string, kind func(byte) bool) (n int) {
	for n < len(s) && kind(s[n]) {
		n++
	}
	return n
}

// named reports whether a byte may stand in a name.
func named(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// worded reports whether a byte may stand in a word of which a shell runs nothing.
func worded(c byte) bool { return c > ' ' && strings.IndexByte("'\"`;&|<>()$\\", c) < 0 }

// Hide puts mask in the place of each span of an argument.
func Hide(arg string, secrets []Span, mask string) string {
	var out strings.Builder
	at := 0
	for _, s := range secrets {
		out.WriteString(arg[at:s.From])
		out.WriteString(mask)
		at = s.To
	}
	out.WriteString(arg[at:])
	return out.String()
}
