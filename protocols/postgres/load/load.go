// Package load measures what an agent sends in a COPY FROM STDIN: its bytes and
// its rows, as they pass. It changes nothing and reads no connection.
package load

import (
	"bytes"
	"encoding/binary"
)

// A Meter measures one COPY. The zero Meter is for text.
type Meter struct {
	Binary bool // the data are in PostgreSQL's binary format

	lf, cr int64 // ends of lines, each kind
	last   byte  // of the data so far
	any    bool  // there were some
	tuples tuples
}

// See takes in the data, piece by piece.
func (m *Meter) See(b []byte) {
	if len(b) == 0 {
		return
	}
	if m.Binary {
		m.tuples.see(b)
		return
	}
	m.lf += int64(bytes.Count(b, []byte{'\n'}))
	m.cr += int64(bytes.Count(b, []byte{'\r'}))
	m.last, m.any = b[len(b)-1], true
}

// Rows gives how many rows have begun. In text a line is a row, whatever ends it,
// also one inside of quotes: never fewer than the server makes of it.
func (m *Meter) Rows() int64 {
	if m.Binary {
		return m.tuples.begun
	}
	n := max(m.lf, m.cr)
	if m.any && m.last != '\n' && m.last != '\r' {
		n++
	}
	return n
}

// The binary format: a signature, flags and the length of an extension, then
// tuples: how many fields, and for each its length and its bytes.
const (
	preamble = 19 // up to the extension
	inField  = 4  // bytes of a length
	inCount  = 2  // bytes of a count of fields
)

// tuples counts the rows of the binary format.
type tuples struct {
	begun  int64
	head   [preamble]byte
	have   int   // bytes of head
	skip   int64 // bytes that mean nothing here
	fields int   // of the tuple at hand, still to come
	open   bool  // the preamble is over
	done   bool  // the end marker came, or nonsense: the server takes no more
}

// see takes in a piece: it skips what is skipped, and gathers each number whole.
func (t *tuples) see(b []byte) {
	for len(b) > 0 && !t.done {
		if t.skip > 0 {
			n := min(t.skip, int64(len(b)))
			t.skip -= n
			b = b[n:]
			continue
		}
		n := copy(t.head[t.have:t.want()], b)
		t.have += n
		b = b[n:]
		if t.have == t.want() {
			t.take()
			t.have = 0
		}
	}
}

// want is how long the next number is, or the preamble.
func (t *tuples) want() int {
	switch {
	case !t.open:
		return preamble
	case t.fields > 0:
		return inField
	}
	return inCount
}

// take reads the number that is in head.
func (t *tuples) take() {
	switch {
	case !t.open:
		t.open = true
		t.skip = int64(binary.BigEndian.Uint32(t.head[preamble-4:]))
	case t.fields > 0:
		t.fields--
		if n := int32(binary.BigEndian.Uint32(t.head[:])); n > 0 {
			t.skip = int64(n)
		}
	default:
		n := int16(binary.BigEndian.Uint16(t.head[:]))
		if t.done = n < 0; !t.done {
			t.begun++
			t.fields = int(n)
		}
	}
}
