// Package ack holds acknowledgements back for a moment, since most are followed
// by an answer that says the same: a packet less to seal, send, receive and open
// for every small request. It drops nothing that a later packet does not repeat.
package ack

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	// Patience is the longest that an acknowledgement waits; RFC 1122 allows 500
	// ms, Linux takes 40.
	Patience = 10 * time.Millisecond
	// soon is how many bytes are acknowledged at once: two segments of the usual
	// size, as RFC 1122 asks.
	soon = 2 * 1220
	// slots is how many streams are remembered, a power of two.
	slots = 512

	ackAt, offsetAt, flagsAt, windowAt = 8, 12, 13, 14
	tcpHeader                          = 20
	timestamps                         = 12 // the options of an acknowledgement that says nothing else
	flagAck                            = 0x10
	flagPsh                            = 0x08
)

// A Keeper holds acknowledgements back, one of each stream. Make it with New.
type Keeper struct {
	send func(*stack.PacketBuffer)
	hash func([]byte) uint64

	mu      sync.Mutex
	streams [slots]stream // guarded by mu, as is what follows
	held    int
	armed   bool
	closed  bool
	timer   *time.Timer
}

// A stream is one direction of a connection.
type stream struct {
	id    uint64
	acked uint32              // what the last packet that went out has acknowledged
	held  *stack.PacketBuffer // nil: none
	ack   uint32              // what held acknowledges
	due   time.Time           // when held goes out
}

// A segment is what is read of a TCP packet.
type segment struct {
	id   uint64
	ack  uint32
	bare bool // it does nothing but to acknowledge
}

// New makes a Keeper. What has waited in vain is given to send, which may block
// and takes the packet over.
func New(send func(*stack.PacketBuffer)) *Keeper {
	seed := maphash.MakeSeed()
	return &Keeper{send: send, hash: func(b []byte) uint64 { return maphash.Bytes(seed, b) }}
}

// Take looks at a packet on its way out. If hold is true the keeper has taken it
// over; first, if not nil, is to be sent before it, or in its place.
func (k *Keeper) Take(pkt *stack.PacketBuffer) (first *stack.PacketBuffer, hold bool) {
	s, ok := k.read(pkt)
	if !ok {
		return nil, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	e := &k.streams[s.id%slots]
	if e.id != s.id {
		first = k.release(e)
		*e = stream{id: s.id, acked: s.ack}
		return first, false
	}
	news := s.ack - e.acked
	if s.bare && e.held == nil && news > 0 && news < soon && !k.closed {
		k.hold(e, pkt, s.ack)
		return nil, true
	}
	if was := k.release(e); was != nil {
		first = superseded(was, s, e.ack)
	}
	e.acked = s.ack
	return first, false
}

// superseded lets go of a held packet, unless s does not say the same and more.
func superseded(was *stack.PacketBuffer, s segment, ack uint32) *stack.PacketBuffer {
	behind := int32(s.ack-ack) < 0
	repeated := s.bare && s.ack == ack // it says that something is missing
	if behind || repeated {
		return was
	}
	was.DecRef()
	return nil
}

// read reads a packet of a connection; it reports false for any other. The first
// and the last packets of a connection are never bare.
func (k *Keeper) read(pkt *stack.PacketBuffer) (segment, bool) {
	ip, tcp := pkt.NetworkHeader().Slice(), pkt.TransportHeader().Slice()
	var from []byte
	switch {
	case len(tcp) < tcpHeader || pkt.TransportProtocolNumber != 6:
		return segment{}, false
	case len(ip) >= 20 && ip[0]>>4 == 4:
		from = ip[12:20]
	case len(ip) >= 40 && ip[0]>>4 == 6:
		from = ip[8:40]
	default:
		return segment{}, false
	}
	var id [36]byte
	n := copy(id[:], from)
	n += copy(id[n:], tcp[:4])
	return segment{
		id:  k.hash(id[:n]),
		ack: binary.BigEndian.Uint32(tcp[ackAt:]),
		bare: pkt.Data().Size() == 0 && tcp[flagsAt]&^flagPsh == flagAck &&
			int(tcp[offsetAt]>>4)*4 <= tcpHeader+timestamps && binary.BigEndian.Uint16(tcp[windowAt:]) > 0,
	}, true
}

// hold keeps pkt. The caller holds mu, as for release.
func (k *Keeper) hold(e *stream, pkt *stack.PacketBuffer, ack uint32) {
	e.held, e.ack, e.due = pkt, ack, time.Now().Add(Patience)
	k.held++
	if k.armed {
		return
	}
	k.armed = true
	if k.timer == nil {
		k.timer = time.AfterFunc(Patience, k.expire)
		return
	}
	k.timer.Reset(Patience)
}

func (k *Keeper) release(e *stream) *stack.PacketBuffer {
	pkt := e.held
	if pkt != nil {
		e.held = nil
		k.held--
	}
	return pkt
}

// expire sends what has waited long enough. Only one runs at a time, so that one
// sender at most waits for room.
func (k *Keeper) expire() {
	for _, pkt := range k.overdue(time.Now()) {
		k.send(pkt)
	}
	k.rearm(time.Now())
}

func (k *Keeper) overdue(now time.Time) []*stack.PacketBuffer {
	k.mu.Lock()
	defer k.mu.Unlock()
	var late []*stack.PacketBuffer
	for i := range k.streams {
		if e := &k.streams[i]; e.held != nil && !e.due.After(now) {
			e.acked = e.ack
			late = append(late, k.release(e))
		}
	}
	return late
}

// rearm sets the timer for what is due next, if anything is.
func (k *Keeper) rearm(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.armed = k.held > 0 && !k.closed; !k.armed {
		return
	}
	next := Patience
	for i := range k.streams {
		if e := &k.streams[i]; e.held != nil {
			next = min(next, e.due.Sub(now))
		}
	}
	k.timer.Reset(max(0, next))
}

// Close lets go of what is held and holds nothing more.
func (k *Keeper) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	if k.timer != nil {
		k.timer.Stop()
	}
	for i := range k.streams {
		if pkt := k.release(&k.streams[i]); pkt != nil {
			pkt.DecRef()
		}
	}
}
