// Package socket reads and writes TCP sockets by system calls of which the
// scheduler is not told. The sockets do not block, so it has nothing to watch; being
// told it wakes its watchdog and takes the processor away from calls that carry
// a packet over the loopback, which costs more than the call.
package socket

import "net"

// New gives a connection that reads and writes so where the system can, and c
// itself elsewhere. It takes over the ownership of c.
func New(c net.Conn) net.Conn {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	return wrap(t)
}
