package scrub

import (
	"errors"
	"io"
)

// A Reader reads a stream without the values in it. It belongs to one goroutine;
// Reset makes it ready.
type Reader struct {
	m     *Matcher
	src   io.Reader
	held  []byte // may begin a value: kept until more has come
	known []span // places in held that are values already
	err   error  // what src said last
	found int
	own   []byte // for reads into less room than a value takes
	ready []byte // of own, not yet given out
	room  [4]span
}

// Reset begins with src, to be read without the values that m finds. A read hands
// on what came, but for an end that may be the beginning of a value; at the end of
// the stream it hands on all but the beginning of a value that is at least Least
// bytes long, which is masked like a whole one.
func (r *Reader) Reset(m *Matcher, src io.Reader) { *r = Reader{m: m, src: src} }

// Reader gives a Reader of src.
func (m *Matcher) Reader(src io.Reader) *Reader { return &Reader{m: m, src: src} }

// Found counts the values that were masked.
func (r *Reader) Found() int { return r.found }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.m == nil {
		return r.src.Read(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.ready) == 0 && len(p) >= 2*r.m.longest {
		return r.fill(p)
	}
	if len(r.ready) == 0 {
		if r.own == nil {
			r.own = make([]byte, 2*r.m.longest)
		}
		n, err := r.fill(r.own)
		if n == 0 {
			return 0, err
		}
		r.ready = r.own[:n]
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// fill reads into p, which has room for two values, until something can be given
// out or src ends.
func (r *Reader) fill(p []byte) (int, error) {
	for {
		if r.err != nil && len(r.held) == 0 {
			return 0, r.err
		}
		old := copy(p, r.held)
		n := old
		if r.err == nil {
			var got int
			got, r.err = r.src.Read(p[n:])
			n += got
			if got == 0 && r.err == nil {
				return 0, nil
			}
		}
		if out := r.clean(p[:n], old); out > 0 {
			return out, nil
		}
	}
}

// clean masks the values in b, of which the first old bytes were held, and gives
// the length of what may go out; the rest is held.
func (r *Reader) clean(b []byte, old int) int {
	places := r.known
	for _, p := range r.m.find(b, r.room[:0]) {
		if p.to > old {
			places = append(places, p)
			r.found++
		}
	}
	hold := r.m.begun(b)
	if r.err != nil { // nothing more can make it whole
		if errors.Is(r.err, io.EOF) && hold < Least {
			hold = 0
		}
		places = append(places, span{len(b) - hold, len(b)})
		hold = 0
	}
	out := len(b) - hold
	r.held = append(r.held[:0], b[out:]...)
	cover(b[:out], places)
	r.known = r.known[:0]
	for _, p := range places {
		if p.to > out {
			r.known = append(r.known, span{p.from - out, p.to - out})
		}
	}
	return out
}
