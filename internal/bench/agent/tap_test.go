package agent

import (
	"encoding/binary"
	"testing"
)

// segment is an IPv4 packet of a TCP stream.
func segment(flags byte, seq uint32, size int) []byte {
	b := make([]byte, ipv4Head+tcpHead+size)
	b[0], b[9] = 0x45, protoTCP
	b[ipv4Head+12], b[ipv4Head+13] = tcpHead/4<<4, flags
	binary.BigEndian.PutUint32(b[ipv4Head+4:], seq)
	return b
}

func TestTapCountsRepeats(t *testing.T) {
	const syn, ack = 0x12, 0x10
	start := ^uint32(0) - 150 // the sequence numbers wrap
	for _, c := range []struct {
		name    string
		packets [][]byte
		want    uint64
	}{
		{"in order", [][]byte{segment(syn, start, 0), segment(ack, start+1, 100), segment(ack, start+101, 100), segment(ack, start+201, 100)}, 0},
		{"sent twice", [][]byte{segment(syn, start, 0), segment(ack, start+1, 100), segment(ack, start+101, 100), segment(ack, start+1, 100)}, 1},
		{"bare acknowledgements", [][]byte{segment(syn, start, 0), segment(ack, start+1, 100), segment(ack, start+101, 0), segment(ack, start+101, 0)}, 0},
		{"a port used again", [][]byte{segment(syn, start, 0), segment(ack, start+1, 100), segment(syn, 7, 0), segment(ack, 8, 100)}, 0},
		{"no beginning seen", [][]byte{segment(ack, start+1, 100), segment(ack, start+1, 100)}, 0},
		{"too short, or no TCP", [][]byte{{}, {0x45}, make([]byte, 60)}, 0},
	} {
		tp := &tap{}
		for _, b := range c.packets {
			tp.count(b)
		}
		got := tp.counters()
		if got.Repeats != c.want || got.Packets != uint64(len(c.packets)) {
			t.Errorf("%s: %+v, want %d repeats of %d packets", c.name, got, c.want, len(c.packets))
		}
	}
}
