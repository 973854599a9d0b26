package wire

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Mouth speaks to one side of a session. One pump uses Put; whoever else has
// something to say waits for the end of the message that is being sent.
type Mouth struct {
	Conn net.Conn
	// Timed keeps track of how long a write takes, for Blocked. Set before use.
	Timed bool

	since   atomic.Int64 // when the write at hand began, in Unix nanoseconds; 0: there is none
	mu      sync.Mutex
	cut     bool   // a message is half sent; guarded by mu
	waiting []byte // said meanwhile; guarded by mu
}

var _ Sink = (*Mouth)(nil)

// Put writes b, and what was waiting once a message is whole.
func (m *Mouth) Put(b []byte, cut bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.write(b); err != nil {
		return err
	}
	m.cut = cut
	if cut || len(m.waiting) == 0 {
		return nil
	}
	b, m.waiting = m.waiting, nil
	return m.write(b)
}

// write is called with mu held.
func (m *Mouth) write(b []byte) error {
	if m.Timed {
		m.since.Store(time.Now().UnixNano())
		defer m.since.Store(0)
	}
	_, err := m.Conn.Write(b)
	return err
}

// Blocked tells since when the other side takes nothing of what is said; zero if it
// does.
func (m *Mouth) Blocked() time.Time {
	if at := m.since.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Say writes whole messages, between those that pass.
func (m *Mouth) Say(b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cut {
		m.waiting = append(m.waiting, b...)
		return nil
	}
	return m.write(b)
}

// An Encoder is any message of pgproto3.
type Encoder interface {
	Encode(dst []byte) ([]byte, error)
}

// Tell says one message.
func (m *Mouth) Tell(msg Encoder) error {
	b, err := msg.Encode(nil)
	if err != nil {
		return err
	}
	return m.Say(b)
}
