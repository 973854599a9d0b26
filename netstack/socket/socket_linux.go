package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A conn is a TCP connection whose Read and Write are one plain system call each
// as long as the socket is ready. Deadlines, Close and errors are those of the
// connection inside.
type conn struct {
	*net.TCPConn
	in, out side
}

// A side is one direction. One call at a time uses it.
type side struct {
	mu   sync.Mutex
	wait func(func(uintptr) bool) error // of the connection: calls until true, or fails
	once func(fd uintptr) bool          // read or write
	peek func(fd uintptr) bool          // of in alone
	b    []byte
	n    int
	err  syscall.Errno
}

func wrap(t *net.TCPConn) net.Conn {
	raw, err := t.SyscallConn()
	if err != nil {
		return t
	}
	c := &conn{TCPConn: t}
	c.in.wait, c.in.once, c.in.peek = raw.Read, c.in.read, c.in.look
	c.out.wait, c.out.once = raw.Write, c.out.write
	return c
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := c.in.do(b)
	switch {
	case err != nil:
		return n, c.failed("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := c.out.do(b)
	if err != nil {
		err = c.failed("write", err)
	}
	return n, err
}

// Quiet reports that the socket is open and holds nothing to read, not even an end.
// It takes nothing; beside a Read that waits, it waits for that.
func (c *conn) Quiet() bool {
	s := &c.in
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wait(s.peek) == nil && s.err == unix.EAGAIN
}

func (s *side) do(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b, s.n, s.err = b, 0, 0
	err := s.wait(s.once)
	s.b = nil
	if err == nil && s.err != 0 {
		err = s.err
	}
	return s.n, err
}

// read takes what is there; false means that there is nothing yet.
func (s *side) read(fd uintptr) bool {
	for {
		n, _, err := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&s.b[0])), uintptr(len(s.b)))
		switch err {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		case 0:
			s.n = int(n)
		}
		s.err = err
		return true
	}
}

// look is a read of nothing, whatever comes of it.
func (s *side) look(fd uintptr) bool {
	var b byte
	_, _, s.err = unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return true
}

// write gives all of it; false means that the socket has no room.
func (s *side) write(fd uintptr) bool {
	for s.n < len(s.b) {
		n, _, err := unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&s.b[s.n])), uintptr(len(s.b)-s.n))
		switch err {
		case 0:
			s.n += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			s.err = err
			return true
		}
	}
	return true
}

// failed words an error as the connection inside does.
func (c *conn) failed(op string, err error) error {
	var waiting *net.OpError // closed, or too late
	if errors.As(err, &waiting) {
		err = waiting.Err
	} else {
		err = os.NewSyscallError(op, err)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
