package tun

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sallyport.dev/sallyport/netstack/tun/limit"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// closedEvents wake whoever waits for the connection to be over.
const closedEvents = waiter.EventHUp | waiter.EventErr

var _ net.Conn = (*Conn)(nil)

// Conn is a TCP connection of the stack. It knows both its ends from the start,
// allocates nothing per Read and Write, and its errors answer to errors.Is with
// the words of package net and syscall. One Read and one Write may run at once.
type Conn struct {
	ep     tcpip.Endpoint
	wq     *waiter.Queue
	local  *net.TCPAddr
	remote *net.TCPAddr

	readMu   sync.Mutex // serializes Read
	in       tcpip.SliceWriter
	readable chan struct{}
	reads    limit.Time

	writeMu  sync.Mutex // serializes Write
	out      bytes.Reader
	writable chan struct{}
	writes   limit.Time

	readEntry, writeEntry waiter.Entry
	closed                atomic.Bool
}

// NewConn takes over a connected endpoint and its queue.
func NewConn(ep tcpip.Endpoint, wq *waiter.Queue, local, remote netip.AddrPort) *Conn {
	c := &Conn{ep: ep, wq: wq, local: net.TCPAddrFromAddrPort(local), remote: net.TCPAddrFromAddrPort(remote)}
	c.readEntry, c.readable = waiter.NewChannelEntry(waiter.ReadableEvents | closedEvents)
	c.writeEntry, c.writable = waiter.NewChannelEntry(waiter.WritableEvents | closedEvents)
	wq.EventRegister(&c.readEntry)
	wq.EventRegister(&c.writeEntry)
	return c
}

// Read waits for data; at the other end's half-close it gives io.EOF.
func (c *Conn) Read(b []byte) (int, error) {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	if len(b) == 0 {
		return 0, nil
	}
	for {
		if c.reads.Over() {
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		}
		c.in = b
		res, err := c.ep.Read(&c.in, tcpip.ReadOptions{})
		c.in = nil
		switch err.(type) {
		case nil:
			c.ep.ModerateRecvBuf(res.Count)
			return res.Count, nil
		case *tcpip.ErrWouldBlock:
		case *tcpip.ErrClosedForReceive:
			if c.closed.Load() {
				return 0, c.opError("read", net.ErrClosed)
			}
			return 0, io.EOF
		default:
			return 0, c.opError("read", c.translate(err))
		}
		select {
		case <-c.readable:
		case <-c.reads.Wait():
		}
	}
}

// Write queues all of b for sending; it waits while the send buffer is full.
func (c *Conn) Write(b []byte) (int, error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.out.Reset(b)
	defer c.out.Reset(nil)
	sent := 0
	for sent < len(b) {
		if c.writes.Over() {
			return sent, c.opError("write", os.ErrDeadlineExceeded)
		}
		c.out.Reset(b[sent:])
		n, err := c.ep.Write(&c.out, tcpip.WriteOptions{})
		sent += int(n)
		switch err.(type) {
		case nil:
			continue
		case *tcpip.ErrWouldBlock:
		default:
			return sent, c.opError("write", c.translate(err))
		}
		select {
		case <-c.writable:
		case <-c.writes.Wait():
		}
	}
	return sent, nil
}

// Close sends what is queued and ends both directions. It does not wait.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.reads.Stop()
	c.writes.Stop()
	c.ep.Close()
	return nil
}

// Abort resets the connection.
func (c *Conn) Abort() {
	c.closed.Store(true)
	c.reads.Stop()
	c.writes.Stop()
	if ep, ok := c.ep.(*tcp.Endpoint); ok {
		ep.Abort()
	}
	c.ep.Close()
}

// CloseWrite tells the other end that no more will come.
func (c *Conn) CloseWrite() error { return c.shutdown(tcpip.ShutdownWrite) }

// CloseRead makes Read give io.EOF.
func (c *Conn) CloseRead() error { return c.shutdown(tcpip.ShutdownRead) }

func (c *Conn) shutdown(how tcpip.ShutdownFlags) error {
	if err := c.ep.Shutdown(how); err != nil {
		return c.opError("close", c.translate(err))
	}
	return nil
}

// Gone waits until the connection, closed before, has left the stack: what was
// queued is acknowledged, or it was reset. It reports false after patience.
func (c *Conn) Gone(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !c.over() {
		select {
		case <-c.readable:
		case <-timer.C:
			return c.over()
		}
	}
	return true
}

func (c *Conn) over() bool {
	switch tcp.EndpointState(c.ep.State()) {
	case tcp.StateClose, tcp.StateError, tcp.StateTimeWait:
		return true
	}
	return false
}

// LocalAddr is this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.reads.Set(t)
	c.writes.Set(t)
	return nil
}

// SetReadDeadline ends Reads, also one that waits, at t.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.reads.Set(t)
	return nil
}

// SetWriteDeadline ends Writes, also one that waits, at t.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writes.Set(t)
	return nil
}

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// translate gives the error that the caller's side knows.
func (c *Conn) translate(err tcpip.Error) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	return errno(err)
}

// errno gives the system's error for one of the stack.
func errno(err tcpip.Error) error {
	switch err.(type) {
	case nil:
		return nil
	case *tcpip.ErrConnectionRefused:
		return syscall.ECONNREFUSED
	case *tcpip.ErrConnectionReset, *tcpip.ErrAborted:
		return syscall.ECONNRESET
	case *tcpip.ErrConnectionAborted:
		return syscall.ECONNABORTED
	case *tcpip.ErrClosedForSend:
		return syscall.EPIPE
	case *tcpip.ErrTimeout:
		return syscall.ETIMEDOUT
	case *tcpip.ErrHostUnreachable:
		return syscall.EHOSTUNREACH
	case *tcpip.ErrNetworkUnreachable:
		return syscall.ENETUNREACH
	case *tcpip.ErrMessageTooLong:
		return syscall.EMSGSIZE
	}
	return errors.New(err.String())
}
