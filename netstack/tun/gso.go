package tun

import (
	"encoding/binary"

	sum "github.com/tailscale/wireguard-go/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	tcpHeaderLen  = 20
	maxHeaders    = ipv6HeaderLen + 60 // the longest TCP header on the longest IP header we send
	tcpSeqAt      = 4
	tcpFlagsAt    = 13
	tcpChecksumAt = 16
	tcpFinPsh     = 0x01 | 0x08
)

// A cutter cuts one packet of the stack into packets that fit the link, each
// with its own length, sequence number and checksums. Payload is copied once,
// from the stack's buffers into wireguard-go's.
type cutter struct {
	pkt    *stack.PacketBuffer // nil: nothing in progress
	head   [maxHeaders]byte    // IP and TCP header of every segment
	heads  int                 // bytes of head in use; 0: the packet goes out as it is
	ip     int                 // bytes of head before the TCP header
	mss    int
	left   int // payload not yet given out
	count  int // segments given out
	seq    uint32
	flags  byte
	view   *buffer.View // where the payload goes on
	offset int          // in view
}

// load takes over pkt, which is released when its last segment is out.
func (c *cutter) load(pkt *stack.PacketBuffer) {
	*c = cutter{pkt: pkt, left: pkt.Size()}
	views, skip := pkt.AsViewList()
	c.view, c.offset = views.Front(), skip
	if pkt.GSOOptions.Type == stack.GSONone || !pkt.GSOOptions.NeedsCsum {
		return
	}
	ip, tcp := pkt.NetworkHeader().Slice(), pkt.TransportHeader().Slice()
	if len(ip) < ipv4HeaderLen || len(tcp) < tcpHeaderLen || len(ip)+len(tcp) > maxHeaders {
		c.release()
		return
	}
	c.ip, c.heads, c.mss = len(ip), len(ip)+len(tcp), int(pkt.GSOOptions.MSS)
	c.copy(c.head[:c.heads])
	if c.mss == 0 {
		c.mss = c.left
	}
	if v := c.head[0] >> 4; v != 4 && (v != 6 || c.ip < ipv6HeaderLen) {
		c.release()
		return
	}
	t := c.head[c.ip:c.heads]
	c.seq, c.flags = binary.BigEndian.Uint32(t[tcpSeqAt:]), t[tcpFlagsAt]
	t[tcpChecksumAt], t[tcpChecksumAt+1] = 0, 0
}

// next writes the next packet into out and gives its size; 0 means that the
// rest of the packet cannot be sent and is dropped.
func (c *cutter) next(out []byte) int {
	if c.pkt == nil {
		return 0
	}
	if c.heads == 0 {
		return c.whole(out)
	}
	n := min(c.left, c.mss)
	total := c.heads + n
	if total > len(out) {
		c.release()
		return 0
	}
	out = out[:total]
	copy(out, c.head[:c.heads])
	c.copy(out[c.heads:])
	c.address(out)
	c.number(out, n)
	c.count++
	if c.left == 0 {
		c.release()
	}
	return total
}

// whole sends a packet that needs no cutting.
func (c *cutter) whole(out []byte) int {
	n := c.left
	defer c.release()
	if n > len(out) {
		return 0
	}
	c.copy(out[:n])
	return n
}

// address sets what the IP header says of this segment: length, id, checksum.
func (c *cutter) address(out []byte) {
	if c.ip >= ipv6HeaderLen && out[0]>>4 == 6 {
		binary.BigEndian.PutUint16(out[4:], uint16(len(out)-ipv6HeaderLen))
		return
	}
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	binary.BigEndian.PutUint16(out[4:], binary.BigEndian.Uint16(out[4:])+uint16(c.count))
	out[10], out[11] = 0, 0
	binary.BigEndian.PutUint16(out[10:], ^sum.Checksum(out[:c.ip], 0))
}

// number sets what the TCP header says of a segment with n bytes of payload.
// FIN and PSH belong to the last one.
func (c *cutter) number(out []byte, n int) {
	t := out[c.ip:]
	binary.BigEndian.PutUint32(t[tcpSeqAt:], c.seq)
	c.seq += uint32(n)
	t[tcpFlagsAt] = c.flags
	if c.left > 0 {
		t[tcpFlagsAt] &^= tcpFinPsh
	}
	src, dst := out[12:16], out[16:20]
	if out[0]>>4 == 6 {
		src, dst = out[8:24], out[24:40]
	}
	pseudo := sum.PseudoHeaderChecksum(protoTCP, src, dst, uint16(len(t)))
	binary.BigEndian.PutUint16(t[tcpChecksumAt:], ^sum.Checksum(t, pseudo))
}

// copy moves the next len(to) bytes of the packet, which has that many.
func (c *cutter) copy(to []byte) {
	c.left -= len(to)
	for len(to) > 0 && c.view != nil {
		from := c.view.AsSlice()
		if c.offset >= len(from) {
			c.offset -= len(from)
			c.view = c.view.Next()
			continue
		}
		n := copy(to, from[c.offset:])
		c.offset += n
		to = to[n:]
	}
}

// release lets go of the packet, sent or not.
func (c *cutter) release() {
	if c.pkt != nil {
		c.pkt.DecRef()
	}
	*c = cutter{}
}
