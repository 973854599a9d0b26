// Package scrub finds values, and the forms an origin may write them in, in
// streams of bytes and puts stars in their place. It keeps the length of what it
// is given and never delays a byte that cannot be part of a value; what an
// origin does to a value beyond these forms it cannot see.
package scrub

import (
	"bytes"
	"encoding/binary"
	"slices"
)

const (
	gram  = 4 // bytes that the tables look at at once
	lanes = 4 // places that are looked at at once
	mark  = '*'

	spread = 0x9E3779B1 // of Knuth's multiplicative hashing
)

// A Matcher looks for a fixed set of values. It is immutable and safe for
// concurrent use; nil finds nothing. It holds the values in the clear.
//
// The search is that of Wu and Manber (A Fast Algorithm for Multi-Pattern
// Searching, 1994): a table says by the last four bytes of a window how far the
// window may move, which is nearly its whole length where no value stands.
type Matcher struct {
	patterns [][]byte
	window   int                   // length of the shortest pattern
	longest  int                   // length of the longest
	bits     uint                  // the tables have 1<<bits entries
	shift    []uint8               // by the last gram of the window; 0: a pattern may end it
	ends     []int32               // head of the patterns whose window ends in a gram, or -1
	starts   []int32               // head of the patterns that begin with a gram, or -1
	nextEnd  []int32               // by pattern
	nextFrom []int32               // by pattern
	short    [gram]map[string]bool // beginnings of less than a gram, by length
	bytes    [256]bool             // those that patterns are made of
}

// New makes a Matcher of every form of the values; values shorter than Least are
// left out. It is nil if nothing is left. The values are copied.
func New(values ...[]byte) *Matcher {
	var patterns [][]byte
	for _, v := range values {
		if len(v) >= Least {
			patterns = append(patterns, forms(v)...)
		}
	}
	slices.SortFunc(patterns, bytes.Compare)
	patterns = slices.CompactFunc(patterns, bytes.Equal)
	if len(patterns) == 0 {
		return nil
	}
	m := &Matcher{patterns: patterns, window: len(patterns[0])}
	for _, p := range patterns {
		m.window, m.longest = min(m.window, len(p)), max(m.longest, len(p))
		for _, c := range p {
			m.bytes[c] = true
		}
	}
	m.window = min(m.window, 255+gram-1)
	m.fill()
	return m
}

// fill makes the tables; they grow with the number of patterns, so that most
// entries stay empty.
func (m *Matcher) fill() {
	for m.bits = 16; m.bits < 22 && len(m.patterns)*m.window > 1<<(m.bits-1); m.bits++ {
	}
	size := 1 << m.bits
	m.shift = bytes.Repeat([]byte{uint8(m.window - gram + 1)}, size)
	m.ends = slices.Repeat([]int32{-1}, size)
	m.starts = slices.Repeat([]int32{-1}, size)
	m.nextEnd = make([]int32, len(m.patterns))
	m.nextFrom = make([]int32, len(m.patterns))
	for n := 1; n < gram; n++ {
		m.short[n] = map[string]bool{}
	}
	for i, p := range m.patterns {
		for end := gram; end <= m.window; end++ {
			h := m.hash(p[end-gram:])
			m.shift[h] = min(m.shift[h], uint8(m.window-end))
		}
		last, first := m.hash(p[m.window-gram:]), m.hash(p)
		m.nextEnd[i], m.ends[last] = m.ends[last], int32(i)
		m.nextFrom[i], m.starts[first] = m.starts[first], int32(i)
		for n := 1; n < gram; n++ {
			m.short[n][string(p[:n])] = true
		}
	}
}

// hash places the gram at the beginning of b in the tables.
func (m *Matcher) hash(b []byte) uint32 {
	return binary.LittleEndian.Uint32(b) * spread >> (32 - m.bits)
}

// A span is where a value stands.
type span struct{ from, to int }

