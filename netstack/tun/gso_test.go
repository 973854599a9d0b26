package tun

import (
	"bytes"
	"encoding/binary"
	"testing"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// large makes a packet of the stack as TCP hands it over.
func large(v6 bool, options, payload []byte, mss int, flags byte) *stack.PacketBuffer {
	src, dst, typ, ip := "10.77.0.1", "10.77.0.2", stack.GSOTCPv4, ipv4HeaderLen
	if v6 {
		src, dst, typ, ip = "fd00::1", "fd00::2", stack.GSOTCPv6, ipv6HeaderLen
	}
	b := segment(src, dst, 443, 5000, 0xfffff000, flags, "")
	b[ip+12] = byte(tcpHeaderLen+len(options)) / 4 << 4
	b = append(b, options...)
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{ReserveHeaderBytes: len(b)})
	// Several views, as a send queue has them.
	for i := 0; i < len(payload); i += 1000 {
		data := buffer.MakeWithData(payload[i:min(i+1000, len(payload))])
		pkt.Data().Merge(data2(data))
	}
	copy(pkt.TransportHeader().Push(len(b)-ip), b[ip:])
	copy(pkt.NetworkHeader().Push(ip), b[:ip])
	pkt.GSOOptions = stack.GSO{Type: typ, NeedsCsum: true, MSS: uint16(mss), L3HdrLen: uint16(ip)}
	return pkt
}

func data2(b buffer.Buffer) stack.PacketData {
	return stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: b}).Data()
}

// cutAll runs a packet through a cutter.
func cutAll(pkt *stack.PacketBuffer, room int) [][]byte {
	var c cutter
	var out [][]byte
	c.load(pkt)
	for c.pkt != nil {
		b := make([]byte, room)
		n := c.next(b)
		if n == 0 {
			break
		}
		out = append(out, b[:n])
	}
	return out
}

// checkSegments says what is wrong with the cut of payload, if anything.
func checkSegments(t *testing.T, v6 bool, head, mss int, flags byte, payload []byte, out [][]byte) {
	t.Helper()
	var got []byte
	for i, b := range out {
		last := i == len(out)-1
		tcp := checkHeaders(t, v6, i, b)
		n := len(b) - head
		if n > mss || (!last && n != mss) {
			t.Errorf("segment %d carries %d of %d bytes", i, n, mss)
		}
		if want := uint32(0xfffff000) + uint32(len(got)); tcp.SequenceNumber() != want {
			t.Errorf("segment %d has number %d, want %d", i, tcp.SequenceNumber(), want)
		}
		want := flags
		if !last {
			want &^= tcpFinPsh
		}
		if byte(tcp.Flags()) != want {
			t.Errorf("segment %d has flags %x, want %x", i, tcp.Flags(), want)
		}
		got = append(got, b[head:]...)
	}
	if !bytes.Equal(got, payload) {
		t.Errorf("%d bytes came out of %d, or others", len(got), len(payload))
	}
}

// checkHeaders checks lengths, id and sums of one segment.
func checkHeaders(t *testing.T, v6 bool, i int, b []byte) header.TCP {
	t.Helper()
	if p, ok := Parse(b); !ok || !p.Plain {
		t.Fatalf("segment %d is no packet: %x", i, b)
	}
	if v6 {
		ip := header.IPv6(b)
		tcp := header.TCP(ip.Payload())
		body := checksumOf(tcp.Payload())
		if !tcp.IsChecksumValid(ip.SourceAddress(), ip.DestinationAddress(), body, uint16(len(tcp.Payload()))) {
			t.Errorf("segment %d has a bad TCP sum", i)
		}
		return tcp
	}
	ip := header.IPv4(b)
	tcp := header.TCP(ip.Payload())
	if !ip.IsChecksumValid() || ip.ID() != uint16(i) {
		t.Errorf("segment %d has a bad IP sum, or id %d", i, ip.ID())
	}
	if !tcp.IsChecksumValid(ip.SourceAddress(), ip.DestinationAddress(), checksumOf(tcp.Payload()), uint16(len(tcp.Payload()))) {
		t.Errorf("segment %d has a bad TCP sum", i)
	}
	return tcp
}

// checksumOf is the plain Internet checksum, not complemented.
func checksumOf(b []byte) uint16 {
	var s uint32
	for i := 0; i < len(b); i += 2 {
		if i+1 < len(b) {
			s += uint32(binary.BigEndian.Uint16(b[i:]))
		} else {
			s += uint32(b[i]) << 8
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestCutter(t *testing.T) {
	payload := make([]byte, 65000)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	for _, tc := range []struct {
		name    string
		options int
		size    int
		mss     int
		flags   byte
	}{
		{"64 KiB", 12, 65000, 1368, 0x18},
		{"exact multiple", 12, 1368 * 3, 1368, 0x19},
		{"one byte more", 12, 1368*3 + 1, 1368, 0x19},
		{"one segment", 12, 100, 1368, 0x18},
		{"no payload", 12, 0, 1368, 0x10},
		{"longest options", 40, 5000, 1340, 0x11},
		{"no options", 0, 5000, 1380, 0x10},
		{"tiny segments", 0, 300, 1, 0x10},
	} {
		for _, v6 := range []bool{false, true} {
			head := ipv4HeaderLen + tcpHeaderLen + tc.options
			if v6 {
				head += ipv6HeaderLen - ipv4HeaderLen
			}
			options := bytes.Repeat([]byte{1}, tc.options)
			out := cutAll(large(v6, options, payload[:tc.size], tc.mss, tc.flags), 1500)
			t.Run(tc.name, func(t *testing.T) {
				if want := max(1, (tc.size+tc.mss-1)/tc.mss); len(out) != want {
					t.Errorf("%d segments, want %d", len(out), want)
				}
				checkSegments(t, v6, head, tc.mss, tc.flags, payload[:tc.size], out)
			})
		}
	}
}

func TestCutterDropsWhatDoesNotFit(t *testing.T) {
	if out := cutAll(large(false, nil, make([]byte, 3000), 1400, 0x10), 500); len(out) != 0 {
		t.Errorf("%d segments of 1440 bytes fit 500", len(out))
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(make([]byte, 600))})
	if out := cutAll(pkt, 500); len(out) != 0 {
		t.Error("600 bytes fit 500")
	}
	pkt = stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(make([]byte, 600))})
	pkt.GSOOptions = stack.GSO{Type: stack.GSOTCPv4, NeedsCsum: true, MSS: 100}
	if out := cutAll(pkt, 500); len(out) != 0 {
		t.Error("a packet without headers was cut")
	}
}

func FuzzCutter(f *testing.F) {
	f.Add([]byte("hello, world"), 3, 4, byte(0x18), false)
	f.Add(make([]byte, 9000), 12, 1368, byte(0x19), true)
	f.Fuzz(func(t *testing.T, payload []byte, options, mss int, flags byte, v6 bool) {
		options, mss = (options&0x7fffffff%11)*4, mss&0xffff
		if mss == 0 || len(payload)/mss > 2000 || len(payload) > 65000 {
			return
		}
		head := ipv4HeaderLen + tcpHeaderLen + options
		if v6 {
			head += ipv6HeaderLen - ipv4HeaderLen
		}
		out := cutAll(large(v6, make([]byte, options), payload, mss, flags), head+min(mss, len(payload)))
		checkSegments(t, v6, head, mss, flags, payload, out)
	})
}
