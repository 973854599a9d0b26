package llm

import "bytes"

// Bounds of what a document keeps while it is read.
const (
	maxPath = 16  // objects and arrays within each other on the way to something known
	maxWord = 160 // bytes of a key, a number or a text that is kept
)

// A document reads JSON byte by byte and picks out what Place knows. It is lenient:
// what is no JSON is skipped, and what follows it in the same document with it.
type document struct {
	state   state
	place   place   // of the value that comes next
	kind    content // of the string that is read
	escaped bool    // the next byte of the string belongs to a backslash
	long    bool    // the word is longer than there is room for
	deep    int     // how many objects and arrays of no interest are open
	depth   int
	path    [maxPath]container
	word    [maxWord]byte
	length  int // of word

	got  findings
	into *packed // reads the documents in texts of this one; nil: nobody does
}

// A container is an object or array that is open.
type container struct {
	place place
	array bool
}

type state uint8

const (
	wantValue state = iota
	wantKey
	wantColon
	wantMore // a comma, or the end
	inString
	inScalar // a number, true, false, null
	inDeep
	inDeepString
	isBad
)

// A content is what becomes of a string.
type content uint8

const (
	isNothing content = iota
	isKey
	isWord
	isText
	isPacked
)

// read takes in what comes next.
func (d *document) read(p []byte) {
	for len(p) > 0 {
		switch d.state {
		case inString, inDeepString:
			p = d.text(p)
		case inDeep:
			p = d.skip(p)
		case inScalar:
			p = d.scalar(p)
		case isBad:
			return
		default:
			d.step(p[0])
			p = p[1:]
		}
	}
}

// end forgets the document, complete or not; the next byte begins another.
func (d *document) end() {
	d.state, d.place, d.depth, d.deep, d.escaped = wantValue, placeRoot, 0, 0, false
	d.length, d.long = 0, false
}

// step takes one byte of the structure.
func (d *document) step(c byte) {
	if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
		return
	}
	switch {
	case c == '}' || c == ']':
		d.close()
	case d.state == wantValue:
		d.value(c)
	case d.state == wantKey && c == '"':
		d.begin(inString, isKey)
	case d.state == wantColon && c == ':':
		d.state = wantValue
	case d.state == wantMore && c == ',':
		d.next()
	default:
		d.state = isBad
	}
}

// next goes behind a comma.
func (d *document) next() {
	top := &d.path[d.depth-1]
	d.state = wantKey
	if top.array {
		d.state, d.place = wantValue, top.place
	}
}

// value begins one, whose place is known.
func (d *document) value(c byte) {
	if d.depth == 0 {
		d.place = placeRoot
	}
	switch {
	case c == '{' || c == '[':
		d.open(c == '[')
	case d.depth == 0: // a document that is one word
		d.state = isBad
	case c == '"':
		d.begin(inString, contentOf(d.place))
	default:
		d.begin(inScalar, isWord)
		d.keep([]byte{c})
	}
}

func (d *document) open(array bool) {
	if !d.place.holds() || d.depth == maxPath {
		d.state, d.deep = inDeep, 1
		return
	}
	d.path[d.depth] = container{d.place, array}
	d.depth++
	d.state = wantKey
	if array {
		d.state = wantValue
	}
}

func (d *document) close() {
	if d.depth == 0 || d.state == wantColon {
		d.state = isBad
		return
	}
	d.depth--
	inside := placeNone
	if d.depth > 0 {
		inside = d.path[d.depth-1].place
	}
	d.got.closed(d.path[d.depth].place, inside)
	d.over()
}

// over ends a value.
func (d *document) over() {
	if d.depth == 0 {
		d.end()
		return
	}
	d.state = wantMore
}

func (d *document) begin(s state, c content) {
	d.state, d.kind, d.length, d.long = s, c, 0, false
	if c == isPacked && d.into != nil {
		d.into.begin()
	}
}

func (d *document) keep(p []byte) {
	n := copy(d.word[d.length:], p)
	d.length += n
	d.long = d.long || n < len(p)
}

// text reads a string as far as p goes.
func (d *document) text(p []byte) []byte {
	n, whole := d.span(p)
	switch {
	case d.state == inDeepString || d.kind == isNothing:
	case d.kind == isText:
		d.got.said += int64(n)
	case d.kind == isPacked:
		if d.into != nil {
			d.into.read(p[:n])
		}
	default:
		d.keep(p[:n])
	}
	if !whole {
		return nil
	}
	d.spoken()
	return p[n+1:]
}

// spoken ends a string.
func (d *document) spoken() {
	word := d.word[:d.length]
	switch {
	case d.state == inDeepString:
		d.state = inDeep
	case d.kind == isKey:
		d.place = placeNone
		if !d.long {
			d.place = d.path[d.depth-1].place.at(word)
		}
		d.state = wantColon
	default:
		if d.kind == isWord {
			d.got.words(d.place, word)
		}
		d.over()
	}
}

// span counts the bytes of a string up to its closing quote, or all of p. Both
// searches go over each byte once.
func (d *document) span(p []byte) (n int, whole bool) {
	i := 0
	if d.escaped {
		d.escaped, i = false, 1
	}
	quote := index(p, i, '"')
	for {
		end := quote
		if quote < 0 {
			end = len(p)
		}
		slash := bytes.IndexByte(p[i:end], '\\')
		if slash < 0 {
			return end, quote >= 0
		}
		if i += slash + 2; i > len(p) {
			d.escaped = true
			return len(p), false
		}
		if i-1 == quote {
			quote = index(p, i, '"')
		}
	}
}

func index(p []byte, from int, c byte) int {
	if i := bytes.IndexByte(p[from:], c); i >= 0 {
		return from + i
	}
	return -1
}

// skip goes through objects and arrays of no interest.
func (d *document) skip(p []byte) []byte {
	for i, c := range p {
		switch c {
		case '"':
			d.state = inDeepString
			return p[i+1:]
		case '{', '[':
			d.deep++
		case '}', ']':
			if d.deep--; d.deep == 0 {
				d.over()
				return p[i+1:]
			}
		}
	}
	return nil
}

// scalar reads a number or a name. It counts only when something stands behind it:
// half a number is another number.
func (d *document) scalar(p []byte) []byte {
	for i, c := range p {
		switch c {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			d.keep(p[:i])
			if !d.long {
				d.got.number(d.place, d.word[:d.length])
			}
			d.over()
			return p[i:]
		case '"', '{', '[', ':':
			d.state = isBad
			return nil
		}
	}
	d.keep(p)
	return nil
}
