package tun

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// taker keeps what is delivered.
type taker struct{ packets [][]byte }

func (k *taker) DeliverNetworkPacket(_ tcpip.NetworkProtocolNumber, pkt *stack.PacketBuffer) {
	k.packets = append(k.packets, pkt.Data().AsRange().ToSlice())
}
func (*taker) DeliverLinkPacket(tcpip.NetworkProtocolNumber, *stack.PacketBuffer) {}

// merged gives what a batch is delivered as.
func merged(t testing.TB, batch ...[]byte) [][]byte {
	t.Helper()
	n, err := New(Options{Any: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	got := &taker{}
	n.Device.link.Attach(got)
	if _, err := n.Device.Write(batch, 0); err != nil {
		t.Fatal(err)
	}
	return got.packets
}

func TestMergedSegmentIsOneStretch(t *testing.T) {
	const ack, ackPsh, finAck = 0x10, 0x18, 0x11
	for _, ends := range [][2]string{{"10.77.0.2", "1.2.3.4"}, {"fd00::2", "2001:db8::1"}} {
		got := merged(t,
			segment(ends[0], ends[1], 5000, 80, 0xfffffffe, ack, "abc"), // the sequence number turns over
			segment(ends[0], ends[1], 5000, 80, 1, ackPsh, "de"),
			segment(ends[0], ends[1], 5000, 80, 3, finAck, "fghi"))
		want := segment(ends[0], ends[1], 5000, 80, 0xfffffffe, ackPsh|finAck, "abcdefghi")
		if len(got) != 1 || !bytes.Equal(got[0], want) {
			t.Errorf("%x, want %x", got, want)
		}
	}
}

// Two segments become one only when nothing but their place in the stream
// differs, and else arrive as they were, in order.
func TestMergeKeepsApartWhatDiffers(t *testing.T) {
	const ack = 0x10
	tcp := func(at int, to byte) func([]byte) { return func(b []byte) { b[len(b)-tcpHeaderLen-2+at] = to } }
	for _, tc := range []struct {
		name  string
		first byte // flags
		f     func([]byte)
		merge bool
	}{
		{"nothing", ack, func([]byte) {}, true},
		{"checksum", ack, tcp(tcpChecksumAt, 7), true},
		{"ip id", ack, func(b []byte) { b[5] = 7 }, true},
		{"sequence number", ack, tcp(tcpSeqAt+3, 4), false},
		{"source port", ack, tcp(1, 7), false},
		{"destination port", ack, tcp(3, 7), false},
		{"acknowledgement", ack, tcp(tcpAckAt, 7), false},
		{"window", ack, tcp(tcpWindowAt, 7), false},
		{"urgent pointer", ack, tcp(tcpUrgentAt, 7), false},
		{"urgent", ack, tcp(tcpFlagsAt, 0x30), false},
		{"reset", ack, tcp(tcpFlagsAt, 0x14), false},
		{"congestion", ack, tcp(tcpFlagsAt, 0x90), false},
		{"no acknowledgement", ack, tcp(tcpFlagsAt, 0x08), false},
		{"source", ack, func(b []byte) { b[15] = 7 }, false},
		{"destination", ack, func(b []byte) { b[19] = 7 }, false},
		{"type of service", ack, func(b []byte) { b[1] = 7 }, false},
		{"time to live", ack, func(b []byte) { b[8] = 7 }, false},
		{"header too long", ack, tcp(tcpOffsetAt, 0xf0), false},
		{"header too short", ack, tcp(tcpOffsetAt, 0x40), false},
		{"behind the end", 0x11, func([]byte) {}, false},
	} {
		a := segment("10.77.0.2", "1.2.3.4", 5000, 80, 1, tc.first, "ab")
		b := edit(segment("10.77.0.2", "1.2.3.4", 5000, 80, 3, ack, "cd"), tc.f)
		got := merged(t, a, b)
		if (len(got) == 1) != tc.merge {
			t.Errorf("%s: delivered as %d", tc.name, len(got))
		}
		if !tc.merge && tc.name != "source" && (len(got) != 2 || !slices.ContainsFunc(got, func(g []byte) bool { return bytes.Equal(g, b) })) {
			t.Errorf("%s: %x became %x", tc.name, b, got)
		}
	}
}

func TestMergeComparesOptions(t *testing.T) {
	option := func(seq uint32, kind string) []byte {
		b := segment("10.77.0.2", "1.2.3.4", 5000, 80, seq, 0x10, kind+"data")
		b[ipv4HeaderLen+tcpOffsetAt] = (tcpHeaderLen + 4) / 4 << 4
		return b
	}
	if got := merged(t, option(1, "\x01\x01\x01\x01"), option(5, "\x01\x01\x01\x01")); len(got) != 1 {
		t.Errorf("same options: %x", got)
	}
	if got := merged(t, option(1, "\x01\x01\x01\x01"), option(5, "\x00\x01\x01\x01")); len(got) != 2 {
		t.Errorf("other options: %x", got)
	}
}

func TestMergeFillsOnePacketAtMost(t *testing.T) {
	for _, ends := range [][2]string{{"10.77.0.2", "1.2.3.4"}, {"fd00::2", "2001:db8::1"}} {
		var batch [][]byte
		payload := string(bytes.Repeat([]byte("x"), 1380))
		for i := range 100 {
			batch = append(batch, segment(ends[0], ends[1], 5000, 80, uint32(i*len(payload)), 0x10, payload))
		}
		total := 0
		got := merged(t, batch...)
		for _, b := range got {
			if _, ok := Parse(b); !ok {
				t.Errorf("a packet of %d bytes is malformed", len(b))
			}
			total += len(stream(b))
		}
		if len(got) != 3 || total != 100*len(payload) {
			t.Errorf("%d bytes in %d packets", total, len(got))
		}
	}
}

// Streams that take turns are merged each, and more than there is room for are
// delivered whole.
func TestMergeOfManyStreams(t *testing.T) {
	for flows, want := range map[int]int{2: 2, mergeFlows: mergeFlows, mergeFlows + 1: 5 * (mergeFlows + 1)} {
		var batch [][]byte
		for i := range 5 {
			for f := range flows {
				batch = append(batch, segment("10.77.0.2", "1.2.3.4", uint16(f), 80, uint32(2*i), 0x10, fmt.Sprint(i, f)[:2]))
			}
		}
		got := merged(t, batch...)
		if len(got) != want {
			t.Errorf("%d streams in %d packets, want %d", flows, len(got), want)
		}
		sameStreams(t, batch, got)
	}
}

// A merger that is at rest holds nothing of wireguard-go's buffers.
func TestMergerLetsGo(t *testing.T) {
	m := &merger{to: &taker{}}
	for i := range 5 {
		m.add(segment("10.77.0.2", "1.2.3.4", 5000, 80, uint32(4*i), 0x10, "data"), ipv4HeaderLen)
	}
	m.flush()
	for _, r := range m.runs {
		if r.packet != nil || slices.ContainsFunc(r.parts[:cap(r.parts)], func(p []byte) bool { return p != nil }) {
			t.Error("a run still holds a packet")
		}
	}
}

// stream is the payload of a segment.
func stream(b []byte) []byte {
	ip := ipv4HeaderLen
	if b[0]>>4 == 6 {
		ip = ipv6HeaderLen
	}
	return b[ip+int(b[ip+tcpOffsetAt]>>4)*4:]
}

// sameStreams fails unless each stream of the batch arrived whole and in order.
func sameStreams(t *testing.T, batch, got [][]byte) {
	t.Helper()
	streams := func(packets [][]byte) map[string]string {
		m := make(map[string]string)
		for _, b := range packets {
			p, ok := Parse(b)
			if !ok {
				t.Fatalf("malformed: %x", b)
			}
			if p.Plain && p.Proto == protoTCP {
				ip := ipv4HeaderLen
				if p.Src.Is6() {
					ip = ipv6HeaderLen
				}
				if s, ok := parseSegment(b, ip); ok {
					m[string(flow(b, ip))] += string(s.payload())
				}
			}
		}
		return m
	}
	if want, is := streams(batch), streams(got); !maps.Equal(want, is) {
		t.Errorf("streams %q became %q", want, is)
	}
}

// Whatever stands in a batch, every stream arrives whole, in order and in
// well-formed packets.
func FuzzMerge(f *testing.F) {
	for _, ends := range [][2]string{{"10.77.0.2", "1.2.3.4"}, {"fd00::2", "2001:db8::1"}} {
		a, b := segment(ends[0], ends[1], 5000, 80, 1, 0x10, "abcd"), segment(ends[0], ends[1], 5000, 80, 5, 0x18, "efg")
		f.Add(a, b, segment(ends[0], ends[1], 5001, 80, 8, 0x10, "h"))
		f.Add(a, segment(ends[0], ends[1], 5000, 80, 5, 0x10, ""), b)
		f.Add(a, edit(slices.Clone(b), func(b []byte) { binary.BigEndian.PutUint32(b[len(b)-23:], 0) }), b)
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		got := &taker{}
		m := &merger{to: got}
		var batch [][]byte
		for _, x := range [][]byte{a, b, c, b, c} {
			p, ok := Parse(x)
			if !ok || !p.Plain || p.Proto != protoTCP {
				continue
			}
			ip := ipv4HeaderLen
			if p.Src.Is6() {
				ip = ipv6HeaderLen
			}
			batch = append(batch, x)
			m.add(x, ip)
		}
		m.flush()
		sameStreams(t, batch, got.packets)
	})
}
