package wireguard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/netstack"
)

// ask sends one datagram and gives the answer.
func ask(t testing.TB, c *Client, to, question string) (string, error) {
	t.Helper()
	conn, err := c.DialUDP(netip.MustParseAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 25 {
		conn.SetDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err = fmt.Fprint(conn, question); err != nil {
			return "", err
		}
		b := make([]byte, 2000)
		n, rerr := conn.Read(b)
		if rerr == nil {
			return string(b[:n]), nil
		}
		if err = rerr; errors.Is(err, syscall.ECONNREFUSED) {
			return "", err
		}
	}
	return "", err
}

func TestDNSToAnyAddressIsOurs(t *testing.T) {
	l := newLab(t, handlerFunc(echo))
	c := l.agent("ci")
	for _, to := range []string{"10.77.0.1:53", "8.8.8.8:53", "[2001:4860:4860::8888]:53", "[fd5a:1:2:3::1]:53"} {
		got, err := ask(t, c, to, "q")
		if err != nil || got != "u:ci:q" {
			t.Errorf("%s over UDP: %q, %v", to, got, err)
		}
		conn := dial(t, c, "tcp", to)
		for range 3 {
			if err := netstack.WriteFrame(conn, []byte("q")); err != nil {
				t.Fatal(err)
			}
			got, err := netstack.ReadFrame(conn, 512)
			if err != nil || string(got) != "t:ci:q" {
				t.Errorf("%s over TCP: %q, %v", to, got, err)
			}
		}
	}
}

func TestDNSLeavesNoGoroutineBehind(t *testing.T) {
	l := newLab(t, handlerFunc(echo))
	c := l.agent("ci")
	if _, err := ask(t, c, "8.8.8.8:53", "q"); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	var asked sync.WaitGroup
	for i := range 300 {
		asked.Go(func() { ask(t, c, fmt.Sprintf("8.8.%d.%d:53", i/250, i%250+1), "q") })
	}
	asked.Wait()
	eventually(t, 10*time.Second, "as few goroutines as before", func() bool {
		return runtime.NumGoroutine() <= before
	})
}

func TestT03_UDPOtherThanDNSIsRejected(t *testing.T) {
	l := newLab(t, handlerFunc(echo))
	c := l.agent("ci")
	for _, to := range []string{"1.1.1.1:443", "[2606:4700::1111]:443", "74.125.250.129:19302", "1.1.1.1:853", "10.77.0.1:123"} {
		if got, err := ask(t, c, to, "hello"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: got %q, %v; want connection refused", to, got, err)
		}
	}
}

func TestT02_OnlyTheHandlerOpensAPort(t *testing.T) {
	var mu sync.Mutex
	seen := make(map[netip.AddrPort]bool)
	l := newLab(t, handlerFunc(func(_ context.Context, f netstack.Flow) error {
		mu.Lock()
		defer mu.Unlock()
		seen[f.Dst] = true
		return nil // not declared: nobody accepts
	}))
	c := l.agent("ci")
	ports := []int{1, 22, 25, 80, 443, 3306, 5432, 6379, 8443, 11211, 27017, 51820, 65535}
	for _, host := range []string{"93.184.216.34", "10.77.0.1", "127.0.0.2", "2001:db8::5"} {
		for _, port := range ports {
			addr := net.JoinHostPort(host, fmt.Sprint(port))
			if host == "127.0.0.2" {
				if conn, err := quickDial(c, addr); err == nil {
					conn.Close()
					t.Errorf("%s was accepted", addr)
				}
				break // dropped as a martian: one is enough to wait for
			}
			if conn, err := tryDial(c, "tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s: %v, %v", addr, conn, err)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 3*len(ports) {
		t.Errorf("the handler was asked about %d destinations, want %d", len(seen), 3*len(ports))
	}
}

func quickDial(c *Client, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	return c.DialContext(ctx, "tcp", addr)
}

// An agent that takes another's address gets nothing through, and what the other
// has is not disturbed.
func TestT08_TheKeyNotTheAddressIsTheAgent(t *testing.T) {
	l := newLab(t, handlerFunc(echo))
	honest := l.agent("honest")
	conn := dial(t, honest, "tcp", "1.2.3.4:80")
	line(t, conn)

	s, err := ParseConfig(l.enrol("thief"))
	if err != nil {
		t.Fatal(err)
	}
	s.Addresses = []netip.Prefix{host(honest.Addr())}
	thief := l.client(ClientConfig(s))
	if c, err := quickDial(thief, "1.2.3.4:80"); err == nil {
		t.Errorf("the thief came in as %q", line(t, c))
	}
	fmt.Fprint(conn, "still here\n")
	if got := line(t, conn); got != "still here" {
		t.Errorf("the honest agent's connection gave %q", got)
	}
	// With its own address the same key is itself.
	if got := line(t, dial(t, l.agent("third"), "tcp", "1.2.3.4:80")); got != "third 1.2.3.4:80 " {
		t.Errorf("third came in as %q", got)
	}
}

func TestT10_FlowsAreLimitedPerAgent(t *testing.T) {
	l := newLab(t, handlerFunc(echo), func(_ *Config, s *netstack.Server) { s.Limits.Flows = 5 })
	c, other := l.agent("ci"), l.agent("other")
	var open []net.Conn
	for i := range 5 {
		conn := dial(t, c, "tcp", fmt.Sprintf("1.2.3.%d:80", i+1))
		line(t, conn)
		open = append(open, conn)
	}
	if _, err := tryDial(c, "tcp", "1.2.3.9:80"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("one flow too many: %v", err)
	}
	line(t, dial(t, other, "tcp", "1.2.3.4:80"))
	open[0].Close()
	eventually(t, 5*time.Second, "a closed flow makes room", func() bool {
		conn, err := tryDial(c, "tcp", "1.2.3.9:80")
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func TestT10_UnacceptedFlowsAreLimitedPerAgent(t *testing.T) {
	l := newLab(t, handlerFunc(func(ctx context.Context, f netstack.Flow) error {
		if f.Dst.Port() == 80 {
			return echo(ctx, f)
		}
		<-ctx.Done() // an upstream that never answers the dial
		return nil
	}), func(_ *Config, s *netstack.Server) { s.Limits.Pending = 3 })
	c := l.agent("ci")
	line(t, dial(t, c, "tcp", "1.2.3.4:80"))
	ctx, cancel := context.WithCancel(context.Background())
	var stuck sync.WaitGroup
	for i := range 3 {
		stuck.Go(func() { c.DialContext(ctx, "tcp", fmt.Sprintf("1.2.3.%d:81", i+1)) })
	}
	eventually(t, 5*time.Second, "the fourth is refused", func() bool {
		_, err := quickDial(c, "1.2.3.9:81")
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	line(t, dial(t, l.agent("other"), "tcp", "1.2.3.4:80"))
	cancel()
	stuck.Wait()
}

// A handshake that the agent never completes ends by itself.
func TestT10_QueriesAreLimitedPerAgent(t *testing.T) {
	block := make(chan struct{})
	l := newLab(t, handlerFunc(echo), func(_ *Config, s *netstack.Server) {
		s.Resolver = echoDNS{block: block}
		s.Limits.Queries = 4
	})
	c := l.agent("ci")
	line(t, dial(t, c, "tcp", "1.2.3.4:80"))
	before := runtime.NumGoroutine()
	for range 100 {
		conn, err := c.DialUDP(netip.MustParseAddrPort("8.8.8.8:53"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "q")
		conn.Close()
	}
	eventually(t, 5*time.Second, "all datagrams have come", func() bool {
		return l.node.net.Stack.Stats().IP.PacketsReceived.Value() > 100
	})
	if n := runtime.NumGoroutine() - before; n > 30 {
		t.Errorf("100 questions hold %d goroutines", n)
	}
	close(block)
}

func TestPanicEndsOnlyItsFlow(t *testing.T) {
	l := newLab(t, handlerFunc(func(ctx context.Context, f netstack.Flow) error {
		if f.Dst.Port() == 81 {
			f.Accept()
			panic("canary")
		}
		return echo(ctx, f)
	}))
	c := l.agent("ci")
	conn := dial(t, c, "tcp", "1.2.3.4:81")
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the flow ended with %v", err)
	}
	line(t, dial(t, c, "tcp", "1.2.3.4:80"))
}
