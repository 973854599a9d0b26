package tun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// DialTCP connects to remote through the tunnel. A zero local lets the stack
// choose; else the connection comes from that address and port.
func (n *Net) DialTCP(ctx context.Context, local, remote netip.AddrPort) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	wq := new(waiter.Queue)
	ep, terr := n.Stack.NewEndpoint(tcp.ProtocolNumber, Protocol(remote.Addr()), wq)
	if terr != nil {
		return nil, dialError("tcp", remote, errno(terr))
	}
	if err := connect(ctx, ep, wq, local, remote); err != nil {
		ep.Close()
		return nil, dialError("tcp", remote, err)
	}
	at, terr := ep.GetLocalAddress()
	if terr != nil {
		ep.Close()
		return nil, dialError("tcp", remote, errno(terr))
	}
	return NewConn(ep, wq, netip.AddrPortFrom(Addr(at.Addr), at.Port), remote), nil
}

func connect(ctx context.Context, ep tcpip.Endpoint, wq *waiter.Queue, local, remote netip.AddrPort) error {
	entry, ready := waiter.NewChannelEntry(waiter.WritableEvents | closedEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	if local.IsValid() {
		if terr := ep.Bind(Full(local)); terr != nil {
			return fmt.Errorf("from %s: %w", local, errno(terr))
		}
	}
	terr := ep.Connect(Full(remote))
	if _, ok := terr.(*tcpip.ErrConnectStarted); !ok {
		return errno(terr)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ready:
		return errno(ep.LastError())
	}
}

func dialError(network string, remote netip.AddrPort, err error) error {
	addr := net.Addr(net.TCPAddrFromAddrPort(remote))
	if network == "udp" {
		addr = net.UDPAddrFromAddrPort(remote)
	}
	return &net.OpError{Op: "dial", Net: network, Addr: addr, Err: err}
}

// DialUDP gives a connected datagram socket. A port that the other end has
// closed shows as syscall.ECONNREFUSED.
func (n *Net) DialUDP(remote netip.AddrPort) (net.Conn, error) {
	full := Full(remote)
	c, err := gonet.DialUDP(n.Stack, nil, &full, Protocol(remote.Addr()))
	if err != nil {
		return nil, dialError("udp", remote, err)
	}
	return &packetConn{UDPConn: c}, nil
}

// packetConn gives the errors of the system for those of gonet.
type packetConn struct{ *gonet.UDPConn }

func (c *packetConn) Read(b []byte) (int, error) {
	n, err := c.UDPConn.Read(b)
	return n, plain(err)
}

func (c *packetConn) Write(b []byte) (int, error) {
	n, err := c.UDPConn.Write(b)
	return n, plain(err)
}

func plain(err error) error {
	var op *net.OpError
	if !errors.As(err, &op) {
		return err
	}
	switch {
	case op.Timeout():
		op.Err = os.ErrDeadlineExceeded
	case op.Err.Error() == (&tcpip.ErrConnectionRefused{}).String():
		op.Err = syscall.ECONNREFUSED
	}
	return op
}
