package tokens

import (
	"bytes"
	"strings"
)

// maxValue is how long a value may be, without what is in its element besides.
const maxValue = 16 << 10

// document tells XML from what is none.
func (r *Reader) document(b []byte, from int) {
	for i := from; i < len(b); i++ {
		if strings.IndexByte(spaces, b[i]) >= 0 {
			continue
		}
		if r.step = nothing; b[i] == '<' {
			r.step = (*Reader).xml
		}
		r.step(r, b, i)
		return
	}
}

// xml puts stars over the text of elements that are tokens by their name, as AWS answers
// (Security Token Service, AssumeRole): one word, and nothing until the end of the
// element but comments. It is no parser: it knows how the pieces of a document end, and
// not what may stand where.
func (r *Reader) xml(b []byte, from int) {
	for at := from; at < len(b); at++ {
		if r.in == elsewhere {
			i := bytes.IndexByte(b[at:], '<')
			if i < 0 {
				return
			}
			at += i
			r.begin(elsewhere, tag)
			continue
		}
		c := b[at]
		if r.open >= 0 {
			r.was = append(r.was, c)
		}
		switch r.in {
		case tag:
			r.element(c)
		case inside:
			r.behind(c)
		case quoted:
			if c == r.quote {
				r.in = inside
			}
		case masked:
			if c == '<' {
				r.in = angle
			} else {
				r.star(&b[at])
			}
		case angle: // something in the token, another element, or the end of this one
			r.angle(c)
		case closing:
			r.closing(c)
		case bang:
			r.opening(c)
		case aside:
			r.over(c)
		case literal: // its brackets stay, since they may be its end
			if !r.over(c) && r.back == masked && c != ']' {
				r.star(&b[at])
			}
		}
		r.decide(b, at)
	}
}

// What of a value came.
const (
	blank   uint8 = iota
	wording       // it ends with its word
	worded        // behind the word there is space
	wrong         // it is no token
	done          // it is one
)

// star hides a byte, but for space.
func (r *Reader) star(c *byte) {
	switch space := strings.IndexByte(spaces[:4], *c) >= 0; {
	case space && r.word == wording:
		r.word = worded
	case space:
	case r.word == worded:
		r.word = wrong
	default:
		r.word, *c = wording, '*'
	}
}

// angle takes the byte behind a < in a value.
func (r *Reader) angle(c byte) {
	switch r.begin(masked, tag); c {
	case '/':
		r.in = closing
	case '!', '?':
		r.element(c)
	default:
		r.begin(elsewhere, tag)
		r.element(c)
		r.word = wrong
	}
}

// closing takes a byte of the tag that ends an element.
func (r *Reader) closing(c byte) {
	switch same := string(r.past) == string(r.full); {
	case same && c == '>':
		r.in, r.word = elsewhere, done
	case same && strings.IndexByte(spaces[:4], c) >= 0:
	case len(r.past) < len(r.full) && c == r.full[len(r.past)]:
		r.past = append(r.past, c)
	default:
		r.word = wrong
	}
}

// decide begins to hold back a value behind the tag that ends at a place, and ends it.
func (r *Reader) decide(b []byte, at int) {
	switch {
	case r.open < 0 && r.in == masked:
		r.open, r.was, r.word = at+1, r.was[:0], blank
	case r.open < 0:
	case r.word == done:
		r.open = -1
	case r.word == wrong || len(r.was) > maxValue:
		r.leave(b)
	}
}

// leave gives the value back as it came; what is read goes on as if it were none.
func (r *Reader) leave(b []byte) {
	if r.open < 0 {
		return
	}
	copy(b[r.open:], r.was)
	r.open, r.back = -1, elsewhere
	switch r.in {
	case masked, angle:
		r.in = elsewhere
	case closing:
		r.in, r.past = inside, r.past[:0]
		if last := r.was[len(r.was)-1]; last == '>' {
			r.in = elsewhere
		}
	}
}

// begin is behind a <; what is neither an element nor its end leads back.
func (r *Reader) begin(back, in place) {
	r.back, r.in, r.past, r.slash = back, in, r.past[:0], false
	if back == elsewhere {
		r.full = r.full[:0]
	}
}

// element takes a byte of the name of an element, without its prefix.
func (r *Reader) element(c byte) {
	switch {
	case c == '!' && len(r.past) == 0:
		r.in = bang
	case c == '?' && len(r.past) == 0:
		r.in, r.end, r.run = aside, '?', 0
	case c == ':':
		r.past = r.past[:0]
		r.naming(c)
	case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '>' || c == '/':
		r.in = inside
		r.behind(c)
	case len(r.past) <= reach:
		r.past = append(r.past, c)
		r.naming(c)
	}
}

// naming takes a byte of the name with its prefix; one that is longer than any is none.
func (r *Reader) naming(c byte) {
	if len(r.full) <= len(r.room) {
		r.full = append(r.full, c)
	}
}

// behind takes a byte of a tag behind the name.
func (r *Reader) behind(c byte) {
	switch c {
	case '"', '\'':
		r.in, r.quote, r.slash = quoted, c, false
	case '>':
		if r.in = elsewhere; !r.slash && token(r.past) {
			r.in = masked
		}
	case ' ', '\t', '\r', '\n':
	default:
		r.slash = c == '/'
	}
}

const section = "[CDATA["

// opening takes a byte of what tells comments, sections and declarations apart.
func (r *Reader) opening(c byte) {
	r.past, r.run = append(r.past, c), 0
	switch said := string(r.past); {
	case said == section:
		r.in, r.end = literal, ']'
	case said == "--":
		r.in, r.end = aside, '-'
	case said != "-" && !strings.HasPrefix(section, said):
		r.in, r.end = aside, 0
		r.over(c)
	}
}

// over takes a byte of what ends in a way of its own, and reports whether it is the end.
func (r *Reader) over(c byte) bool {
	least := 2
	switch r.end {
	case 0:
		least = 0
	case '?':
		least = 1
	}
	switch {
	case c == '>' && r.run >= least:
		r.in = r.back
		return true
	case c == r.end:
		r.run++
	default:
		r.run = 0
	}
	return false
}
