package ack

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// A tcp is a packet in a word: what it acknowledges and, if anything, more.
type tcp struct {
	name    string // to tell it from others
	ack     uint32
	data    int
	flags   byte // beside ACK
	options int
	window  uint16 // 0: an open one
	port    uint16 // of the stream
	v6      bool
}

func (p tcp) packet() *stack.PacketBuffer {
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: 100, Payload: buffer.MakeWithData(make([]byte, p.data)),
	})
	pkt.TransportProtocolNumber = header.TCPProtocolNumber
	t := pkt.TransportHeader().Push(tcpHeader + p.options)
	binary.BigEndian.PutUint16(t, 443)
	binary.BigEndian.PutUint16(t[2:], 1000+p.port)
	binary.BigEndian.PutUint32(t[ackAt:], p.ack)
	t[offsetAt] = byte(tcpHeader+p.options) / 4 << 4
	t[flagsAt] = flagAck | p.flags
	binary.BigEndian.PutUint16(t[windowAt:], p.window)
	if p.window == 0 {
		binary.BigEndian.PutUint16(t[windowAt:], 1<<15)
	}
	if p.window == closed {
		binary.BigEndian.PutUint16(t[windowAt:], 0)
	}
	if p.v6 {
		pkt.NetworkHeader().Push(40)[0] = 6 << 4
	} else {
		pkt.NetworkHeader().Push(20)[0] = 4 << 4
	}
	return pkt
}

const (
	closed = 1 // a window that is none
	syn    = 0x02
	fin    = 0x01
	rst    = 0x04
)

// newKeeper makes one where streams share a place only if their ports do.
func newKeeper(send func(*stack.PacketBuffer)) *Keeper {
	k := New(send)
	k.hash = func(id []byte) uint64 { return 1 + uint64(binary.BigEndian.Uint16(id[len(id)-2:])) }
	return k
}

// pause stands for the time after which what waits has gone.
var pause = tcp{name: "pause"}

func TestWhatGoesOut(t *testing.T) {
	open := tcp{name: "open", ack: 1000, flags: syn}
	tests := map[string]struct {
		in   []tcp
		want []string
	}{
		"an answer says the same": {
			[]tcp{open, {name: "ack", ack: 1300}, {name: "answer", ack: 1300, data: 50}, pause},
			[]string{"open", "answer"},
		},
		"nothing follows": {
			[]tcp{open, {name: "ack", ack: 1300}, pause},
			[]string{"open", "pause", "ack"},
		},
		"over IPv6": {
			[]tcp{{name: "open", ack: 1000, flags: syn, v6: true}, {name: "ack", ack: 1300, v6: true}, {name: "answer", ack: 1300, data: 50, v6: true}},
			[]string{"open", "answer"},
		},
		"the end says the same": {
			[]tcp{open, {name: "ack", ack: 1300}, {name: "end", ack: 1300, flags: fin}, pause},
			[]string{"open", "end"},
		},
		"every second goes at once": {
			[]tcp{open, {name: "1", ack: 1100}, {name: "2", ack: 1200}, {name: "3", ack: 1300}, {name: "4", ack: 1400}},
			[]string{"open", "2", "4"},
		},
		"two segments are acknowledged at once": {
			[]tcp{open, {name: "ack", ack: 1000 + soon}},
			[]string{"open", "ack"},
		},
		"a repetition tells of a loss": {
			[]tcp{open, {name: "1", ack: 1300}, {name: "2", ack: 1300}, {name: "3", ack: 1300}},
			[]string{"open", "1", "2", "3"},
		},
		"an open window is told at once": {
			[]tcp{open, {name: "more room", ack: 1000}},
			[]string{"open", "more room"},
		},
		"so is a closed one": {
			[]tcp{open, {name: "no room", ack: 1300, window: closed}},
			[]string{"open", "no room"},
		},
		"so are gaps": {
			[]tcp{open, {name: "gap", ack: 1300, options: 24}},
			[]string{"open", "gap"},
		},
		"and congestion": {
			[]tcp{open, {name: "ece", ack: 1300, flags: 0x40}},
			[]string{"open", "ece"},
		},
		"timestamps alone are nothing to tell": {
			[]tcp{open, {name: "ack", ack: 1300, options: timestamps}},
			[]string{"open"},
		},
		"a packet from before keeps what waits": {
			[]tcp{open, {name: "ack", ack: 1300}, {name: "late", ack: 1000, data: 9}},
			[]string{"open", "ack", "late"},
		},
		"numbers start again": {
			[]tcp{{name: "open", ack: 0xffffff00, flags: syn}, {name: "ack", ack: 10}, {name: "answer", ack: 10, data: 1}, pause},
			[]string{"open", "answer"},
		},
		"a stream that is not known": {
			[]tcp{{name: "ack", ack: 1300}},
			[]string{"ack"},
		},
		"streams do not meet": {
			[]tcp{open, {name: "other", ack: 1, flags: syn, port: 1}, {name: "ack", ack: 1300}, {name: "more", ack: 1, data: 5, port: 1}, pause},
			[]string{"open", "other", "more", "pause", "ack"},
		},
		"a port is used again": {
			[]tcp{open, {name: "ack", ack: 1300}, {name: "end", ack: 1300, flags: rst}, {name: "open again", ack: 7, flags: syn}, {name: "held", ack: 9}, {name: "answer", ack: 9, data: 1}},
			[]string{"open", "end", "open again", "answer"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := out(tt.in); !slices.Equal(got, tt.want) {
					t.Errorf("%q went out, want %q", got, tt.want)
				}
			})
		})
	}
}

