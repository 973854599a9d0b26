package origin

import (
	"errors"
	"net"
	"os"
	"time"
)

const (
	restless = time.Second           // a link idle for less is taken to be alive where looking costs time
	probe    = 50 * time.Microsecond // to look where looking means reading
)

// stillThere reports whether nothing came on a link while it was idle, not even
// its end. What comes outside of an exchange makes the link useless.
func (l *Link) stillThere() bool {
	if l.quiet != nil {
		return l.quiet()
	}
	if time.Since(l.freed) < restless {
		return true
	}
	if err := l.wire.SetReadDeadline(time.Now().Add(probe)); err != nil {
		return false
	}
	var b [1]byte
	n, err := l.wire.Read(b[:])
	l.readBy = time.Time{} // the deadline in force is the probe's
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// socket unwraps a connection as far as it lets itself be.
func socket(c net.Conn) any {
	for {
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = inner.NetConn()
	}
}
