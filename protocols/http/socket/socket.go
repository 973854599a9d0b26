// Package socket reads the frames of a WebSocket as they pass: it masks injected secrets
// in what an origin sends, and shows what either side sends to whoever looks for something in
// it. The framing stays as it is; what is no frame ends the connection.
package socket

import (
	"errors"
	"io"
	"net"
	"os"

	"sallyport.dev/sallyport/vault/scrub"
)

// ErrFrame means that one side sends what is no frame of a WebSocket without
// extensions.
var ErrFrame = errors.New("it sends what is no WebSocket frame")

// keptRoom is how much room for what is not read yet stays while nothing comes.
const keptRoom = 4 << 10

// A Reader reads frames without the values in them. No byte of a frame waits for the
// next frame; within one only the beginning of a value waits for what follows. It belongs
// to one goroutine.
type Reader struct {
	src  io.Reader
	used func() *scrub.Matcher // asked for every read: secrets come and go

	head  []byte // of the frame that begins
	left  uint64 // bytes of the frame that have not come
	data  scrub.Pieces
	other scrub.Pieces  // of control frames, which stand between those of a message
	now   *scrub.Pieces // where the bytes of this frame belong
	ready []byte        // not given out yet
	room  []byte        // that ready is in
	err   error
}

// NewReader reads src without the values that used finds.
func NewReader(src io.Reader, used func() *scrub.Matcher) *Reader {
	return &Reader{src: src, used: used, head: make([]byte, 0, maxHead)}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.ready) == 0 {
		if r.err != nil || len(p) == 0 {
			return 0, r.err
		}
		n, err := r.src.Read(p)
		r.room = r.room[:0]
		if cap(r.room) > keptRoom && n < keptRoom {
			r.room = nil
		}
		if bad := r.frames(p[:n]); bad != nil {
			err = bad
		}
		if passes(err) {
			if r.ready = r.room; len(r.ready) == 0 {
				return 0, err
			}
			break
		}
		if r.err = err; err != nil && r.now != nil && r.left > 0 {
			r.room = append(r.room, r.now.Next(r.used(), nil, true)...)
		}
		r.ready = r.room
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// frames takes bytes as they come.
func (r *Reader) frames(b []byte) error {
	used := r.used()
	for len(b) > 0 {
		if r.left == 0 {
			r.head, b = append(r.head, b[0]), b[1:]
			if err := r.begin(); err != nil {
				return err
			}
			continue
		}
		n := min(uint64(len(b)), r.left)
		r.left -= n
		r.room = append(r.room, r.now.Next(used, b[:n], r.left == 0)...)
		b = b[n:]
	}
	return nil
}

// begin reads the head of a frame, if it is whole.
func (r *Reader) begin() error {
	h := r.head
	f, whole, err := parse(h, false)
	if err != nil || !whole {
		return err
	}
	r.room = append(r.room, h...)
	r.head, r.left, r.now = h[:0], f.length, &r.data
	if f.control {
		r.now = &r.other
	}
	return nil
}

// passes reports whether a read that failed may be tried again: its time was over, and
// all that was read before still holds.
func passes(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// Conn is c, read without the values that used finds.
func Conn(c net.Conn, used func() *scrub.Matcher) net.Conn { return &conn{c, NewReader(c, used)} }

type conn struct {
	net.Conn
	r io.Reader
}

func (c *conn) Read(p []byte) (int, error) { return c.r.Read(p) }

// CloseWrite ends one direction, where the connection can.
func (c *conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Close()
}
