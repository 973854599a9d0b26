package socket

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchSize = 128 // wireguard-go's conn.IdealBatchSize
	// controlSize has room for the longest control messages of a datagram: an
	// address of IPv6 with its interface, and the size of the pieces.
	controlSize = 64
)

// A message is the kernel's struct mmsghdr.
type message struct {
	unix.Msghdr
	size uint32 // of the datagram that was received
}

// A name has room for the kernel's address of either family.
type name = unix.RawSockaddrInet6

// control is the memory of a datagram's control messages, aligned as the kernel
// wants them.
type control [controlSize / 8]uint64

func (c *control) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(c)), controlSize)
}

// put writes a name and gives its size.
func put(n *name, to netip.AddrPort) uint32 {
	*n = name{}
	binary.BigEndian.PutUint16(portOf(n), to.Port())
	if to.Addr().Is4() {
		n4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(n))
		n4.Family, n4.Addr = unix.AF_INET, to.Addr().As4()
		return unix.SizeofSockaddrInet4
	}
	n.Family, n.Addr = unix.AF_INET6, to.Addr().As16()
	return unix.SizeofSockaddrInet6
}

// get reads a name that the kernel wrote.
func get(n *name) netip.AddrPort {
	port := binary.BigEndian.Uint16(portOf(n))
	if n.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(n)).Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(n.Addr), port)
}

// portOf is the port of a name, which stands in network order at the same place
// in both families.
func portOf(n *name) []byte { return (*[2]byte)(unsafe.Pointer(&n.Port))[:] }

// parse reads control messages: where the datagram arrived, and the size of its
// pieces if it is several; 0: it is one.
func parse(b []byte, p *path) (piece int) {
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		size := int(h.Len)
		if size < unix.SizeofCmsghdr || size > len(b) {
			return piece
		}
		data := b[unix.CmsgLen(0):size]
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
			p.here, p.link = netip.AddrFrom4(info.Spec_dst), uint32(info.Ifindex)
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0]))
			p.here, p.link = netip.AddrFrom16(info.Addr), info.Ifindex
		case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 4:
			piece = int(binary.NativeEndian.Uint32(data))
		}
		b = b[min(unix.CmsgSpace(size-unix.CmsgLen(0)), len(b)):]
	}
	return piece
}

// compose writes control messages: where to send from, unless the system is to
// choose, and into which pieces to cut, unless piece is 0. It gives their size.
func compose(c *control, here netip.Addr, link uint32, piece int) int {
	at := 0
	switch {
	case here.Is4():
		info := (*unix.Inet4Pktinfo)(c.next(&at, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo))
		*info = unix.Inet4Pktinfo{Ifindex: int32(link), Spec_dst: here.As4()}
	case here.Is6():
		info := (*unix.Inet6Pktinfo)(c.next(&at, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo))
		*info = unix.Inet6Pktinfo{Ifindex: link, Addr: here.As16()}
	}
	if piece > 0 {
		*(*uint16)(c.next(&at, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)) = uint16(piece)
	}
	return at
}

// next begins a control message at *at, moves *at behind it and gives the place
// of its data.
func (c *control) next(at *int, level, kind int32, size int) unsafe.Pointer {
	b := c.bytes()[*at:]
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(size))
	*at += unix.CmsgSpace(size)
	return unsafe.Pointer(&b[unix.CmsgLen(0)])
}
