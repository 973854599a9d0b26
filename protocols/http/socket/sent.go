package socket

import (
	"crypto/subtle"
	"io"
	"net"
)

// plainRoom is how much is shown at once.
const plainRoom = 1 << 10

// A Piece is some of what a frame carries, without its mask.
type Piece struct {
	Bytes   []byte // until see returns
	Control bool   // of a ping, a pong or a close, which may stand inside a message
	End     bool   // the message ends with it
}

// Sent is c, read as it is; what its frames carry is shown to see, piece by piece, from
// the goroutine that reads. No byte waits for another.
func Sent(c net.Conn, see func(Piece)) net.Conn { return &conn{c, newSender(c, see)} }

// Received does so with c where an origin's frames come from, which have no mask.
func Received(c net.Conn, see func(Piece)) net.Conn {
	s := newSender(c, see)
	s.bare = true
	return &conn{c, s}
}

// A sender reads frames, which are masked but for those of an origin.
type sender struct {
	src  io.Reader
	see  func(Piece)
	bare bool

	head  []byte // of the frame that begins
	now   frame
	left  uint64 // bytes of it that have not come
	plain [plainRoom]byte
	key   [plainRoom + maskLen]byte // the mask, again and again
	at    int                       // in the mask
	err   error
}

func newSender(src io.Reader, see func(Piece)) *sender {
	return &sender{src: src, see: see, head: make([]byte, 0, maxHead+maskLen)}
}

// Read implements io.Reader. What stands before something that is no frame is given
// out, and nothing behind it.
func (s *sender) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.src.Read(p)
	good, bad := s.frames(p[:n])
	if bad != nil {
		err = bad
	}
	if !passes(err) {
		s.err = err
	}
	return good, err
}

// frames takes bytes as they come, and gives how many are good.
func (s *sender) frames(b []byte) (good int, err error) {
	all := len(b)
	for len(b) > 0 {
		if s.left > 0 {
			n := min(uint64(len(b)), s.left)
			s.left -= n
			s.show(b[:n])
			b = b[n:]
			continue
		}
		s.head, b = append(s.head, b[0]), b[1:]
		f, whole, err := parse(s.head, !s.bare)
		if err != nil {
			return max(0, all-len(b)-len(s.head)), err
		}
		if whole {
			s.begin(f)
		}
	}
	return all, nil
}

func (s *sender) begin(f frame) {
	s.head, s.now, s.left, s.at = s.head[:0], f, f.length, 0
	for i := range min(uint64(len(s.key)), f.length+maskLen) {
		s.key[i] = f.mask[i%maskLen]
	}
	if f.length == 0 {
		s.see(Piece{Control: f.control, End: f.end})
	}
}

// show takes the mask off and shows what was under it.
func (s *sender) show(b []byte) {
	for len(b) > 0 {
		n := min(len(b), len(s.plain))
		subtle.XORBytes(s.plain[:n], b[:n], s.key[s.at:s.at+n])
		b, s.at = b[n:], (s.at+n)%maskLen
		s.see(Piece{Bytes: s.plain[:n], Control: s.now.control, End: s.now.end && s.left == 0 && len(b) == 0})
	}
}
