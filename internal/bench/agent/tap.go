package agent

import (
	"encoding/binary"
	"sync"

	"sallyport.dev/sallyport/netstack/tun"
)

const (
	ipv4Head = 20
	tcpHead  = 20
	protoTCP = 6
)

// tap counts packets on their way from the tunnel to the stack, before any of
// them are merged.
type tap struct {
	*tun.Device

	mu   sync.Mutex
	got  Counters
	next map[stream]uint32 // first sequence number not yet seen; guarded by mu
}

// stream is one direction of one IPv4 connection.
type stream struct {
	source uint32
	ports  uint32
}

// Write counts what wireguard-go decrypted and passes it on.
func (t *tap) Write(bufs [][]byte, offset int) (int, error) {
	t.mu.Lock()
	for _, b := range bufs {
		t.count(b[offset:])
	}
	t.mu.Unlock()
	return t.Device.Write(bufs, offset)
}

// count looks for segments whose first byte was there before.
func (t *tap) count(b []byte) {
	t.got.Packets++
	if len(b) < ipv4Head+tcpHead || b[0] != 0x45 || b[9] != protoTCP {
		return
	}
	seg := b[ipv4Head:]
	head := int(seg[12]>>4) * 4
	const syn = 0x02
	key := stream{source: binary.BigEndian.Uint32(b[12:]), ports: binary.BigEndian.Uint32(seg)}
	seq := binary.BigEndian.Uint32(seg[4:])
	if seg[13]&syn != 0 {
		if t.next == nil {
			t.next = make(map[stream]uint32)
		}
		t.next[key] = seq + 1
		return
	}
	size := len(seg) - head
	if size <= 0 {
		return
	}
	next, known := t.next[key]
	if known && int32(seq-next) < 0 {
		t.got.Repeats++
		return
	}
	if known {
		t.next[key] = seq + uint32(size)
	}
}

func (t *tap) counters() Counters {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.got
}