// out gives the names of the packets in the order in which they go out.
func out(in []tcp) []string {
	var mu sync.Mutex
	var got []string
	names := make(map[*stack.PacketBuffer]string)
	k := newKeeper(func(pkt *stack.PacketBuffer) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, names[pkt])
	})
	defer k.Close()
	defer mu.Unlock()
	mu.Lock()
	for _, p := range in {
		if p == pause {
			before := len(got)
			mu.Unlock()
			time.Sleep(2 * Patience)
			synctest.Wait()
			mu.Lock()
			if len(got) > before {
				got = slices.Insert(got, before, "pause")
			}
			continue
		}
		pkt := p.packet()
		names[pkt] = p.name
		first, held := k.Take(pkt)
		if first != nil {
			got = append(got, names[first])
		}
		if !held {
			got = append(got, p.name)
		}
	}
	return got
}

func TestWaitingTakesNoLongerThanPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var went []time.Duration
		k := newKeeper(func(*stack.PacketBuffer) {
			mu.Lock()
			defer mu.Unlock()
			went = append(went, time.Since(began))
		})
		defer k.Close()
		const n = 20
		for i := range uint16(n) {
			k.Take(tcp{ack: 1, flags: syn, port: i}.packet())
			if _, held := k.Take(tcp{ack: 2, port: i}.packet()); !held {
				t.Fatal("it is not held")
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(Patience)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(went) != n {
			t.Fatalf("%d of %d went out", len(went), n)
		}
		for i, at := range went {
			if waited := at - time.Duration(i)*time.Millisecond; waited < Patience || waited > Patience+time.Millisecond {
				t.Errorf("number %d waited %v", i, waited)
			}
		}
	})
}

func TestStreamsThatShareAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(func(*stack.PacketBuffer) {})
		defer k.Close()
		in, outs := 0, 0
		for i := range uint16(4 * slots) {
			for _, p := range []tcp{{ack: 1, flags: syn, port: i}, {ack: 2, port: i}} {
				in++
				first, held := k.Take(p.packet())
				if first != nil {
					outs++
				}
				if !held {
					outs++
				}
			}
		}
		if waiting := k.held; outs+waiting != in || waiting > slots {
			t.Errorf("of %d packets %d went out and %d wait", in, outs, waiting)
		}
	})
}

func TestACloseHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(func(*stack.PacketBuffer) { t.Error("sent after Close") })
		k.Take(tcp{ack: 1, flags: syn}.packet())
		if _, held := k.Take(tcp{ack: 2}.packet()); !held {
			t.Fatal("it is not held")
		}
		k.Close()
		if k.held != 0 {
			t.Error("something is still held")
		}
		k.Take(tcp{ack: 3, data: 1}.packet())
		if _, held := k.Take(tcp{ack: 4}.packet()); held {
			t.Error("a closed keeper holds")
		}
		time.Sleep(2 * Patience)
		synctest.Wait()
	})
}

func TestOtherPacketsPass(t *testing.T) {
	k := New(func(*stack.PacketBuffer) {})
	defer k.Close()
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData([]byte("x"))})
	if first, held := k.Take(pkt); first != nil || held {
		t.Error("a packet that is not TCP is held")
	}
}
