package trial

import (
	"bytes"
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

	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/netstack"
)

// CapturesEveryDestination tries that whatever an agent dials comes in as it was dialled.
func CapturesEveryDestination(t *testing.T, start Start, more ...string) {
	l := start(t, Handler(Echo), nil)
	c := l.Agent("ci")
	v4, v6 := l.Gateway()
	table := map[string]string{
		"140.82.112.3:443": "", "10.99.2.3:22": "", "[2606:50c0::153]:443": "", net.JoinHostPort(Known, "443"): KnownName,
		netip.AddrPortFrom(v4, 80).String(): netstack.GatewayName, netip.AddrPortFrom(v6, 80).String(): netstack.GatewayName,
	}
	for _, to := range more {
		table[to] = ""
	}
	for to, host := range table {
		t.Run(to, func(t *testing.T) {
			conn := c.Dial(t, to)
			if got, want := Line(t, conn), c.Name+" "+to+" "+host; got != want {
				t.Errorf("announced %q, want %q", got, want)
			}
			fmt.Fprint(conn, "hello\n")
			if got := Line(t, conn); got != "hello" {
				t.Errorf("echo %q", got)
			}
		})
	}
}

// RefusesAtOnce tries that what nobody accepts is reset, not left to a time-out.
func RefusesAtOnce(t *testing.T, start Start) {
	l := start(t, Handler(Echo), nil)
	c := l.Agent("ci")
	c.Dial(t, "1.2.3.4:80") // the handshake is not what we measure
	clock := pulse.Start()
	defer clock.Stop()
	for name, to := range map[string]string{
		"not accepted":    "1.2.3.4:9",
		"not accepted v6": "[2001:db8::1]:9",
		"stale VIP":       net.JoinHostPort(Stale, "443"),
		"DNS over TLS":    "8.8.8.8:853",
	} {
		t.Run(name, func(t *testing.T) {
			took := Patience
			for i := 0; i < 5 && took > time.Second; i++ { // a SYN that is lost is repeated after a second
				begin := time.Now()
				if _, err := c.TryDial(to, Patience); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("dial gave %v, want connection refused", err)
				}
				took = clock.Since(begin)
			}
			if took > time.Second {
				t.Errorf("the refusal took %v", took)
			}
		})
	}
}

// HalfCloseDeliversTheLateAnswer tries that an agent that has said all still hears all.
func HalfCloseDeliversTheLateAnswer(t *testing.T, start Start) {
	l := start(t, Handler(Echo), nil)
	conn := l.Agent("ci").Dial(t, "1.2.3.4:80")
	Line(t, conn)
	fmt.Fprint(conn, "last words")
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "last words" {
		t.Errorf("got %q, %v", got, err)
	}
}

// BulkIsWhole tries that size bytes come back as they were sent, by IPv4 and IPv6.
func BulkIsWhole(t *testing.T, start Start, size int) (Lab, Agent) {
	l := start(t, Handler(Echo), nil)
	c := l.Agent("ci")
	data := Pattern(size)
	for _, to := range []string{"1.2.3.4:80", "[2001:db8::1]:80"} {
		conn := c.Dial(t, to)
		Line(t, conn)
		if err := conn.SetDeadline(time.Now().Add(10 * Patience)); err != nil {
			t.Fatal(err)
		}
		sent := make(chan error, 1)
		go func() {
			_, err := conn.Write(data)
			sent <- errors.Join(err, conn.(interface{ CloseWrite() error }).CloseWrite())
		}()
		got, err := io.ReadAll(conn)
		if err := errors.Join(err, <-sent); err != nil {
			t.Fatal(err)
		}
		if string(got) != string(data) {
			t.Errorf("%s: %d bytes came back, not the %d sent", to, len(got), len(data))
		}
	}
	return l, c
}

// DNSToAnyAddressIsOurs tries that whomever an agent asks, the gateway answers.
func DNSToAnyAddressIsOurs(t *testing.T, start Start) {
	l := start(t, Handler(Echo), nil)
	c := l.Agent("ci")
	v4, v6 := l.Gateway()
	for _, to := range []string{
		netip.AddrPortFrom(v4, 53).String(), netip.AddrPortFrom(v6, 53).String(), "8.8.8.8:53", "[2001:4860:4860::8888]:53",
	} {
		got, err := c.Ask(t, to, "q")
		if err != nil || got != "u:"+c.Name+":q" {
			t.Errorf("%s over UDP: %q, %v", to, got, err)
		}
		conn := c.Dial(t, to)
		for range 3 {
			if err := netstack.WriteFrame(conn, []byte("q")); err != nil {
				t.Fatal(err)
			}
			got, err := netstack.ReadFrame(conn, 512)
			if err != nil || string(got) != "t:"+c.Name+":q" {
				t.Errorf("%s over TCP: %q, %v", to, got, err)
			}
		}
	}
}

// UDPOtherThanDNSIsRejected tries that it is, with ICMP, so that nobody waits.
func UDPOtherThanDNSIsRejected(t *testing.T, start Start) {
	l := start(t, Handler(Echo), nil)
	c := l.Agent("ci")
	v4, _ := l.Gateway()
	for _, to := range []string{
		"1.1.1.1:443", "[2606:4700::1111]:443", "74.125.250.129:19302", "1.1.1.1:853", netip.AddrPortFrom(v4, 123).String(),
	} {
		if got, err := c.Ask(t, to, "hello"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: got %q, %v; want connection refused", to, got, err)
		}
	}
}

