// Package tokens takes the tokens out of what the token endpoint of a provider answers:
// an agent that asks there, with the gateway's account, gets stars in their place, which
// the gateway replaces on the way out as it replaces everything of the kind. It reads
// JSON, forms and XML as they come and changes no length.
package tokens

import (
	"bytes"
	"io"
	"strings"
)

// reach is how far the name of a token goes back from the quote that ends it, with the
// byte before the quote that begins it.
const reach = len(`x"registration_access_token`)

// A Reader reads an answer without tokens. It belongs to one goroutine; Reset makes it
// ready, and it is not copied then.
type Reader struct {
	src  io.Reader
	step func(*Reader, []byte)
	past []byte          // the last bytes before those that come, in JSON; the name so far, in a form
	room [2 * reach]byte // past is in it
	in   place

	media string
	quote byte  // that ends the value of the attribute
	slash bool  // the tag may end without an element
	back  place // where what is aside stands
	end   byte  // that stands before the > that ends it; 0: nothing does
	run   int   // how many of these stand right before
}

// A place is where in the text the next byte stands.
type place uint8

const (
	elsewhere place = iota
	named           // behind the name of a token
	parted          // behind the colon after it
	masked          // in the token
	escaped         // behind a backslash in it
	unnamed         // in the value of another field of a form

	tag     // in the name of an element
	inside  // behind it, in the tag
	quoted  // in the value of an attribute
	angle   // behind a < in a token
	bang    // behind a <!
	aside   // in a comment, a declaration or an instruction
	literal // in a CDATA section
)

// Reset begins with the answer src, of a media type.
func (r *Reader) Reset(src io.Reader, mediaType string) {
	r.src, r.step, r.past, r.in = src, (*Reader).first, r.room[:0], elsewhere
	media, _, _ := strings.Cut(mediaType, ";")
	r.media = strings.ToLower(strings.TrimSpace(media))
	if r.media == "application/x-www-form-urlencoded" {
		r.step = (*Reader).form
	}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	r.step(r, p[:n])
	return n, err
}

// first tells JSON and XML, whatever they are called, from what is none, and forms that
// are called text.
func (r *Reader) first(b []byte) {
	for i, c := range b {
		switch c {
		case ' ', '\t', '\r', '\n', 0xef, 0xbb, 0xbf: // a mark of UTF-8, too
			continue
		case '{', '[':
			r.step = (*Reader).json
			r.json(b[i:])
			return
		}
		switch {
		case c == '<' && !strings.Contains(r.media, "html"):
			r.step = (*Reader).xml
		case c != '<' && (r.media == "" || r.media == "text/plain"):
			r.step = (*Reader).form
		default:
			r.step = func(*Reader, []byte) {}
		}
		r.step(r, b[i:])
		return
	}
}

// json puts stars over the strings that are tokens by their name. Where nothing of the
// kind stands it only searches: an unescaped quote right behind the name of a token, and
// one right before it, are a name in any JSON.
func (r *Reader) json(b []byte) {
	for at := 0; at < len(b); {
		if r.in == elsewhere {
			q := r.search(b, at)
			if q < 0 {
				break
			}
			r.in, at = named, q+1
			continue
		}
		c := b[at]
		switch {
		case r.in == escaped:
			r.in, b[at] = masked, '*'
		case r.in == masked && c == '"':
			r.in = elsewhere
		case r.in == masked:
			if b[at] = '*'; c == '\\' {
				r.in = escaped
			}
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case r.in == named && c == ':':
			r.in = parted
		case r.in == parted && c == '"':
			r.in = masked
		default:
			r.in = elsewhere
			continue // it may begin something
		}
		at++
	}
	r.past = append(r.past, b[max(0, len(b)-reach):]...)
	r.past = r.past[:copy(r.past, r.past[max(0, len(r.past)-reach):])]
}

// search gives the place of the quote behind the first name of a token, from a place
// on; -1 if there is none.
func (r *Reader) search(b []byte, from int) int {
	var near [2 * reach]byte
	for q := from; q < min(len(b), reach); q++ { // the name may have begun before b
		if b[q] == '"' && begins(append(append(near[:0], r.past...), b[:q]...)) {
			return q
		}
	}
	for from = max(from, reach); from < len(b); {
		q := -1
		for _, end := range [...]string{`ken"`, `KEN"`, `Key"`, `key"`, `KEY"`} {
			if i := bytes.Index(b[from-3:], []byte(end)); i >= 0 && (q < 0 || from+i < q) {
				q = from + i
			}
		}
		if q < 0 || begins(b[q-reach:q]) {
			return q
		}
		from = q + 1
	}
	return -1
}

// begins reports whether b, which a quote follows, ends with the beginning and the name
// of a token.
func begins(b []byte) bool {
	i := bytes.LastIndexByte(b, '"')
	return i >= 0 && (i == 0 || b[i-1] != '\\') && token(b[i+1:])
}

// token reports whether a name is that of a token, in whichever way names are written:
// of OAuth (RFC 6749, 5.1; OpenID Connect Core, 3.1.3.3; RFC 7592, 3) or of AWS (Security
// Token Service, Credentials).
func token(name []byte) bool {
	if len(name) < len("idtoken") || len(name) > len("registration_access_token") {
		return false
	}
	var plain [reach]byte
	n := 0
	for _, c := range name {
		switch {
		case c == '_' || c == '-':
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		plain[n] = c
		n++
	}
	switch string(plain[:n]) {
	case "accesstoken", "refreshtoken", "idtoken", "registrationaccesstoken", "sessiontoken", "secretaccesskey":
		return true
	}
	return false
}

// form puts stars over the fields that are tokens by their name.
func (r *Reader) form(b []byte) {
	for i, c := range b {
		switch {
		case c == '&':
			r.in, r.past = elsewhere, r.past[:0]
		case r.in == masked:
			b[i] = '*'
		case r.in == elsewhere && c == '=':
			if r.in = unnamed; token(r.past) {
				r.in = masked
			}
		case r.in == elsewhere && len(r.past) <= reach:
			r.past = append(r.past, c)
		}
	}
}
