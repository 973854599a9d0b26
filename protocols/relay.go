package protocols

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	restBuffer = 1 << 10  // held by a direction in which nothing flows
	flowBuffer = 64 << 10 // held while bytes flow: four TLS records
	writeLimit = time.Minute
)

// A Relayed is what a Relay carried.
type Relayed struct {
	Sent     int64 // from a to b
	Received int64 // from b to a
}

// A Relay copies bytes between two connections. The zero value is ready; it may
// be used by many connections at once.
type Relay struct {
	// Idle ends a relay in which neither side has sent anything for so long; 0 is
	// never.
	Idle time.Duration

	buffers sync.Pool
}

// Run copies both ways until both sides are done, one side fails, it idles or ctx
// ends. A side that is done sending is told so to the other (half-close). It closes
// a and b, and returns only when both copies have stopped.
func (r *Relay) Run(ctx context.Context, a, b net.Conn) (Relayed, error) {
	closeBoth := func() { a.Close(); b.Close() }
	defer After(ctx, closeBoth)()
	defer closeBoth()

	var last atomic.Int64
	last.Store(time.Now().UnixNano())
	up := &pump{relay: r, dst: b, src: a, last: &last}
	down := &pump{relay: r, dst: a, src: b, last: &last}

	done := make(chan error, 1)
	one := func(p *pump) error {
		err := p.run()
		if err != nil {
			closeBoth()
		}
		return err
	}
	go func() { done <- one(up) }()
	err := one(down)
	err = firstCause(err, <-done)
	if cause := context.Cause(ctx); cause != nil && !IsPanic(err) {
		err = cause
	}
	return Relayed{Sent: up.n, Received: down.n}, err
}

// firstCause prefers what ended the relay to what the ending did to the other side,
// and a bug to everything.
func firstCause(a, b error) error {
	if IsPanic(b) {
		return b
	}
	if a == nil || errors.Is(a, net.ErrClosed) && b != nil {
		return b
	}
	return a
}

// A pump is one direction of a relay.
type pump struct {
	relay *Relay
	dst   net.Conn
	src   net.Conn
	last  *atomic.Int64 // when either direction moved, in Unix nanoseconds
	n     int64
	until time.Time // read deadline in force
	write time.Time // write deadline in force
}

var errIdle = errors.New("nothing was sent for too long")

// run copies until src ends, and then tells dst. It waits with a small buffer and
// takes a large one only while bytes keep coming.
func (p *pump) run() (err error) {
	defer Rescue(&err)
	rest := make([]byte, restBuffer)
	for {
		n, err := p.read(rest)
		if n > 0 {
			if werr := p.put(rest[:n]); werr != nil {
				return werr
			}
		}
		if err == nil && n == len(rest) {
			err = p.flow()
		}
		if errors.Is(err, io.EOF) {
			return closeWrite(p.dst)
		}
		if err != nil {
			return err
		}
	}
}

// flow copies with a large buffer until a read comes back nearly empty.
func (p *pump) flow() error {
	buf, ok := p.relay.buffers.Get().(*[flowBuffer]byte)
	if !ok {
		buf = new([flowBuffer]byte)
	}
	defer p.relay.buffers.Put(buf)
	for {
		n, err := p.read(buf[:])
		if n > 0 {
			if werr := p.put(buf[:n]); werr != nil {
				return werr
			}
		}
		if err != nil || n <= restBuffer {
			return err
		}
	}
}

func (p *pump) read(buf []byte) (int, error) {
	for {
		if idle := p.relay.Idle; idle > 0 {
			if now := time.Now(); p.until.Sub(now) < idle/2 {
				p.until = time.Unix(0, p.last.Load()).Add(idle)
				if !p.until.After(now) {
					return 0, errIdle
				}
				if err := p.src.SetReadDeadline(p.until); err != nil {
					return 0, err
				}
			}
		}
		n, err := p.src.Read(buf)
		if n == 0 && p.relay.Idle > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			p.until = time.Time{}
			continue // the other direction may have moved
		}
		return n, err
	}
}

// put writes all of buf; a side that takes nothing for writeLimit has failed.
func (p *pump) put(buf []byte) error {
	now := time.Now()
	p.last.Store(now.UnixNano())
	if p.write.Sub(now) < writeLimit/2 {
		p.write = now.Add(writeLimit)
		if err := p.dst.SetWriteDeadline(p.write); err != nil {
			return err
		}
	}
	n, err := p.dst.Write(buf)
	p.n += int64(n)
	return err
}

// closeWrite tells the other end that no more bytes come. A connection that
// cannot say only that is closed.
func closeWrite(c net.Conn) error {
	h, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return c.Close()
	}
	if err := h.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Rewind gives c with what was read ahead of it put back in front.
func Rewind(c net.Conn, ahead *bufio.Reader) net.Conn { return &rewound{c, ahead} }

type rewound struct {
	net.Conn
	ahead *bufio.Reader
}

func (c *rewound) Read(b []byte) (int, error) {
	if n := c.ahead.Buffered(); n > 0 {
		return c.ahead.Read(b[:min(len(b), n)])
	}
	return c.Conn.Read(b)
}

// CloseWrite ends one direction, where the connection can.
func (c *rewound) CloseWrite() error { return closeWrite(c.Conn) }
