// Package origin is the gateway's end of an HTTP/1.1 connection to a service: a
// link that the pool keeps between exchanges, heads read within bounds, and the
// credential put in its place. It decides nothing and knows no agent.
package origin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/protocols"
)

const (
	readAhead     = 8 << 10
	answerTimeout = 20 * time.Minute // a model may think for ten; renewed at half
	stallTimeout  = time.Minute      // for an origin that takes no more bytes
	headLimit     = 64 << 10
	unlimited     = -1
)

// The states of a link. Only its holder frees it; anyone may retire it.
const (
	linkIdle int32 = iota
	linkBusy
	linkRetiring // busy, and closed when it is free
	linkDead
)

// A Link is one HTTP/1.1 connection to an origin. It carries one exchange at a
// time and is pooled by the gateway in between.
type Link struct {
	m     *Maker
	wire  protocols.Wire
	conn  net.Conn    // the wire, or TLS over it
	quiet func() bool // reports that nothing came while it was idle; nil: cannot tell
	addr  string
	state atomic.Int32

	// The rest belongs to the exchange that holds the link.
	used    bool
	freed   time.Time
	br      *bufio.Reader // from a pool, only while the link is busy
	in      int64         // bytes read in its life
	budget  int64         // bytes that may still be read, or unlimited
	readBy  time.Time
	writeBy time.Time
}

var _ protocols.Link = (*Link)(nil)

// A Maker makes links. Its zero value is ready.
type Maker struct {
	readers sync.Pool // *bufio.Reader, while a link is in use
}

// Open says which links may carry a request. Those without TLS are a pool of
// their own.
func (m *Maker) Open(plain bool) protocols.Open {
	if plain {
		return protocols.Open{Pool: "http/1.1 plain", Dress: m.dressPlain}
	}
	return protocols.Open{Pool: "http/1.1", Dress: m.dressTLS}
}

func (m *Maker) dressTLS(ctx context.Context, w protocols.Wire) (protocols.Link, error) {
	tc, err := w.Secure(ctx, "http/1.1")
	if err != nil {
		return nil, err
	}
	if got := tc.ConnectionState().NegotiatedProtocol; got != "" && got != "http/1.1" {
		return nil, fmt.Errorf("the origin speaks %q only", got)
	}
	return m.newLink(w, tc), nil
}

func (m *Maker) dressPlain(_ context.Context, w protocols.Wire) (protocols.Link, error) {
	return m.newLink(w, w), nil
}

func (m *Maker) newLink(w protocols.Wire, conn net.Conn) *Link {
	l := &Link{m: m, wire: w, conn: conn, addr: w.RemoteAddr().String(), quiet: quiet(w)}
	l.state.Store(linkBusy)
	return l
}

// Addr is the address that was dialled.
func (l *Link) Addr() string { return l.addr }

// Received counts the bytes read in the life of the link.
func (l *Link) Received() int64 { return l.in }

// Waiting is how many bytes are here already.
func (l *Link) Waiting() int { return l.br.Buffered() }

// ReadHead reads the head of one answer to r, of 64 KiB at most. The body of what
// it returns is not to be closed: who does not read it to its end kills the link.
func (l *Link) ReadHead(r *http.Request) (*http.Response, error) {
	l.budget = headLimit + readAhead
	resp, err := http.ReadResponse(l.br, r)
	l.budget = unlimited
	return resp, err
}

// Stream is the connection with what was read ahead, for a relay.
func (l *Link) Stream() net.Conn {
	l.conn.SetDeadline(time.Time{}) //nolint:errcheck // the relay sets its own
	return protocols.Rewind(l.conn, l.br)
}

// Take reserves an idle link. Whoever looks for one asks many that are busy: reading
// does not take them away from the processor that uses them.
func (l *Link) Take() bool {
	return l.state.Load() == linkIdle && l.state.CompareAndSwap(linkIdle, linkBusy)
}

// Retire closes the link now, or when its exchange is over.
func (l *Link) Retire() {
	if l.state.CompareAndSwap(linkIdle, linkDead) {
		l.wire.Close()
		return
	}
	l.state.CompareAndSwap(linkBusy, linkRetiring)
}

// Kill ends the link whatever it does.
func (l *Link) Kill() {
	l.state.Store(linkDead)
	l.wire.Close()
}

// Ready prepares a link that was taken and reports whether the origin still holds
// its end. Nothing has been written then, so another link may be tried.
func (l *Link) Ready() bool {
	if l.used && !l.stillThere() {
		return false
	}
	if err := l.RenewRead(); err != nil {
		return false
	}
	br, ok := l.m.readers.Get().(*bufio.Reader)
	if !ok {
		br = bufio.NewReaderSize(nil, readAhead)
	}
	br.Reset(l)
	l.br, l.used, l.budget = br, true, unlimited
	return true
}

// Free gives the link back after an exchange that read its answer to the end.
func (l *Link) Free() {
	clean := l.br.Buffered() == 0
	l.Drop()
	if l.quiet == nil {
		l.freed = time.Now()
	}
	if !clean || !l.state.CompareAndSwap(linkBusy, linkIdle) {
		l.Kill()
	}
}

// Drop gives the reader back; nothing reads from the link afterwards.
func (l *Link) Drop() {
	if l.br != nil {
		l.br.Reset(nil)
		l.m.readers.Put(l.br)
		l.br = nil
	}
}

var errHeadTooLarge = errors.New("the head of the answer is larger than 64 KiB")

// Read reads from the origin, within the budget.
func (l *Link) Read(b []byte) (int, error) {
	if l.budget == 0 {
		return 0, errHeadTooLarge
	}
	if l.budget > 0 && int64(len(b)) > l.budget {
		b = b[:l.budget]
	}
	n, err := l.conn.Read(b)
	l.in += int64(n)
	if l.budget > 0 {
		l.budget -= int64(n)
	}
	return n, err
}

// RenewRead moves the read deadline when half of it is gone.
func (l *Link) RenewRead() error {
	now := time.Now()
	if l.readBy.Sub(now) > answerTimeout/2 {
		return nil
	}
	l.readBy = now.Add(answerTimeout)
	return l.conn.SetReadDeadline(l.readBy)
}

// Write sends all of b, or fails when the origin takes nothing for too long.
func (l *Link) Write(b []byte) (int, error) {
	if now := time.Now(); l.writeBy.Sub(now) < stallTimeout/2 {
		l.writeBy = now.Add(stallTimeout)
		if err := l.conn.SetWriteDeadline(l.writeBy); err != nil {
			return 0, err
		}
	}
	return l.conn.Write(b)
}
