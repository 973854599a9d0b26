package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/protocols"
)

const (
	readAhead     = 8 << 10
	answerTimeout = 20 * time.Minute // a model may think for ten; renewed at half
	stallTimeout  = time.Minute      // for a side that takes no more bytes
	unlimited     = -1
)

// The states of a link. Only its holder frees it; anyone may retire it.
const (
	linkIdle int32 = iota
	linkBusy
	linkRetiring // busy, and closed when it is free
	linkDead
)

// A link is one HTTP/1.1 connection to an origin. It carries one exchange at a
// time and is pooled by the gateway in between.
type link struct {
	p     *Protocol
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

var _ protocols.Link = (*link)(nil)

// open names the pool; agents that speak without TLS reach the port that
// speaks without TLS, so the two are never mixed.
func (x *exchange) open() protocols.Open {
	if x.site.secure && !x.site.flow.Service.Plaintext {
		return protocols.Open{Pool: "http/1.1", Dress: x.site.p.dressTLS}
	}
	return protocols.Open{Pool: "http/1.1 plain", Dress: x.site.p.dressPlain}
}

func (p *Protocol) dressTLS(ctx context.Context, w protocols.Wire) (protocols.Link, error) {
	tc, err := w.Secure(ctx, "http/1.1")
	if err != nil {
		return nil, err
	}
	if got := tc.ConnectionState().NegotiatedProtocol; got != "" && got != "http/1.1" {
		return nil, fmt.Errorf("the origin speaks %q only", got)
	}
	return p.newLink(w, tc), nil
}

func (p *Protocol) dressPlain(_ context.Context, w protocols.Wire) (protocols.Link, error) {
	return p.newLink(w, w), nil
}

func (p *Protocol) newLink(w protocols.Wire, conn net.Conn) *link {
	l := &link{p: p, wire: w, conn: conn, addr: w.RemoteAddr().String(), quiet: quiet(w)}
	l.state.Store(linkBusy)
	return l
}

// Take reserves an idle link.
func (l *link) Take() bool { return l.state.CompareAndSwap(linkIdle, linkBusy) }

// Retire closes the link now, or when its exchange is over.
func (l *link) Retire() {
	if l.state.CompareAndSwap(linkIdle, linkDead) {
		l.wire.Close()
		return
	}
	l.state.CompareAndSwap(linkBusy, linkRetiring)
}

// kill ends the link whatever it does.
func (l *link) kill() {
	l.state.Store(linkDead)
	l.wire.Close()
}

// ready prepares a link that was taken and reports whether the origin still holds
// its end. Nothing has been written then, so another link may be tried.
func (l *link) ready() bool {
	if l.used && !l.stillThere() {
		return false
	}
	if err := l.renewRead(); err != nil {
		return false
	}
	br, ok := l.p.readys.Get().(*bufio.Reader)
	if !ok {
		br = bufio.NewReaderSize(nil, readAhead)
	}
	br.Reset(l)
	l.br, l.used, l.budget = br, true, unlimited
	return true
}

// free gives the link back after an exchange that read its answer to the end.
func (l *link) free() {
	clean := l.br.Buffered() == 0
	l.drop()
	l.freed = time.Now()
	if !clean || !l.state.CompareAndSwap(linkBusy, linkIdle) {
		l.kill()
	}
}

// drop gives the reader back; nothing reads from the link afterwards.
func (l *link) drop() {
	if l.br != nil {
		l.br.Reset(nil)
		l.p.readys.Put(l.br)
		l.br = nil
	}
}

var errHeadTooLarge = errors.New("the head of the answer is larger than 64 KiB")

// Read reads from the origin, within the budget.
func (l *link) Read(b []byte) (int, error) {
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

// renewRead moves the read deadline when half of it is gone.
func (l *link) renewRead() error {
	now := time.Now()
	if l.readBy.Sub(now) > answerTimeout/2 {
		return nil
	}
	l.readBy = now.Add(answerTimeout)
	return l.conn.SetReadDeadline(l.readBy)
}

// write sends all of b, or fails when the origin takes nothing for too long.
func (l *link) write(b []byte) (int, error) {
	if now := time.Now(); l.writeBy.Sub(now) < stallTimeout/2 {
		l.writeBy = now.Add(stallTimeout)
		if err := l.conn.SetWriteDeadline(l.writeBy); err != nil {
			return 0, err
		}
	}
	return l.conn.Write(b)
}
