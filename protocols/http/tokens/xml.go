package tokens

import (
	"bytes"
	"strings"
)

// xml puts stars over the text of elements that are tokens by their name, as AWS answers
// (Security Token Service, AssumeRole). It is no parser: it knows how the pieces of a
// document end, and not what may stand where.
func (r *Reader) xml(b []byte) {
	for at := 0; at < len(b); at++ {
		if r.in == elsewhere {
			i := bytes.IndexByte(b[at:], '<')
			if i < 0 {
				return
			}
			at += i
			r.begin(elsewhere, tag)
			continue
		}
		switch c := b[at]; r.in {
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
				star(&b[at])
			}
		case angle: // something in the token, another element, or the end of this one
			r.begin(masked, tag)
			r.element(c)
		case bang:
			r.opening(c)
		case aside:
			r.over(c)
		case literal: // its brackets stay, since they may be its end
			if !r.over(c) && r.back == masked && c != ']' {
				star(&b[at])
			}
		}
	}
}

// star hides a byte, but for space.
func star(c *byte) {
	if *c != ' ' && *c != '\t' && *c != '\r' && *c != '\n' {
		*c = '*'
	}
}

// begin is behind a <; what is neither an element nor its end leads back.
func (r *Reader) begin(back, in place) { r.back, r.in, r.past, r.slash = back, in, r.past[:0], false }

// element takes a byte of the name of an element, without its prefix.
func (r *Reader) element(c byte) {
	switch {
	case c == '!' && len(r.past) == 0:
		r.in = bang
	case c == '?' && len(r.past) == 0:
		r.in, r.end, r.run = aside, '?', 0
	case c == ':':
		r.past = r.past[:0]
	case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '>' || c == '/':
		r.in = inside
		r.behind(c)
	case len(r.past) <= reach:
		r.past = append(r.past, c)
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
