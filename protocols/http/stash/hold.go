package stash

import (
	"bytes"
	"fmt"
	"io"
)

const firstHold = 16 << 10 // taken before more of a body has come

// Hold takes memory as bytes come, and never more than limit of it. With
// ErrTooLarge it gives what was read, a byte beyond the limit included.
func Hold(r io.Reader, stated, limit int64) ([]byte, error) {
	if stated >= 0 {
		limit = stated
	}
	held := make([]byte, 0, min(limit, firstHold))
	for {
		if int64(len(held)) == limit {
			var over [1]byte
			n, err := io.ReadFull(r, over[:])
			if n > 0 {
				return append(held, over[0]), ErrTooLarge
			}
			if err != io.EOF {
				return nil, fmt.Errorf("body: %w", err)
			}
			return held, nil
		}
		if len(held) == cap(held) {
			held = append(make([]byte, 0, min(limit, 2*int64(cap(held)))), held...)
		}
		n, err := r.Read(held[len(held):cap(held)])
		held = held[:len(held)+n]
		if err == io.EOF {
			return held, nil
		}
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
}

// Resume gives a body of which head was read, from its beginning again.
func Resume(head []byte, rest io.ReadCloser) io.ReadCloser {
	return &resumed{Reader: io.MultiReader(bytes.NewReader(head), rest), Closer: rest}
}

type resumed struct {
	io.Reader
	io.Closer
}

// Drain reads at most most bytes that nobody wants.
func Drain(r io.Reader, most int64) {
	io.CopyN(io.Discard, r, most) //nolint:errcheck // whatever ends it
}
