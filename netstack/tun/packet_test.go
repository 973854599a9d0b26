package tun

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// packet makes an IP packet with a transport payload.
func packet(src, dst string, proto uint8, payload []byte) []byte {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	if s.Is4() {
		b := make([]byte, ipv4HeaderLen, ipv4HeaderLen+len(payload))
		b[0], b[8], b[9] = 0x45, 64, proto
		binary.BigEndian.PutUint16(b[2:], uint16(cap(b)))
		copy(b[12:], s.AsSlice())
		copy(b[16:], d.AsSlice())
		return append(b, payload...)
	}
	b := make([]byte, ipv6HeaderLen, ipv6HeaderLen+len(payload))
	b[0], b[6], b[7] = 0x60, proto, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	copy(b[8:], s.AsSlice())
	copy(b[24:], d.AsSlice())
	return append(b, payload...)
}

// segment makes a TCP segment.
func segment(src, dst string, from, to uint16, seq uint32, flags byte, payload string) []byte {
	t := make([]byte, tcpHeaderLen, tcpHeaderLen+len(payload))
	binary.BigEndian.PutUint16(t, from)
	binary.BigEndian.PutUint16(t[2:], to)
	binary.BigEndian.PutUint32(t[tcpSeqAt:], seq)
	t[12], t[tcpFlagsAt] = 5<<4, flags
	binary.BigEndian.PutUint16(t[14:], 0xffff)
	return packet(src, dst, protoTCP, append(t, payload...))
}

func edit(b []byte, f func([]byte)) []byte {
	f(b)
	return b
}

func TestParse(t *testing.T) {
	const a4, b4, a6, b6 = "10.77.0.2", "1.2.3.4", "fd00::2", "2001:db8::1"
	for _, tc := range []struct {
		name string
		b    []byte
		ok   bool
		want Packet // but for the addresses
	}{
		{"tcp4 syn", segment(a4, b4, 5000, 443, 1, 0x02, ""), true, Packet{Proto: 6, Plain: true, Syn: true, SrcPort: 5000, DstPort: 443}},
		{"tcp6 syn", segment(a6, b6, 5000, 443, 1, 0x02, ""), true, Packet{Proto: 6, Plain: true, Syn: true, SrcPort: 5000, DstPort: 443}},
		{"tcp syn ack", segment(a4, b4, 5000, 443, 1, 0x12, ""), true, Packet{Proto: 6, Plain: true}},
		{"tcp too short for its header", packet(a4, b4, 6, make([]byte, 19)), true, Packet{Proto: 6, Plain: true}},
		{"udp4", packet(a4, b4, 17, make([]byte, 9)), true, Packet{Proto: 17, Plain: true}},
		{"echo4", packet(a4, b4, 1, []byte{8, 0, 0, 0}), true, Packet{Proto: 1, Plain: true, Echo: true}},
		{"echo reply", packet(a4, b4, 1, []byte{0, 0, 0, 0}), true, Packet{Proto: 1, Plain: true}},
		{"empty icmp", packet(a4, b4, 1, nil), true, Packet{Proto: 1, Plain: true}},
		{"echo6", packet(a6, b6, 58, []byte{128, 0, 0, 0}), true, Packet{Proto: 58, Plain: true, Echo: true}},
		{"first fragment", edit(segment(a4, b4, 1, 2, 1, 2, ""), func(b []byte) { b[6] = 0x20 }), true, Packet{Proto: 6}},
		{"later fragment", edit(segment(a4, b4, 1, 2, 1, 2, ""), func(b []byte) { b[7] = 1 }), true, Packet{Proto: 6}},
		{"do not fragment", edit(segment(a4, b4, 1, 2, 1, 0x10, ""), func(b []byte) { b[6] = 0x40 }), true, Packet{Proto: 6, Plain: true}},
		{"options", edit(segment(a4, b4, 1, 2, 1, 2, ""), func(b []byte) { b[0] = 0x46 }), true, Packet{Proto: 6}},
		{"v6 fragment", packet(a6, b6, 44, make([]byte, 40)), true, Packet{Proto: 44}},
		{"v6 hop by hop", packet(a6, b6, 0, make([]byte, 40)), true, Packet{}},
		{"nothing", nil, false, Packet{}},
		{"version 5", edit(packet(a4, b4, 6, nil), func(b []byte) { b[0] = 0x55 }), false, Packet{}},
		{"header too small", edit(packet(a4, b4, 6, nil), func(b []byte) { b[0] = 0x44 }), false, Packet{}},
		{"header beyond the end", edit(packet(a4, b4, 6, nil), func(b []byte) { b[0] = 0x4f }), false, Packet{}},
		{"longer than it is", edit(packet(a4, b4, 6, nil), func(b []byte) { b[3]++ }), false, Packet{}},
		{"shorter than it is", append(packet(a4, b4, 6, nil), 0), false, Packet{}},
		{"v6 cut short", packet(a6, b6, 6, nil)[:39], false, Packet{}},
		{"v6 longer than it is", edit(packet(a6, b6, 6, nil), func(b []byte) { b[4] = 0xff }), false, Packet{}},
	} {
		got, ok := Parse(tc.b)
		got.Src, got.Dst = netip.Addr{}, netip.Addr{}
		if ok != tc.ok || got != tc.want {
			t.Errorf("%s: %+v, %v; want %+v, %v", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(segment("10.77.0.2", "1.2.3.4", 5000, 443, 1, 0x02, "x"))
	f.Add(segment("fd00::2", "2001:db8::1", 5000, 443, 1, 0x02, "x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := Parse(b)
		if !ok {
			return
		}
		if p.Src.Is4() != p.Dst.Is4() || p.Src.Is4() != (b[0]>>4 == 4) {
			t.Errorf("families: %+v", p)
		}
		if (p.Syn || p.Echo) && !p.Plain {
			t.Errorf("more is known than a plain packet tells: %+v", p)
		}
	})
}
