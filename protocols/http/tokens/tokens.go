// Package tokens takes the tokens out of what the token endpoint of a provider answers:
// an agent that asks there, with the gateway's account, gets stars in their place, which
// the gateway replaces on the way out as it replaces everything of the kind. It reads
// what says that it is JSON, a form or XML as it comes, and what says nothing by what it
// turns out to be; it changes no length and nothing else.
package tokens

import (
	"bytes"
	"io"
	"net/url"
	"strings"
)

// reach is how far the name of a token goes back from the quote that ends it, with the
// byte before the quote that begins it.
const reach = len(`x"registration_access_token`)

// A Reader reads an answer without tokens. It belongs to one goroutine; Reset makes it
// ready, and it is not copied then.
type Reader struct {
	src  io.Reader
	step func(r *Reader, b []byte, from int) // takes what stands in b from there on
	past []byte                              // the last bytes before those that come, in JSON; the name so far, in a form
	room [4 * reach]byte                     // past is in it
	in   place

	quote byte   // that ends the value of the attribute
	slash bool   // the tag may end without an element
	back  place  // where what is aside stands
	end   byte   // that stands before the > that ends it; 0: nothing does
	run   int    // how many of these stand right before
	full  []byte // the name of the element, with its prefix

	open int    // where in b the value begins of which it is not clear yet; -1: there is none
	was  []byte // it, as it came
	word uint8  // what of it came
	all  []byte // what came of an answer that does not say what it is
	deep nesting
	held []byte // what is not given out yet
	err  error  // behind it
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
	closing // in the name of the element that ends
	bang    // behind a <!
	aside   // in a comment, a declaration or an instruction
	literal // in a CDATA section
)

// Reset begins with the answer src, of a media type. What is declared to be of a kind that
// no token endpoint answers in stays as it is: it may be a file of any content.
func (r *Reader) Reset(src io.Reader, mediaType string) {
	r.src, r.step, r.past, r.in = src, nothing, r.room[:0], elsewhere
	r.open, r.held, r.all, r.deep, r.err = -1, r.held[:0], r.all[:0], nesting{}, nil
	media, _, _ := strings.Cut(mediaType, ";")
	switch media = strings.ToLower(strings.TrimSpace(media)); {
	case media == "application/x-www-form-urlencoded":
		r.step = (*Reader).form
	case media == "text/xml", media == "application/xml":
		r.step = (*Reader).document
	case media == "text/event-stream":
		r.step = (*Reader).events
	case media == "text/javascript", strings.Contains(media, "json") && !strings.Contains(media, "raw"): // raw: a file (GitHub)
		r.step = (*Reader).first
	case media == "", media == "text/plain":
		r.step = (*Reader).sniff
	}
}

// nothing leaves the rest of an answer as it is.
func nothing(*Reader, []byte, int) {}

// Read implements io.Reader. Of XML it holds back the value of an element that may be a
// token, until that has ended; of what does not say what it is, and may be an answer with
// a token, all from the token on.
func (r *Reader) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if n := r.give(p); n > 0 {
			return n, nil
		}
		if err := r.err; err != nil {
			r.err = nil
			return 0, err
		}
		n, err := r.src.Read(p)
		if len(r.held) == 0 {
			r.step(r, p[:n], 0)
			if r.open < 0 {
				return n, err
			}
			r.held = append(r.held, p[:n]...)
		} else {
			r.held = append(r.held, p[:n]...)
			r.step(r, r.held, len(r.held)-n)
		}
		if r.err = err; err != nil {
			r.settle(err)
		}
	}
	return 0, nil
}

// give gives out what of the held is clear.
func (r *Reader) give(p []byte) int {
	clear := len(r.held)
	if r.open >= 0 {
		clear = r.open
	}
	n := copy(p, r.held[:clear])
	r.held = r.held[:copy(r.held, r.held[n:])]
	if r.open >= 0 {
		r.open -= n
	}
	return n
}

// spaces that may stand in front of JSON, and a mark of UTF-8.
const spaces = " \t\r\n\xef\xbb\xbf"

// first tells JSON from what is none by its first bytes.
func (r *Reader) first(b []byte, from int) {
	for i := from; i < len(b); i++ {
		if strings.IndexByte(spaces, b[i]) >= 0 {
			continue
		}
		r.past = append(r.past, b[i])
		yes, no := begun(string(r.past))
		if yes || no {
			if r.past, r.step = r.room[:0], nothing; yes {
				r.step = (*Reader).json
			}
			r.step(r, b, i)
			return
		}
	}
}

// events looks for the first event of a stream that is JSON (HTML, 9.2.6); what stands
// in the names of others is none.
func (r *Reader) events(b []byte, from int) {
	for i := from; i < len(b); i++ {
		switch {
		case b[i] == '\n' || b[i] == '\r':
			r.past = r.room[:0]
			continue
		case len(r.past) == reach || strings.IndexByte(spaces, b[i]) >= 0:
			continue
		}
		r.past = append(r.past, b[i])
		value, ok := strings.CutPrefix(string(r.past), "data:")
		if yes, _ := begun(value); ok && yes {
			r.past, r.step = r.room[:0], (*Reader).json
			r.json(b, i)
			return
		}
	}
}

// begun reports whether a text, without spaces, begins as an object or a list of JSON, or
// as neither. In front may stand what keeps scripts of other pages from reading it.
func begun(text string) (yes, no bool) {
	for _, guard := range [...]string{")]}'", "while(1);", "for(;;);"} {
		if strings.HasPrefix(guard, text) {
			return false, false
		}
		if rest, ok := strings.CutPrefix(text, guard); ok {
			text = strings.TrimPrefix(rest, ",")
			break
		}
	}
	if text == "" || text == "{" || text == "[" {
		return false, false
	}
	yes = text[0] == '{' && strings.IndexByte(`"}`, text[1]) >= 0 || text[0] == '[' && strings.IndexByte(`{["]-0123456789tfn`, text[1]) >= 0
	return yes, !yes
}

// json puts stars over the strings that are tokens by their name. Where nothing of the
// kind stands it only searches: an unescaped quote right behind the name of a token, and
// one right before it, are a name in any JSON.
func (r *Reader) json(b []byte, from int) {
	b = b[from:]
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

// form puts stars over the fields that are tokens by their name, as long as it is a form
// (URL Standard, 5.2).
func (r *Reader) form(b []byte, from int) {
	for i := from; i < len(b); i++ {
		switch c := b[i]; {
		case !formed(c):
			r.step = nothing
			return
		case c == '&':
			r.in, r.past = elsewhere, r.past[:0]
		case r.in == masked:
			b[i] = '*'
		case r.in == elsewhere && c == '=':
			if r.in = unnamed; field(r.past) {
				r.in = masked
			}
		case r.in == elsewhere && len(r.past) < len(r.room):
			r.past = append(r.past, c)
		}
	}
}

// formed reports whether a byte may stand in a form.
func formed(c byte) bool { return c > ' ' && c < 0x7f && strings.IndexByte("\"'<>`", c) < 0 }

// field reports whether the name of a field, as a form writes it, is that of a token.
func field(name []byte) bool {
	plain, err := url.QueryUnescape(string(name))
	return err == nil && token([]byte(plain))
}
