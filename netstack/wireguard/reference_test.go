package wireguard

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/tun"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	wgtun "golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// plainTUN is the link most programs use: a channel endpoint with notification
// and a second channel of packets. The benchmarks measure ours beside it.
type plainTUN struct {
	ep      *channel.Endpoint
	packets chan *buffer.View
	events  chan wgtun.Event
	done    chan struct{}
	once    sync.Once
}

func (p *plainTUN) WriteNotify() {
	pkt := p.ep.Read()
	if pkt == nil {
		return
	}
	view := pkt.ToView()
	pkt.DecRef()
	select {
	case p.packets <- view:
	case <-p.done:
	}
}

func (p *plainTUN) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	select {
	case v := <-p.packets:
		n, err := v.Read(bufs[0][offset:])
		sizes[0] = n
		return 1, err
	case <-p.done:
		return 0, os.ErrClosed
	}
}

func (p *plainTUN) Write(bufs [][]byte, offset int) (int, error) {
	for _, b := range bufs {
		proto := tcpip.NetworkProtocolNumber(header.IPv4ProtocolNumber)
		if b[offset]>>4 == 6 {
			proto = header.IPv6ProtocolNumber
		}
		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(b[offset:])})
		p.ep.InjectInbound(proto, pkt)
		pkt.DecRef()
	}
	return len(bufs), nil
}

func (p *plainTUN) File() *os.File             { return nil }
func (p *plainTUN) MTU() (int, error)          { return tun.DefaultMTU, nil }
func (p *plainTUN) Name() (string, error)      { return "plain", nil }
func (p *plainTUN) Events() <-chan wgtun.Event { return p.events }
func (p *plainTUN) BatchSize() int             { return 1 }
func (p *plainTUN) Close() error {
	p.once.Do(func() { close(p.done); close(p.events) })
	return nil
}

// plainGateway serves h like a Node, with nothing around it, for one agent.
func plainGateway(b testing.TB, h netstack.Handler) *Client {
	b.Helper()
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	sack := tcpip.TCPSACKEnabled(true)
	s.SetTransportProtocolOption(tcp.ProtocolNumber, &sack)
	p := &plainTUN{ep: channel.New(1024, tun.DefaultMTU, ""), packets: make(chan *buffer.View), events: make(chan wgtun.Event, 1), done: make(chan struct{})}
	p.ep.AddNotify(p)
	s.CreateNIC(1, p.ep)
	s.SetPromiscuousMode(1, true)
	s.SetSpoofing(1, true)
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: 1}})
	forward := tcp.NewForwarder(s, 0, 1024, func(r *tcp.ForwarderRequest) {
		wq, id := new(waiter.Queue), r.ID()
		ep, err := r.CreateEndpoint(wq)
		r.Complete(false)
		if err != nil {
			return
		}
		c := gonet.NewTCPConn(wq, ep)
		defer c.Close()
		h.ServeFlow(context.Background(), netstack.Flow{
			Peer: &action.Peer{Name: "ci"}, Dst: netip.AddrPortFrom(tun.Addr(id.LocalAddress), id.LocalPort),
			Accept: func() (net.Conn, error) { return c, nil },
		})
	})
	s.SetTransportProtocolHandler(tcp.ProtocolNumber, forward.HandlePacket)
	return plainDevice(b, p, s)
}

func plainDevice(b testing.TB, p *plainTUN, s *stack.Stack) *Client {
	b.Helper()
	gateway, gatewayPublic, _ := netstack.NewKey()
	agent, agentPublic, _ := netstack.NewKey()
	d := device.NewDevice(p, conn.NewStdNetBind(), device.NewLogger(device.LogLevelSilent, ""))
	if err := d.IpcSet(fmt.Sprintf("private_key=%s\nlisten_port=0\npublic_key=%s\nallowed_ip=10.77.0.2/32\n", hexKey(gateway), hexKey(agentPublic))); err != nil {
		b.Fatal(err)
	}
	if err := d.Up(); err != nil {
		b.Fatal(err)
	}
	n := &Node{device: d}
	c, err := NewClient(ClientConfig(NewSettings(netstack.Space{Subnet: testSubnet}, netstack.Agent{Addr: netip.MustParseAddr("10.77.0.2")},
		agent, gatewayPublic, fmt.Sprintf("127.0.0.1:%d", n.Port()), 0)), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close(); d.Close(); s.Destroy() })
	return c
}
