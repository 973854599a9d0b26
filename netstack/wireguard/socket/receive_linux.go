package socket

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
)

const (
	// large is how many datagrams are taken at once while they come merged, and
	// largeSize is the most that each can be.
	large     = 4
	largeSize = 1 << 16
	// paths is how many of the last paths are remembered, a power of two.
	paths = 16
)

// A receiver takes datagrams from one socket. The kernel may merge those of a
// sender on its way in; then they come into memory of the receiver, from where
// they are copied in order. While it does not, they are read to where they
// belong, as many as there are. One goroutine uses it.
type receiver struct {
	f     *family
	merge bool       // the last ones came merged
	store [][]byte   // for merged datagrams; nil: none came yet
	wait  []datagram // not given out yet

	msgs     [batchSize]message
	iovs     [batchSize]unix.Iovec
	names    [batchSize]name
	controls [batchSize]control
	known    [paths]*Endpoint

	ask  func(fd uintptr) bool // one system call, for f.raw
	want int                   // messages asked for
	got  int                   // messages that came
	err  unix.Errno
}

// A datagram is one or, merged, several of the same size but the last.
type datagram struct {
	data  []byte
	piece int // size of each; 0: it is one
	from  *Endpoint
}

func newReceiver(f *family) *receiver {
	r := &receiver{f: f}
	for i := range r.msgs {
		m := &r.msgs[i]
		m.Name, m.Iov, m.Control = (*byte)(unsafe.Pointer(&r.names[i])), &r.iovs[i], &r.controls[i].bytes()[0]
		m.SetIovlen(1)
	}
	r.ask = r.call
	return r
}

// receive is a conn.ReceiveFunc.
func (r *receiver) receive(bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
	for {
		if n := r.give(0, bufs, sizes, eps); n > 0 {
			return n, nil
		}
		if !r.merge {
			n, err := r.direct(bufs, sizes, eps)
			if n > 0 || err != nil {
				return n, err
			}
			continue
		}
		if err := r.merged(); err != nil {
			return 0, err
		}
	}
}

// direct reads datagrams to where they belong. What came merged, and all behind
// it, is put aside and given out as far as there is room.
func (r *receiver) direct(bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
	if err := r.fill(bufs[:min(len(bufs), batchSize)]); err != nil {
		return 0, err
	}
	for i := range r.got {
		piece, from := r.head(i)
		if r.merge = piece > 0; r.merge {
			r.putAside(i, bufs)
			return r.give(i, bufs, sizes, eps), nil
		}
		sizes[i], eps[i] = int(r.msgs[i].size), from
	}
	return r.got, nil
}

// putAside copies the datagrams from i on, whose place is needed.
func (r *receiver) putAside(i int, bufs [][]byte) {
	for ; i < r.got; i++ {
		piece, from := r.head(i)
		data := append([]byte(nil), bufs[i][:r.msgs[i].size]...)
		r.wait = append(r.wait, datagram{data, piece, from})
	}
}

// merged reads into the receiver's own memory.
func (r *receiver) merged() error {
	if r.store == nil {
		for range large {
			r.store = append(r.store, make([]byte, largeSize))
		}
	}
	if err := r.fill(r.store); err != nil {
		return err
	}
	r.merge = false
	for i := range r.got {
		piece, from := r.head(i)
		r.merge = r.merge || piece > 0
		r.wait = append(r.wait, datagram{r.store[i][:r.msgs[i].size], piece, from})
	}
	return nil
}

// give copies waiting datagrams into bufs from n on, and gives the end of what is
// there.
func (r *receiver) give(n int, bufs [][]byte, sizes []int, eps []conn.Endpoint) int {
	done := 0
	for done < len(r.wait) && n < len(bufs) {
		d := &r.wait[done]
		size := len(d.data)
		if d.piece > 0 {
			size = min(size, d.piece)
		}
		sizes[n], eps[n] = copy(bufs[n], d.data[:size]), d.from
		n++
		if d.data = d.data[size:]; len(d.data) == 0 {
			done++
		}
	}
	if done > 0 {
		left := copy(r.wait, r.wait[done:])
		clear(r.wait[left:])
		r.wait = r.wait[:left]
	}
	return n
}

// fill waits for datagrams and reads as many as there are, and as fit into into.
func (r *receiver) fill(into [][]byte) error {
	for i := range r.got {
		r.reset(i)
	}
	if r.want == 0 {
		for i := range r.msgs {
			r.reset(i)
		}
	}
	r.want, r.got = len(into), 0
	for i, b := range into {
		if v := &r.iovs[i]; v.Base != &b[0] || int(v.Len) != len(b) {
			v.Base = &b[0]
			v.SetLen(len(b))
		}
	}
	if err := r.f.raw.Read(r.ask); err != nil {
		return err
	}
	if r.err != 0 {
		return fmt.Errorf("recvmmsg: %w", r.err)
	}
	return nil
}

// reset gives the kernel the room back that it told to have used.
func (r *receiver) reset(i int) {
	m := &r.msgs[i]
	m.Namelen, m.Flags = uint32(unsafe.Sizeof(r.names[i])), 0
	m.SetControllen(controlSize)
}

// call is the system call; false means that there is nothing yet.
func (r *receiver) call(fd uintptr) bool {
	for {
		n, _, err := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.msgs)), uintptr(r.want), unix.MSG_DONTWAIT, 0, 0)
		switch err {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		case 0:
			r.got = int(n)
		}
		r.err = err
		return true
	}
}

// head reads what came with message i: the size of its pieces, and its path.
func (r *receiver) head(i int) (piece int, from *Endpoint) {
	m := &r.msgs[i]
	p := path{there: get(&r.names[i])}
	piece = parse(r.controls[i].bytes()[:min(controlSize, int(m.Controllen))], &p)
	if int(m.size) <= piece {
		piece = 0
	}
	known := &r.known[p.there.Port()%paths]
	if e := *known; e != nil && e.path == p && !e.forgotten.Load() {
		return piece, e
	}
	*known = &Endpoint{path: p}
	return piece, *known
}
