package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	writeTimeout = 15 * time.Second
	// settle is how long a connection must stand behind a record until that counts
	// as arrived: syslog acknowledges nothing, and who dies takes what it has not
	// read with it.
	settle = 5 * time.Second
)

// A Stream is a Sender of syslog messages over TCP or TLS.
type Stream struct {
	Address string
	TLS     func() (*tls.Config, error) // asked at every connection; nil: none, in the clear
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Host    string // whom the messages are from
	Version string
	Most    int           // bytes of one message
	Settle  time.Duration // 0: 5 s
	Now     func() time.Time

	conn  net.Conn
	ended chan error // the receiver ends the connection; closed by watch
	marks []mark     // what was written and is not known to have arrived
	done  uint64
}

// A mark is a record that ended a batch.
type mark struct {
	seq uint64
	at  time.Time
}

var errEnded = errors.New("the receiver has ended the connection")

// Send writes a batch.
func (s *Stream) Send(ctx context.Context, batch []Record) error {
	var out []byte
	for _, r := range batch {
		m, err := Message(r, s.Host, s.Version, s.Most)
		if err != nil {
			return err
		}
		out = frame(out, m)
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { s.conn.SetWriteDeadline(time.Now()) }) //nolint:errcheck // the write fails then
	defer stop()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return s.broken(err)
	}
	if _, err := s.conn.Write(out); err != nil {
		return s.broken(err)
	}
	s.marks = append(s.marks, mark{batch[len(batch)-1].Seq, s.Now()})
	return nil
}

// connect makes a connection unless there is one.
func (s *Stream) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	c, err := s.Dial(ctx, "tcp", s.Address)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.Address, err)
	}
	if s.TLS != nil {
		conf, err := s.TLS()
		if err != nil {
			c.Close()
			return fmt.Errorf("TLS with %s: %w", s.Address, err)
		}
		t := tls.Client(c, conf)
		if err := t.HandshakeContext(ctx); err != nil {
			c.Close()
			return fmt.Errorf("TLS with %s: %w", s.Address, err)
		}
		c = t
	}
	s.conn, s.ended = c, make(chan error, 1)
	go watch(c, s.ended)
	return nil
}

// watch reads what a receiver never sends, to see when it goes. It ends with the
// connection, which its Stream closes.
func watch(c net.Conn, ended chan<- error) {
	defer close(ended)
	_, err := io.Copy(io.Discard, c)
	if err == nil {
		err = errEnded
	}
	ended <- err
}

// broken closes the connection. What was written to it and has not arrived counts
// as lost.
func (s *Stream) broken(err error) error {
	s.drop()
	s.marks = nil
	return fmt.Errorf("send to %s: %w", s.Address, err)
}

// drop closes the connection and waits for who watches it.
func (s *Stream) drop() {
	if s.conn == nil {
		return
	}
	s.conn.Close()
	for range s.ended { //nolint:revive // until it is closed
	}
	s.conn = nil
}

// Arrived counts what the other end's system has taken, once the connection has
// stood for a while behind it.
func (s *Stream) Arrived() (uint64, error) {
	if s.conn == nil {
		return s.done, nil
	}
	select {
	case err := <-s.ended:
		if len(s.marks) == 0 { // it was idle, and nothing is missing
			s.drop()
			return s.done, nil
		}
		return s.done, s.broken(err)
	default:
	}
	wait := s.Settle
	if wait == 0 {
		wait = settle
	}
	if len(s.marks) == 0 || s.Now().Sub(s.marks[0].at) < wait || unsent(s.conn) > 0 {
		return s.done, nil
	}
	for len(s.marks) > 0 && s.Now().Sub(s.marks[0].at) >= wait {
		s.done, s.marks = s.marks[0].seq, s.marks[1:]
	}
	return s.done, nil
}

// Close ends the connection in good order: a receiver that ends its half after ours
// has read everything.
func (s *Stream) Close(ctx context.Context) {
	half, ok := s.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		s.drop()
		return
	}
	if t, ok := s.conn.(*tls.Conn); ok { // CloseWrite was its close_notify
		if tcp, ok := t.NetConn().(interface{ CloseWrite() error }); ok && tcp.CloseWrite() != nil {
			s.drop()
			return
		}
	}
	select {
	case err := <-s.ended:
		if errors.Is(err, errEnded) && len(s.marks) > 0 {
			s.done, s.marks = s.marks[len(s.marks)-1].seq, nil
		}
	case <-ctx.Done():
	}
	s.drop()
}
