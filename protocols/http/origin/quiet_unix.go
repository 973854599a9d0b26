//go:build unix

package origin

import (
	"net"
	"syscall"
)

// quiet makes a check of an idle connection: nothing came, not even its end. It
// looks without taking. nil if the connection does not lead to a socket.
func quiet(c net.Conn) func() bool {
	below := socket(c)
	if q, ok := below.(interface{ Quiet() bool }); ok {
		return q.Quiet
	}
	sc, ok := below.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	var b [1]byte
	var got error
	look := func(fd uintptr) bool {
		_, _, got = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	}
	return func() bool {
		got = nil
		return raw.Read(look) == nil && (got == syscall.EAGAIN || got == syscall.EWOULDBLOCK)
	}
}