// OnlyTheHandlerOpensAPort tries that every port of every host is the handler's to open.
func OnlyTheHandlerOpensAPort(t *testing.T, start Start) {
	var mu sync.Mutex
	seen := make(map[netip.AddrPort]bool)
	l := start(t, Handler(func(_ context.Context, f netstack.Flow) error {
		mu.Lock()
		defer mu.Unlock()
		seen[f.Dst] = true
		return nil // not declared: nobody accepts
	}), nil)
	c := l.Agent("ci")
	v4, _ := l.Gateway()
	ports := []uint16{1, 22, 25, 81, 444, 3306, 5432, 6379, 8443, 11211, 27017, 51820, 65535}
	hosts := []netip.Addr{netip.MustParseAddr("93.184.216.34"), v4, netip.MustParseAddr("2001:db8::5")}
	for _, host := range hosts {
		for _, port := range ports {
			to := netip.AddrPortFrom(host, port).String()
			if conn, err := c.TryDial(to, Patience); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s: %v, %v", to, conn, err)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != len(hosts)*len(ports) {
		t.Errorf("the handler was asked about %d destinations, want %d", len(seen), len(hosts)*len(ports))
	}
}

// FlowsAreLimitedPerAgent tries that one agent's many leave room for the others.
func FlowsAreLimitedPerAgent(t *testing.T, start Start) {
	l := start(t, Handler(Echo), func(s *netstack.Server) { s.Limits.Flows = 5 })
	c, other := l.Agent("ci"), l.Agent("other")
	var open []net.Conn
	for i := range 5 {
		conn := c.Dial(t, fmt.Sprintf("1.2.3.%d:80", i+1))
		Line(t, conn)
		open = append(open, conn)
	}
	if _, err := c.TryDial("1.2.3.9:80", Patience); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("one flow too many: %v", err)
	}
	Line(t, other.Dial(t, "1.2.3.4:80"))
	open[0].Close()
	Eventually(t, Patience, "a closed flow makes room", func() bool {
		conn, err := c.TryDial("1.2.3.9:80", Patience)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// UnacceptedFlowsAreLimitedPerAgent tries the same of those that wait for an upstream.
func UnacceptedFlowsAreLimitedPerAgent(t *testing.T, start Start) {
	l := start(t, Handler(func(ctx context.Context, f netstack.Flow) error {
		if f.Dst.Port() == 80 {
			return Echo(ctx, f)
		}
		<-ctx.Done() // an upstream that never answers the dial
		return nil
	}), func(s *netstack.Server) { s.Limits.Pending = 3 })
	c, other := l.Agent("ci"), l.Agent("other")
	Line(t, c.Dial(t, "1.2.3.4:80"))
	ctx, cancel := context.WithCancel(context.Background())
	var stuck sync.WaitGroup
	for i := range 3 {
		to := netip.MustParseAddrPort(fmt.Sprintf("1.2.3.%d:81", i+1))
		stuck.Go(func() { c.Net.DialTCP(ctx, netip.AddrPort{}, to) }) //nolint:errcheck // it never comes
	}
	Eventually(t, Patience, "the fourth is refused", func() bool {
		_, err := c.TryDial("1.2.3.9:81", 300*time.Millisecond)
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	Line(t, other.Dial(t, "1.2.3.4:80"))
	cancel()
	stuck.Wait()
}

// QueriesAreLimitedPerAgent tries that questions that wait hold few goroutines.
func QueriesAreLimitedPerAgent(t *testing.T, start Start) {
	block := make(chan struct{})
	defer close(block)
	l := start(t, Handler(Echo), func(s *netstack.Server) {
		s.Resolver = DNS{Block: block}
		s.Limits.Queries = 4
	})
	c := l.Agent("ci")
	Line(t, c.Dial(t, "1.2.3.4:80"))
	ask := func() {
		conn, err := c.Net.DialUDP(netip.MustParseAddrPort("8.8.8.8:53"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "q")
		conn.Close()
	}
	came := l.Net().Stack.Stats().IP.PacketsReceived
	before, first := ours(), came.Value()
	for range 100 {
		ask()
	}
	Eventually(t, Patience, "100 datagrams have come", func() bool {
		ask() // some are lost on the way
		return came.Value() > first+100
	})
	if n := ours() - before; n > 30 {
		t.Errorf("100 questions hold %d goroutines", n)
	}
}

// ours counts the goroutines that run code of the network stack's packages, or were
// started by it: a library that a transport is built on may start others at any time.
func ours() int {
	all := make([]byte, 16<<20)
	n := 0
	for one := range bytes.SplitSeq(all[:runtime.Stack(all, true)], []byte("\n\n")) {
		if bytes.Contains(one, []byte("sallyport.dev/sallyport/netstack")) {
			n++
		}
	}
	return n
}

// PanicEndsOnlyItsFlow tries that a handler's panic is one flow's.
func PanicEndsOnlyItsFlow(t *testing.T, start Start) {
	l := start(t, Handler(func(ctx context.Context, f netstack.Flow) error {
		if f.Dst.Port() == 81 {
			f.Accept() //nolint:errcheck // what follows is worse
			panic("canary")
		}
		return Echo(ctx, f)
	}), nil)
	c := l.Agent("ci")
	conn := c.Dial(t, "1.2.3.4:81")
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the flow ended with %v", err)
	}
	Line(t, c.Dial(t, "1.2.3.4:80"))
}
