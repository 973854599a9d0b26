package tun

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	// NIC is the one interface of a Net.
	NIC tcpip.NICID = 1

	// DefaultMTU is right for WireGuard over a path of 1500 bytes.
	DefaultMTU = 1420
	minMTU     = 1280 // what IPv6 demands of a link
	maxMTU     = 9000

	// TCP buffers. A default of 256 KiB costs two fifths more CPU downwards; the
	// maxima cost nothing while a connection is idle.
	minBuffer     = 4 << 10
	defaultBuffer = 1 << 20
	maxReceive    = 8 << 20
	maxSend       = 6 << 20

	// The stack-wide ICMP limit is shared by all agents, so it stands far above
	// what one of them gets (netstack.Limits.Rejects).
	icmpPerSecond = 50_000
	icmpBurst     = 5_000

	// synRetries bounds a handshake that nobody completes to 15 s.
	synRetries = 3
	// What was sent last is given farewellSteps times a farewellStep to leave.
	farewellSteps = 20
	farewellStep  = 3 * time.Millisecond
	// finWait bounds a connection that we closed and the other end did not.
	finWait = 15 * time.Second
)

// Options of a Net.
type Options struct {
	MTU   int          // 0: DefaultMTU
	Addrs []netip.Addr // the node's own
	// Any takes packets for every destination and answers in its name.
	Any bool
	// Admit drops a packet from the tunnel before the stack sees it; nil admits
	// all. It is called for every packet and must not block.
	Admit func(Packet) bool
}

// A Net is a TCP/IP stack with one link, whose other side is Device.
type Net struct {
	Stack  *stack.Stack
	Device *Device
}

// New makes a Net. Close it, unless a wireguard-go device closes Device; then
// call Close as well.
func New(o Options) (*Net, error) {
	mtu := o.MTU
	if mtu == 0 {
		mtu = DefaultMTU
	}
	if mtu < minMTU || mtu > maxMTU {
		return nil, fmt.Errorf("tun: MTU %d is not between %d and %d", mtu, minMTU, maxMTU)
	}
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
		// With HandleLocal a promiscuous NIC takes foreign sources for its own.
		HandleLocal: false,
	})
	n := &Net{Stack: s, Device: newDevice(s, mtu, o.Admit)}
	if err := n.configure(o); err != nil {
		n.Close()
		return nil, fmt.Errorf("tun: %w", err)
	}
	return n, nil
}

func (n *Net) configure(o Options) error {
	if err := n.tune(); err != nil {
		return err
	}
	if err := n.Stack.CreateNIC(NIC, n.Device.link); err != nil {
		return fmt.Errorf("create interface: %s", err)
	}
	if o.Any {
		if err := n.Stack.SetPromiscuousMode(NIC, true); err != nil {
			return fmt.Errorf("take any destination: %s", err)
		}
		if err := n.Stack.SetSpoofing(NIC, true); err != nil {
			return fmt.Errorf("answer for any destination: %s", err)
		}
	}
	for _, a := range o.Addrs {
		if err := n.Stack.AddProtocolAddress(NIC, protocolAddress(a), stack.AddressProperties{}); err != nil {
			return fmt.Errorf("add address %s: %s", a, err)
		}
	}
	n.Stack.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: NIC},
		{Destination: header.IPv6EmptySubnet, NIC: NIC},
	})
	return nil
}

// tune sets what the measurements in the design found best for a link that
// neither loses nor reorders.
func (n *Net) tune() error {
	recovery := tcpip.TCPRecovery(0) // no RACK
	sack := tcpip.TCPSACKEnabled(true)
	control := tcpip.CongestionControlOption("reno")
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: minBuffer, Default: defaultBuffer, Max: maxReceive}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: minBuffer, Default: defaultBuffer, Max: maxSend}
	retries := tcpip.TCPSynRetriesOption(synRetries)
	linger := tcpip.TCPLingerTimeoutOption(finWait)
	// No TIME_WAIT: a forwarder has no listener to hand a new SYN to, so the
	// state would swallow an agent's next connection from the same port for a
	// minute. What it guards against, duplicates from the network, WireGuard's
	// replay window drops.
	wait := tcpip.TCPTimeWaitTimeoutOption(0)
	for _, o := range []tcpip.SettableTransportProtocolOption{
		&recovery, &sack, &control, &moderate, &receive, &send, &retries, &linger, &wait,
	} {
		if err := n.Stack.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return fmt.Errorf("set %T: %s", o, err)
		}
	}
	n.Stack.SetICMPLimit(rate.Limit(icmpPerSecond))
	n.Stack.SetICMPBurst(icmpBurst)
	return nil
}

// Close resets every connection and waits until the stack's goroutines are gone.
func (n *Net) Close() {
	n.Device.Close() //nolint:errcheck // never fails
	n.Stack.Destroy()
	n.Device.drain()
}

// Farewell waits for a moment, so that what the stack sent last, resets above all,
// leaves before its way is closed. It counts steps, not time: a process that stands
// still sends nothing meanwhile.
func (n *Net) Farewell() {
	for range farewellSteps {
		time.Sleep(farewellStep)
	}
}

func protocolAddress(a netip.Addr) tcpip.ProtocolAddress {
	return tcpip.ProtocolAddress{Protocol: Protocol(a), AddressWithPrefix: Address(a).WithPrefix()}
}

// Address is a in the stack's words.
func Address(a netip.Addr) tcpip.Address { return tcpip.AddrFromSlice(a.AsSlice()) }

// Addr is a in Go's words, an IPv4 address never wrapped in IPv6.
func Addr(a tcpip.Address) netip.Addr {
	addr, _ := netip.AddrFromSlice(a.AsSlice())
	return addr.Unmap()
}

// Protocol is the network protocol of a.
func Protocol(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

// Full is an address and port in the stack's words, on NIC.
func Full(ap netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: NIC, Addr: Address(ap.Addr()), Port: ap.Port()}
}
