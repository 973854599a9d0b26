// Package page writes what a person gets to read of a request: what the agent wrote
// stands in one line behind a word of ours, in plain ASCII, or behind
// action.SampleMargin, and whatever is left out is counted where it is missing.
package page

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/aws"
	"sallyport.dev/sallyport/protocols/http/normal"
)

// What a person gets to read of one request, in bytes of the Sample.
const (
	urlRoom   = 8 << 10
	headRoom  = 8 << 10
	fieldRoom = 1 << 10 // of one field, so that it cannot push the others out
	hexRoom   = 1 << 10 // bytes of a body that nobody can read anyway
	hexLine   = 32
	// BodyRoom is how much of the beginning of a body can be shown.
	BodyRoom = 16 << 10
)

// masked stands for the value of a field that may be a secret.
const masked = "[hidden]"

// A Page is a Sample as it is written.
type Page struct {
	Signs bool // the fields of AWS say what is asked, and are signed anew
	Full  bool // nothing is left out for its length; what may be a secret still is

	b      []byte
	head   int // bytes of fields
	hidden int64
}

// URL writes the request line, from which secret bytes are left out.
func (p *Page) URL(line string, secret int) {
	p.missing(p.line([]byte(line), p.room(urlRoom), ascii) + secret)
}

// room is what there is room for.
func (p *Page) room(n int) int {
	if p.Full {
		return math.MaxInt
	}
	return n
}

// Say writes a line of ours.
func (p *Page) Say(line string) { p.b = append(append(p.b, line...), '\n') }

// Text gives what was written, and how many bytes of the request it leaves out.
func (p *Page) Text() (sample []byte, hidden int64) { return p.b, p.hidden }

// Fields writes what is not in every request, a line for each value.
func (p *Page) Fields(word string, h http.Header) {
	p.fields(word, h, func(name string) bool { return !usual(name) })
}

// Usual writes the others, which belong at the end: they say little of what a
// request does, but they are sent.
func (p *Page) Usual(word string, h http.Header) { p.fields(word, h, usual) }

func (p *Page) fields(word string, h http.Header, wanted func(name string) bool) {
	left := 0
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !wanted(name) {
			continue
		}
		for _, v := range h[name] {
			room := p.room(min(fieldRoom, headRoom-p.head))
			if room < len(word)+len(name) {
				left += len(name) + len(v)
				continue
			}
			text, secret := name+": "+v, 0
			if Secret(name, p.Signs) {
				text, secret = name+": "+masked, len(v)
			}
			start := len(p.b)
			p.b = append(p.b, word...)
			p.missing(p.line([]byte(text), room, ascii) + secret)
			p.head += len(p.b) - start
		}
	}
	p.missing(left)
}

// Secret reports whether the value of a field must not be shown. Where the gateway
// signs for AWS, what its fields ask is no secret, but for the keys among them.
func Secret(name string, signs bool) bool {
	if !signs || !aws.Speaks(name) {
		return normal.SecretName(name) || normal.CredentialField(name)
	}
	said := strings.TrimPrefix(name, "X-Amz-")
	return said == "Mfa" || strings.HasSuffix(said, "-Customer-Key") || normal.SecretName(said)
}

// usual names the fields that say nothing about what most requests do.
func usual(name string) bool {
	switch name {
	case "User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Accept-Charset", "Connection", "Content-Length", "Te":
		return true
	}
	return false
}

// Body writes the lines of a text, or the bytes at the head of anything else. Of
// a body of size bytes near is the beginning.
func (p *Page) Body(near []byte, size int64) {
	if size == 0 {
		return
	}
	p.b = fmt.Appendf(p.b, "body %d bytes", size)
	beyond := int(size) - len(near)
	switch {
	case isText(whole(near, beyond)):
		p.b = append(p.b, '\n')
		p.lines(near, beyond)
	case mostlyText(near):
		p.b = append(p.b, ", not all of it text\n"...)
		p.lines(near, beyond)
	default:
		p.b = append(p.b, ", binary\n"...)
		p.hex(near, beyond)
	}
}

// whole takes off what may be the first bytes of a character that is cut in two.
func whole(near []byte, beyond int) []byte {
	if beyond == 0 {
		return near
	}
	for cut := range min(utf8.UTFMax, len(near)) {
		if head := near[:len(near)-cut]; utf8.Valid(head) {
			return head
		}
	}
	return near
}

// lines writes a text, and how much of it and of what is beyond it found no room.
func (p *Page) lines(body []byte, beyond int) {
	const margin = len(action.SampleMargin) + 1
	for room := BodyRoom; len(body) > 0 && room > margin; {
		line, rest, _ := bytes.Cut(body, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		start := len(p.b)
		p.b = append(p.b, action.SampleMargin...)
		if left := p.line(line, room-margin, readable); left > 0 {
			body = body[len(line)-left:]
			break
		}
		room -= len(p.b) - start
		body = rest
	}
	p.missing(len(body) + beyond)
}

func (p *Page) hex(body []byte, beyond int) {
	shown := body[:min(len(body), hexRoom)]
	for line := range slices.Chunk(shown, hexLine) {
		p.b = fmt.Appendf(p.b, "%s% x\n", action.SampleMargin, line)
	}
	p.missing(len(body) - len(shown) + beyond)
}

// line writes one line, of room bytes at most, in which every character that
// plain does not know is spelled out. It gives the bytes that found no room.
func (p *Page) line(text []byte, room int, plain func(rune) bool) (left int) {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		var spelled [16]byte
		out := text[:n]
		switch {
		case r == utf8.RuneError && n == 1:
			out = fmt.Appendf(spelled[:0], "<0x%02X>", text[0])
		case !plain(r):
			out = fmt.Appendf(spelled[:0], "<U+%04X>", r)
		}
		if room -= len(out); room < 0 {
			break
		}
		p.b = append(p.b, out...)
		text = text[n:]
	}
	p.b = append(p.b, '\n')
	return len(text)
}

// missing says that n bytes are left out, if any are.
func (p *Page) missing(n int) {
	if n > 0 {
		p.hidden += int64(n)
		p.b = append(p.b, "[… "+strconv.Itoa(n)+" bytes not shown …]\n"...)
	}
}

// ascii reports what may stand outside the margin.
func ascii(r rune) bool { return ' ' <= r && r <= '~' }

// readable reports what may stand behind the margin.
func readable(r rune) bool { return r == '\t' || unicode.IsPrint(r) }

func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// mostlyText reports whether most of the head of a body can be read: a stray byte
// must not turn a text into numbers.
func mostlyText(b []byte) bool {
	b = b[:min(len(b), 4<<10)]
	n := 0
	for _, r := range string(b) {
		if r != utf8.RuneError && (readable(r) || r == '\n' || r == '\r') {
			n += utf8.RuneLen(r)
		}
	}
	return 4*n >= 3*len(b)
}
