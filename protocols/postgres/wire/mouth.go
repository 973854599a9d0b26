package wire

import (
	"net"
	"sync"
)

// A Mouth speaks to one side of a session. One pump uses Put; whoever else has
// something to say waits for the end of the message that is being sent.
type Mouth struct {
	Conn net.Conn

	mu      sync.Mutex
	cut     bool   // a message is half sent; guarded by mu
	waiting []byte // said meanwhile; guarded by mu
}

var _ Sink = (*Mouth)(nil)

// Put writes b, and what was waiting once a message is whole.
func (m *Mouth) Put(b []byte, cut bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.Conn.Write(b); err != nil {
		return err
	}
	m.cut = cut
	if cut || len(m.waiting) == 0 {
		return nil
	}
	b, m.waiting = m.waiting, nil
	_, err := m.Conn.Write(b)
	return err
}

// Say writes whole messages, between those that pass.
func (m *Mouth) Say(b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cut {
		m.waiting = append(m.waiting, b...)
		return nil
	}
	_, err := m.Conn.Write(b)
	return err
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
