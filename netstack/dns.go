package netstack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"sallyport.dev/sallyport/action"
)

const (
	// maxQuery bounds a question; answers may fill a frame.
	maxQuery = 4 << 10
	// dnsIdle ends a TCP connection on which no whole question comes in time.
	dnsIdle = 10 * time.Second
)

// A Resolver answers DNS. Answer gets one message as it came and gives the
// message to send back; nil sends nothing. It is called concurrently and must be
// quick: it cannot be cancelled. stream means TCP, where any size fits.
type Resolver interface {
	Answer(p *action.Peer, query []byte, stream bool) (reply []byte)
}

// Query hands one DNS datagram to the Resolver, in a goroutine of its own that
// ends with the answer. It neither blocks nor keeps payload; what an agent asks
// beyond its limit is dropped, as a lost datagram would be.
func (s *Server) Query(src netip.AddrPort, payload []byte, reply func([]byte)) {
	peer, ok := s.Peers.Lookup(src.Addr())
	if !ok || s.Resolver == nil || len(payload) > maxQuery {
		return
	}
	release, ok := s.agents.query(peer.ID, s.Limits)
	if !ok {
		return
	}
	if !s.agents.enter(&s.serves) {
		release()
		return
	}
	query := append([]byte(nil), payload...)
	go func() {
		defer s.serves.Done()
		defer release()
		if answer := s.answer(peer, query); answer != nil {
			reply(answer)
		}
	}()
}

// answer asks the Resolver and survives its panic.
func (s *Server) answer(peer *action.Peer, query []byte) (answer []byte) {
	defer func() {
		if r := recover(); r != nil {
			answer = nil
			s.log().Warn("query failed", "agent", peer.Name, "err", panicked(r))
		}
	}()
	return s.Resolver.Answer(peer, query, false)
}

// MayReject reports whether the transport may tell the sender of a datagram that
// nobody takes it, or should drop it in silence.
func (s *Server) MayReject(src netip.Addr) bool {
	peer, ok := s.Peers.Lookup(src)
	return ok && s.agents.reject(peer.ID, s.Limits, time.Now())
}

// serveDNS answers questions on one TCP connection until the agent is done or
// silent.
func serveDNS(conn net.Conn, p *action.Peer, r Resolver) error {
	for {
		if err := conn.SetDeadline(time.Now().Add(dnsIdle)); err != nil {
			return err
		}
		query, err := ReadFrame(conn, maxQuery)
		if err != nil {
			return quiet(err)
		}
		answer := r.Answer(p, query, true)
		if answer == nil {
			return nil
		}
		if err := WriteFrame(conn, answer); err != nil {
			return quiet(err)
		}
	}
}

// quiet drops the errors by which a DNS client ordinarily leaves: it hangs up,
// resets or falls silent.
func quiet(err error) error {
	var lost net.Error
	if errors.As(err, &lost) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// ReadFrame reads one DNS message as TCP carries it, after its length. It takes
// no memory for a message longer than limit. At the end of the stream between
// two messages it gives io.EOF.
func ReadFrame(r io.Reader, limit int) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n > limit {
		return nil, fmt.Errorf("dns message of %d bytes is longer than %d", n, limit)
	}
	msg := make([]byte, n)
	if _, err := io.ReadFull(r, msg); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return msg, nil
}

// WriteFrame writes one DNS message after its length, in one Write.
func WriteFrame(w io.Writer, msg []byte) error {
	if len(msg) > 0xffff {
		return fmt.Errorf("dns message of %d bytes does not fit a frame", len(msg))
	}
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(msg)), uint16(len(msg)))
	_, err := w.Write(append(frame, msg...))
	return err
}
