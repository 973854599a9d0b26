package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
)

const (
	// bufferSize is what is asked for the kernel's queues, as everywhere in
	// WireGuard; without privileges the system gives less.
	bufferSize = 7 << 20
	// portTries is how often another free port is tried when IPv6 has not the
	// one that IPv4 was given.
	portTries = 100
)

var _ conn.Bind = (*Bind)(nil)

// A Bind is the node's socket of each family. wireguard-go opens and closes it.
type Bind struct {
	mu     sync.Mutex
	v4, v6 *family // nil: closed, or the machine has none; guarded by mu
}

// New makes a Bind that is not open yet.
func New() conn.Bind { return new(Bind) }

// A family is one open socket.
type family struct {
	conn    *net.UDPConn
	raw     syscall.RawConn
	is6     bool
	senders sync.Pool   // of *sender
	single  atomic.Bool // the kernel cannot cut datagrams for this socket
}

// Open listens on port, or on any for 0, with both families that there are.
func (b *Bind) Open(port uint16) ([]conn.ReceiveFunc, uint16, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.v4 != nil || b.v6 != nil {
		return nil, 0, conn.ErrBindAlreadyOpen
	}
	var err error
	for range portTries {
		if b.v4, b.v6, err = listen(port); port != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		return nil, 0, err
	}
	var fns []conn.ReceiveFunc
	for _, f := range []*family{b.v4, b.v6} {
		if f != nil {
			port = f.port()
			fns = append(fns, newReceiver(f).receive)
		}
	}
	return fns, port, nil
}

// listen opens both families on the same port; one that the machine lacks is nil.
func listen(port uint16) (v4, v6 *family, err error) {
	v4, err = listenOne("udp4", port)
	if err != nil && !errors.Is(err, syscall.EAFNOSUPPORT) {
		return nil, nil, err
	}
	if v4 != nil {
		port = v4.port()
	}
	v6, err = listenOne("udp6", port)
	if err == nil || v4 != nil && errors.Is(err, syscall.EAFNOSUPPORT) {
		return v4, v6, nil
	}
	if v4 != nil {
		v4.conn.Close()
	}
	return nil, nil, err
}

func listenOne(network string, port uint16) (*family, error) {
	f := &family{is6: network == "udp6"}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return onto(c, f.prepare)
	}}
	pc, err := lc.ListenPacket(context.Background(), network, ":"+strconv.Itoa(int(port)))
	if err != nil {
		return nil, err
	}
	uc, ok := pc.(*net.UDPConn)
	if !ok {
		pc.Close()
		return nil, fmt.Errorf("listen on %s: a %T is no UDP socket", network, pc)
	}
	f.conn = uc
	if f.raw, err = uc.SyscallConn(); err != nil {
		uc.Close()
		return nil, err
	}
	f.senders.New = func() any { return newSender(f) }
	return f, nil
}

// prepare sets the options of a new socket. What only makes it faster may fail.
func (f *family) prepare(fd int) error {
	for _, o := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF, unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, bufferSize) //nolint:errcheck // the last two need privileges
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) //nolint:errcheck // since Linux 5.0
	if _, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT); err != nil {
		f.single.Store(true) // before Linux 4.18
	}
	if !f.is6 {
		return named("IP_PKTINFO", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
	}
	return errors.Join(
		named("IPV6_RECVPKTINFO", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)),
		named("IPV6_V6ONLY", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)))
}

// onto sets options of a socket.
func onto(c syscall.RawConn, set func(fd int) error) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = set(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// named says which option err is about.
func named(option string, err error) error {
	if err != nil {
		return fmt.Errorf("set %s: %w", option, err)
	}
	return nil
}

func (f *family) port() uint16 {
	if a, ok := f.conn.LocalAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Port()
	}
	return 0
}

// Close ends both sockets, and whoever receives from them.
func (b *Bind) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, f := range []*family{b.v4, b.v6} {
		if f != nil {
			errs = append(errs, f.conn.Close())
		}
	}
	b.v4, b.v6 = nil, nil
	return errors.Join(errs...)
}

// SetMark marks what is sent, for the routing rules of the host.
func (b *Bind) SetMark(mark uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range []*family{b.v4, b.v6} {
		if f == nil {
			continue
		}
		err := onto(f.raw, func(fd int) error {
			return named("SO_MARK", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark)))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ParseEndpoint reads "192.0.2.1:51820".
func (*Bind) ParseEndpoint(s string) (conn.Endpoint, error) {
	at, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, err
	}
	return &Endpoint{path: path{there: at}}, nil
}

// BatchSize is how many datagrams are received or sent at once.
func (*Bind) BatchSize() int { return batchSize }

// Send sends every one of bufs to the endpoint, which must be of this package.
func (b *Bind) Send(bufs [][]byte, to conn.Endpoint) error {
	e, ok := to.(*Endpoint)
	if !ok {
		return conn.ErrWrongEndpointType
	}
	b.mu.Lock()
	f := b.v4
	if e.there.Addr().Is6() {
		f = b.v6
	}
	b.mu.Unlock()
	if f == nil {
		return syscall.EAFNOSUPPORT
	}
	return f.send(bufs, e)
}
