package tun

import (
	"bytes"
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	// mergeFlows is how many streams of one batch grow side by side; one more
	// gives out all of them.
	mergeFlows = 8
	// maxMerged is the longest packet that an IP header can tell of.
	maxMerged = 65535

	tcpAckAt    = 8
	tcpOffsetAt = 12
	tcpWindowAt = 14
	tcpUrgentAt = 18
	tcpFin      = 0x01
	tcpAck      = 0x10
)

// A merger makes one packet of the segments of a stream that stand in a batch,
// so that the stack does its work once for all of them. The stack's own GRO does
// the same with a packet, a buffer and a header copy for each segment; here the
// payloads meet in one buffer, behind a header of its own, which the stack may
// copy without touching them. Only the order among streams changes.
type merger struct {
	to   stack.NetworkDispatcher
	runs [mergeFlows]run
	used int // runs in progress
	head [maxHeaders]byte
}

// A run is a stream's segments, each beginning where the last one ends. It
// borrows the bytes of the batch.
type run struct {
	tcpSegment
	parts [][]byte // payloads
	size  int      // of all parts
	next  uint32   // sequence number after them
}

// A tcpSegment is a TCP packet with the flags ACK, PSH and FIN and a payload.
type tcpSegment struct {
	packet []byte
	ip     int // bytes before the TCP header
	heads  int // bytes before the payload
	flags  byte
}

// parseSegment reads a plain TCP packet; it reports false for what must reach
// the stack as it is.
func parseSegment(b []byte, ip int) (tcpSegment, bool) {
	if len(b) < ip+tcpHeaderLen {
		return tcpSegment{}, false
	}
	t := b[ip:]
	s := tcpSegment{packet: b, ip: ip, heads: ip + int(t[tcpOffsetAt]>>4)*4, flags: t[tcpFlagsAt]}
	ok := s.heads >= ip+tcpHeaderLen && s.heads < len(b) && s.flags&^tcpFinPsh == tcpAck
	return s, ok
}

func (s tcpSegment) payload() []byte { return s.packet[s.heads:] }

func (s tcpSegment) seq() uint32 { return binary.BigEndian.Uint32(s.packet[s.ip+tcpSeqAt:]) }

// flow is the addresses and ports of a plain packet, which stand side by side.
func flow(b []byte, ip int) []byte {
	if ip == ipv6HeaderLen {
		return b[8 : ip+4]
	}
	return b[12 : ip+4]
}

// continues reports whether s may stand behind r: same stream, next byte, and a
// header that says the same of everything else.
func (r *run) continues(s tcpSegment) bool {
	return s.seq() == r.next && s.heads == r.heads && r.flags&tcpFin == 0 &&
		r.heads+r.size+len(s.payload()) <= maxMerged &&
		sameIP(r.packet, s.packet, r.ip) && sameTCP(r.packet[r.ip:r.heads], s.packet[s.ip:s.heads])
}

// sameIP compares what is neither flow, length, id nor checksum.
func sameIP(a, b []byte, ip int) bool {
	if ip == ipv6HeaderLen {
		return bytes.Equal(a[:4], b[:4]) && bytes.Equal(a[6:8], b[6:8])
	}
	return bytes.Equal(a[:2], b[:2]) && bytes.Equal(a[6:10], b[6:10])
}

// sameTCP compares acknowledgement, window, urgent pointer and options.
func sameTCP(a, b []byte) bool {
	return bytes.Equal(a[tcpAckAt:tcpFlagsAt], b[tcpAckAt:tcpFlagsAt]) &&
		bytes.Equal(a[tcpWindowAt:tcpChecksumAt], b[tcpWindowAt:tcpChecksumAt]) &&
		bytes.Equal(a[tcpUrgentAt:], b[tcpUrgentAt:])
}

// add takes a plain TCP packet. What goes before it in its stream is handed over
// before it.
func (m *merger) add(b []byte, ip int) {
	s, ok := parseSegment(b, ip)
	r := m.find(b, ip)
	if r != nil && ok && r.continues(s) {
		r.append(s)
		return
	}
	if r != nil {
		m.drop(r)
	}
	if !ok {
		m.single(b, ip)
		return
	}
	if m.used == len(m.runs) {
		m.flush()
	}
	r = &m.runs[m.used]
	m.used++
	r.tcpSegment, r.size, r.next = s, 0, s.seq()
	r.append(s)
}

// find gives the run of b's stream; nil: there is none.
func (m *merger) find(b []byte, ip int) *run {
	if len(b) < ip+4 {
		return nil
	}
	at := flow(b, ip)
	for i := range m.runs[:m.used] {
		if r := &m.runs[i]; r.ip == ip && bytes.Equal(flow(r.packet, ip), at) {
			return r
		}
	}
	return nil
}

func (r *run) append(s tcpSegment) {
	p := s.payload()
	r.parts = append(r.parts, p)
	r.size += len(p)
	r.next += uint32(len(p))
	r.flags |= s.flags
}

// drop hands r over and closes the gap that it leaves.
func (m *merger) drop(r *run) {
	m.send(r)
	m.used--
	last := &m.runs[m.used]
	*r, *last = *last, *r
}

// flush hands over everything that m holds.
func (m *merger) flush() {
	for i := range m.runs[:m.used] {
		m.send(&m.runs[i])
	}
	m.used = 0
}

// send hands r over as one packet, and lets go of the batch's bytes.
func (m *merger) send(r *run) {
	h := m.head[:copy(m.head[:], r.packet[:r.heads])]
	if r.ip == ipv6HeaderLen {
		binary.BigEndian.PutUint16(h[4:], uint16(r.heads+r.size-ipv6HeaderLen))
	} else {
		binary.BigEndian.PutUint16(h[2:], uint16(r.heads+r.size))
	}
	h[r.ip+tcpFlagsAt] = r.flags
	payload := buffer.NewView(r.size)
	for _, p := range r.parts {
		payload.Write(p) //nolint:errcheck // it has the room
	}
	whole := buffer.MakeWithView(buffer.NewViewWithData(h))
	whole.Append(payload) //nolint:errcheck // it fails on a nil view only
	m.deliver(whole, r.ip)
	clear(r.parts)
	*r = run{parts: r.parts[:0]}
}

// single hands one packet over as it is.
func (m *merger) single(b []byte, ip int) { m.deliver(buffer.MakeWithData(b), ip) }

func (m *merger) deliver(whole buffer.Buffer, ip int) {
	proto := tcpip.NetworkProtocolNumber(header.IPv4ProtocolNumber)
	if ip == ipv6HeaderLen {
		proto = header.IPv6ProtocolNumber
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: whole})
	defer pkt.DecRef()
	pkt.NetworkProtocolNumber = proto
	// WireGuard has authenticated every byte, and the sum of a merged packet is
	// nobody's.
	pkt.RXChecksumValidated = true
	m.to.DeliverNetworkPacket(proto, pkt)
}
