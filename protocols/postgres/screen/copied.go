package screen

import (
	"encoding/binary"
	"slices"

	"sallyport.dev/sallyport/vault/scrub"
)

const copyData = 'd'

// A copied looks for values that a server has cut into several messages of COPY: the
// data go on from one to the next, wherever a row ends (protocol-copy in PostgreSQL's
// manual). No message waits for another: where one ends with the beginning of a value
// that tells something, that is masked, and in the next one what makes it whole.
type copied struct {
	secrets *scrub.Matcher
	found   func(from, to int)

	data  bool   // the message at hand is of COPY, or was, if it is over
	tail  []byte // of the data in front of what comes next, if a value may begin there
	heads []head
	flat  []byte // the data without the headers between, behind the tail
	cuts  []cut
}

// A head is the header of a message: between data that may hold one value, or not.
type head struct {
	at    int
	joins bool
}

// A cut is a place from where on flat is something else than before: b from raw on.
type cut struct{ flat, raw int }

// look tells found of the values in b that reach over a header. left bytes of b belong
// to the message that began before; the body of its last one begins at last, and all
// before out goes out now; with more that is not the end of the last one.
func (c *copied) look(b []byte, left, last, out int, more bool) {
	c.walk(b, left)
	joined := slices.ContainsFunc(c.heads, func(h head) bool { return h.joins })
	if joined || len(c.tail) > 0 && left > 0 {
		c.flatten(b, left)
		c.secrets.Places(c.flat, c.across)
		verifiers(c.flat, c.across)
	} else {
		c.flat, c.cuts = append(c.flat[:0], b[last:]...), append(c.cuts[:0], cut{0, last})
	}
	switch fresh := last > 0; {
	case !c.data:
		c.keep(nil)
	case !more:
		c.close()
	case fresh && out <= last && c.heads[len(c.heads)-1].joins: // nothing of it goes out yet
		cut := c.cuts[len(c.cuts)-1].flat
		c.coverBegun(cut)
		c.keep(c.flat[:cut])
	case fresh || out > 0:
		c.keep(nil)
	}
}

// walk notes the headers in b.
func (c *copied) walk(b []byte, left int) {
	c.heads = c.heads[:0]
	open := len(c.tail) > 0 // what stands before may be the beginning of a value
	for from, at := 0, left; at+header <= len(b); {
		if at > from {
			open = c.data && c.may(b[at-1])
		}
		size := int(binary.BigEndian.Uint32(b[at+1:])) + 1
		body := at + header
		open = open && c.data && b[at] == copyData && (size == header || body == len(b) || c.may(b[body]))
		c.heads = append(c.heads, head{at, open})
		c.data = b[at] == copyData
		from, at = body, at+size
	}
}

// may reports whether a value may hold this byte.
func (c *copied) may(b byte) bool {
	return isBase64(b) || b == ':' || b == '$' || b == '-' || c.secrets.Has(b)
}

// flatten puts the data of b behind the tail, without the headers that join them;
// others become what no value holds.
func (c *copied) flatten(b []byte, left int) {
	c.flat, c.cuts = c.flat[:0], c.cuts[:0]
	if left > 0 || c.heads[0].joins {
		c.flat = append(c.flat, c.tail...)
	}
	c.cuts = append(c.cuts, cut{len(c.flat), 0})
	start := 0
	for _, h := range c.heads {
		c.flat = append(c.flat, b[start:h.at]...)
		start = h.at + header
		if h.joins {
			c.cuts = append(c.cuts, cut{len(c.flat), start})
			continue
		}
		c.flat = append(c.flat, make([]byte, header)...)
	}
	c.flat = append(c.flat, b[start:]...)
}

// across tells of a value in flat that a cut goes through; others are found in b.
func (c *copied) across(from, to int) {
	i := c.cutAt(from)
	if end := c.end(i); to <= end && i >= 0 {
		return
	}
	c.tell(from, to)
}

// tell says where in b a part of flat stands.
func (c *copied) tell(from, to int) {
	for i := max(0, c.cutAt(from)); i < len(c.cuts) && c.cuts[i].flat < to; i++ {
		at := c.cuts[i]
		if lo, hi := max(from, at.flat), min(to, c.end(i)); lo < hi {
			c.found(at.raw+lo-at.flat, at.raw+hi-at.flat)
		}
	}
}

// cutAt gives the cut behind which a place of flat stands; -1: it is in the tail.
func (c *copied) cutAt(place int) int {
	i, _ := slices.BinarySearchFunc(c.cuts, place+1, func(c cut, p int) int { return c.flat - p })
	return i - 1
}

// end is where the next cut stands.
func (c *copied) end(i int) int {
	if i+1 < len(c.cuts) {
		return c.cuts[i+1].flat
	}
	return len(c.flat)
}

// close masks the beginning of a value at the end of the data, and keeps what of them
// may be one. It cannot wait: more may come or not.
func (c *copied) close() {
	if len(c.flat) == 0 || !c.may(c.flat[len(c.flat)-1]) {
		c.keep(nil)
		return
	}
	c.coverBegun(len(c.flat))
	c.keep(c.flat)
}

// coverBegun masks the beginning of a value at the end of flat, up to a place.
func (c *copied) coverBegun(to int) {
	n := max(c.secrets.Begun(c.flat), begunVerifier(c.flat))
	if from := len(c.flat) - n; n >= scrub.Least && from < to {
		c.tell(from, to)
	}
}

// keep makes the end of data the tail of what comes.
func (c *copied) keep(data []byte) {
	reach := max(c.secrets.Longest(), maxVerifier)
	c.tail = append(c.tail[:0], data[max(0, len(data)-reach):]...)
}
