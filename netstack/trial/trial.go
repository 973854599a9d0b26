// Package trial is what every transport must stand: one table of tests, and the
// stand-ins they need for a store, names, a resolver and a handler. A transport's
// own tests give it agents and a gateway; it knows none itself, and no product
// contains it.
package trial

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/tun"
)

// Patience bounds what a test waits for.
const Patience = 30 * time.Second

// A Lab is a gateway on one transport.
type Lab struct {
	Agent   func(name string) Agent // starts another agent that has a role
	Gateway func() (v4, v6 netip.Addr)
	Net     func() *tun.Net // the gateway's stack
}

// Start makes a Lab whose flows go to h; change, if there is one, is called with
// the server before it serves.
type Start func(t testing.TB, h netstack.Handler, change func(*netstack.Server)) Lab

// An Agent is a machine behind the gateway.
type Agent struct {
	Name string // as the gateway announces it
	Addr netip.Addr
	Net  *tun.Net
}

// Memory is an AgentStore.
type Memory struct {
	mu     sync.Mutex
	agents map[string]netstack.Agent
}

var _ netstack.AgentStore = (*Memory)(nil)

// LoadAgents gives all that were saved.
func (m *Memory) LoadAgents(context.Context) ([]netstack.Agent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []netstack.Agent
	for _, a := range m.agents {
		list = append(list, a)
	}
	return list, nil
}

// SaveAgent keeps an agent.
func (m *Memory) SaveAgent(_ context.Context, a netstack.Agent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.agents == nil {
		m.agents = make(map[string]netstack.Agent)
	}
	m.agents[a.ID] = a
	return nil
}

// Get gives the agent of an id.
func (m *Memory) Get(id string) netstack.Agent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.agents[id]
}

const (
	// Known is the only virtual IP that stands for a name; it is KnownName's.
	Known = "198.18.0.7"
	// KnownName is what stands for it.
	KnownName = "api.example.com"
	// Stale is one that stands for nothing.
	Stale = "198.18.0.8"
	// Pool holds both.
	Pool = "198.18.0.0/15"
)

// Names knows one virtual IP.
type Names struct{}

// Lookup is netstack.Names'.
func (Names) Lookup(a netip.Addr) (string, bool) {
	if a == netip.MustParseAddr(Known) {
		return KnownName, true
	}
	return "", netip.MustParsePrefix(Pool).Contains(a)
}

// DNS answers a question with how it came ("u" or "t"), who asked, and what.
type DNS struct{ Block chan struct{} } // nil: it answers at once

// Answer is netstack.Resolver's.
func (d DNS) Answer(p *action.Peer, q []byte, stream bool) []byte {
	if d.Block != nil {
		<-d.Block
	}
	how := "u"
	if stream {
		how = "t"
	}
	return fmt.Appendf(nil, "%s:%s:%s", how, p.Name, q)
}

// A Handler is a netstack.Handler.
type Handler func(context.Context, netstack.Flow) error

// ServeFlow calls it.
func (h Handler) ServeFlow(ctx context.Context, f netstack.Flow) error { return h(ctx, f) }

// Echo accepts every flow and sends back what comes, after a line that says how the
// flow was announced. Port 9 is refused.
func Echo(_ context.Context, f netstack.Flow) error {
	if f.Dst.Port() == 9 {
		return errors.New("discard is not served")
	}
	c, err := f.Accept()
	if err != nil {
		return err
	}
	fmt.Fprintf(c, "%s %s %s\n", f.Peer.Name, f.Dst, f.Host)
	_, err = io.Copy(c, c)
	return err
}

// TryDial connects an agent to an address, within a time.
func (a Agent) TryDial(to string, within time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c, err := a.Net.DialTCP(ctx, netip.AddrPort{}, netip.MustParseAddrPort(to))
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Dial connects an agent to an address, or fails the test.
func (a Agent) Dial(t testing.TB, to string) net.Conn {
	t.Helper()
	c, err := a.TryDial(to, Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(2 * Patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Ask sends one datagram, again and again while Patience lasts, and gives the answer.
func (a Agent) Ask(t testing.TB, to, question string) (string, error) {
	t.Helper()
	conn, err := a.Net.DialUDP(netip.MustParseAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for end := time.Now().Add(Patience); ; {
		if _, err := fmt.Fprint(conn, question); err != nil {
			return "", err
		}
		if err := conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			return "", err
		}
		b := make([]byte, 2000)
		n, err := conn.Read(b)
		if err == nil {
			return string(b[:n]), nil
		}
		var late interface{ Timeout() bool }
		if !errors.As(err, &late) || !late.Timeout() || time.Now().After(end) {
			return "", err
		}
	}
}

// Line reads up to a newline, byte by byte so that the rest stays.
func Line(t testing.TB, r io.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		var one [1]byte
		if _, err := io.ReadFull(r, one[:]); err != nil {
			t.Fatalf("after %q: %v", b.String(), err)
		}
		if one[0] == '\n' {
			return b.String()
		}
		b.WriteByte(one[0])
	}
}

// Eventually polls until ok or the time is up.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for begin, still := time.Now(), time.Duration(0); !ok(); still += pulse.Sleep(3 * time.Millisecond) {
		if time.Since(begin)-still > within {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// Pattern is n bytes that tell where they stand.
func Pattern(n int) []byte {
	b := make([]byte, n+8)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(i)*0x9e3779b97f4a7c15)
	}
	return b[:n]
}
