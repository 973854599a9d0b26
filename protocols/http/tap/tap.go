// Package tap copies a body as it goes by, for the record.
package tap

import "io"

// A Tap is a reader that keeps what was read; of a body that is larger than its
// bound it has nothing.
type Tap struct {
	src   io.Reader
	most  int64
	got   []byte
	large bool
	ended bool
}

// New taps src for bodies of up to most bytes.
func New(src io.Reader, most int64) *Tap { return &Tap{src: src, most: most} }

func (t *Tap) Read(b []byte) (int, error) {
	n, err := t.src.Read(b)
	switch {
	case t.large:
	case int64(len(t.got)+n) > t.most:
		t.large, t.got = true, nil
	default:
		t.got = append(t.got, b[:n]...)
	}
	t.ended = t.ended || err == io.EOF
	return n, err
}

// Whole gives the body, once all of it was read and was small enough.
func (t *Tap) Whole() ([]byte, bool) { return t.got, t.ended && !t.large }
