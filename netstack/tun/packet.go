package tun

import (
	"encoding/binary"
	"net/netip"
)

const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58

	ipv4HeaderLen = 20
	ipv6HeaderLen = 40

	icmpEcho   = 8
	icmpv6Echo = 128
)

// A Packet is what the head of an IP packet says, before the stack sees it.
type Packet struct {
	Src, Dst netip.Addr
	Proto    uint8
	// Plain means that the transport header follows at once: no options, no
	// extension headers, not a fragment.
	Plain bool
	// Echo marks an ICMP echo request.
	Echo bool
	// Syn marks the first segment of a TCP connection; the ports are set then.
	Syn              bool
	SrcPort, DstPort uint16
}

// Parse reads the head of an IP packet. It reports false for what no stack
// could take: too short, of another version, of another length than it says.
func Parse(b []byte) (Packet, bool) {
	if len(b) < ipv4HeaderLen {
		return Packet{}, false
	}
	switch b[0] >> 4 {
	case 4:
		return parse4(b)
	case 6:
		return parse6(b)
	}
	return Packet{}, false
}

func parse4(b []byte) (Packet, bool) {
	head := int(b[0]&0x0f) * 4
	if head < ipv4HeaderLen || head > len(b) || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return Packet{}, false
	}
	const fragment = 0x3fff // more fragments, or an offset
	p := Packet{
		Src:   netip.AddrFrom4([4]byte(b[12:16])),
		Dst:   netip.AddrFrom4([4]byte(b[16:20])),
		Proto: b[9],
		Plain: head == ipv4HeaderLen && binary.BigEndian.Uint16(b[6:])&fragment == 0,
	}
	p.Echo = p.Plain && p.Proto == protoICMP && len(b) > head && b[head] == icmpEcho
	p.syn(b[head:])
	return p, true
}

func parse6(b []byte) (Packet, bool) {
	if len(b) < ipv6HeaderLen || int(binary.BigEndian.Uint16(b[4:]))+ipv6HeaderLen != len(b) {
		return Packet{}, false
	}
	p := Packet{
		Src:   netip.AddrFrom16([16]byte(b[8:24])),
		Dst:   netip.AddrFrom16([16]byte(b[24:40])),
		Proto: b[6],
	}
	p.Plain = p.Proto == protoTCP || p.Proto == protoUDP || p.Proto == protoICMPv6
	p.Echo = p.Proto == protoICMPv6 && len(b) > ipv6HeaderLen && b[ipv6HeaderLen] == icmpv6Echo
	p.syn(b[ipv6HeaderLen:])
	return p, true
}

// syn looks for the first segment of a connection in what follows the IP header.
func (p *Packet) syn(b []byte) {
	const syn, ack = 0x02, 0x10
	if !p.Plain || p.Proto != protoTCP || len(b) < tcpHeaderLen || b[tcpFlagsAt]&(syn|ack) != syn {
		return
	}
	p.Syn = true
	p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
}

// IsFlow reports whether the packet belongs to a TCP or UDP flow.
func (p Packet) IsFlow() bool { return p.Proto == protoTCP || p.Proto == protoUDP }
