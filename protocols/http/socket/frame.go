package socket

import (
	"encoding/binary"
	"fmt"
)

// Lengths of the head of a frame (RFC 6455, 5.2).
const (
	leastHead = 2
	mediumLen = 4  // with a length of 16 bits
	maxHead   = 10 // with one of 64 bits
	maskLen   = 4
)

// A frame is what the head of one says.
type frame struct {
	control bool
	end     bool // of a message
	length  uint64
	mask    [maskLen]byte // of an agent's
}

// parse reads the head of a frame, of an agent if it is masked; whole is false while
// bytes of it are missing.
func parse(h []byte, masked bool) (f frame, whole bool, err error) {
	if len(h) < leastHead {
		return f, false, nil
	}
	code, need := h[0]&0x0f, leastHead
	f.control, f.end, f.length = code >= 8, h[0]&0x80 != 0, uint64(h[1]&0x7f)
	switch {
	case h[0]&0x70 != 0:
		return f, false, fmt.Errorf("%w: an extension that was not agreed on", ErrFrame)
	case h[1]&0x80 != 0 && !masked:
		return f, false, fmt.Errorf("%w: it is masked", ErrFrame)
	case h[1]&0x80 == 0 && masked:
		return f, false, fmt.Errorf("%w: it is not masked", ErrFrame)
	case code > 2 && code < 8 || code > 10:
		return f, false, fmt.Errorf("%w: operation %d", ErrFrame, code)
	case f.control && (!f.end || f.length > 125):
		return f, false, fmt.Errorf("%w: a control frame in pieces, or a long one", ErrFrame)
	case f.length == 126:
		need = mediumLen
	case f.length == 127:
		need = maxHead
	}
	at := need
	if masked {
		need += maskLen
	}
	if len(h) < need {
		return f, false, nil
	}
	switch at {
	case mediumLen:
		f.length = uint64(binary.BigEndian.Uint16(h[leastHead:]))
	case maxHead:
		f.length = binary.BigEndian.Uint64(h[leastHead:])
	}
	if at == mediumLen && f.length < 126 || at == maxHead && (f.length < 1<<16 || f.length >= 1<<63) {
		return f, false, fmt.Errorf("%w: a length that is written too long", ErrFrame)
	}
	copy(f.mask[:], h[at:])
	return f, true, nil
}