// find appends the places of all values in b, overlapping ones too, in no order.
func (m *Matcher) find(b []byte, found []span) []span {
	shift, bits := m.shift, 32-m.bits
	quarter := len(b) / lanes
	if quarter < 2*m.window {
		return m.lane(b, m.window, len(b), found)
	}
	// A step waits for the one before it, so that four at once take the time of one.
	q, w, x, y := m.window, quarter+1, 2*quarter+1, 3*quarter+1
	for q <= quarter && w <= 2*quarter && x <= 3*quarter && y <= len(b) {
		sq := shift[binary.LittleEndian.Uint32(b[q-gram:])*spread>>bits]
		sw := shift[binary.LittleEndian.Uint32(b[w-gram:])*spread>>bits]
		sx := shift[binary.LittleEndian.Uint32(b[x-gram:])*spread>>bits]
		sy := shift[binary.LittleEndian.Uint32(b[y-gram:])*spread>>bits]
		if sq == 0 || sw == 0 || sx == 0 || sy == 0 {
			for _, end := range [lanes]int{q, w, x, y} {
				found = m.at(b, end, found)
			}
			sq, sw, sx, sy = max(sq, 1), max(sw, 1), max(sx, 1), max(sy, 1)
		}
		q, w, x, y = q+int(sq), w+int(sw), x+int(sx), y+int(sy)
	}
	found = m.lane(b, q, quarter, found)
	found = m.lane(b, w, 2*quarter, found)
	found = m.lane(b, x, 3*quarter, found)
	return m.lane(b, y, len(b), found)
}

// lane is find for the windows that end from end up to last.
func (m *Matcher) lane(b []byte, end, last int, found []span) []span {
	shift, bits := m.shift, 32-m.bits
	for end <= last {
		if s := shift[binary.LittleEndian.Uint32(b[end-gram:])*spread>>bits]; s > 0 {
			end += int(s)
			continue
		}
		found = m.at(b, end, found)
		end++
	}
	return found
}

// at appends the places of the values whose window ends at end.
func (m *Matcher) at(b []byte, end int, found []span) []span {
	from := end - m.window
	for i := m.ends[m.hash(b[end-gram:])]; i >= 0; i = m.nextEnd[i] {
		if bytes.HasPrefix(b[from:], m.patterns[i]) {
			found = append(found, span{from, from + len(m.patterns[i])})
		}
	}
	return found
}

// First gives the place of the first value in b.
func (m *Matcher) First(b []byte) (from, to int, ok bool) {
	if m == nil {
		return 0, 0, false
	}
	var room [4]span
	found := m.find(b, room[:0])
	if len(found) == 0 {
		return 0, 0, false
	}
	first := slices.MinFunc(found, func(a, b span) int { return a.from - b.from })
	return first.from, first.to, true
}

// Longest is the length of the longest form of a value.
func (m *Matcher) Longest() int {
	if m == nil {
		return 0
	}
	return m.longest
}

// begun gives the length of the longest end of b that a value may begin with and
// that is not whole.
func (m *Matcher) begun(b []byte) int {
	for from := max(0, len(b)-m.longest+1); from < len(b); from++ {
		if rest := b[from:]; m.begins(rest) {
			return len(rest)
		}
	}
	return 0
}

// begins reports whether a value that is longer than b begins with it.
func (m *Matcher) begins(b []byte) bool {
	if len(b) < gram {
		return m.short[len(b)][string(b)]
	}
	for i := m.starts[m.hash(b)]; i >= 0; i = m.nextFrom[i] {
		if p := m.patterns[i]; len(p) > len(b) && bytes.HasPrefix(p, b) {
			return true
		}
	}
	return false
}

// Mask puts stars over every value in b and reports whether there was one.
func (m *Matcher) Mask(b []byte) bool {
	if m == nil {
		return false
	}
	var room [4]span
	found := m.find(b, room[:0])
	cover(b, found)
	return len(found) > 0
}

// MaskString is Mask for a string, which is given back as it is where nothing
// stands in it.
func (m *Matcher) MaskString(s string) string {
	if m == nil || len(s) < m.window {
		return s
	}
	b := []byte(s)
	if m.Mask(b) {
		return string(b)
	}
	return s
}

// cover puts stars over places of b.
func cover(b []byte, places []span) {
	for _, p := range places {
		for i := max(0, p.from); i < min(p.to, len(b)); i++ {
			b[i] = mark
		}
	}
}
