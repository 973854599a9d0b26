package tailnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/netstack"
)

func TestCapturesEveryDestination(t *testing.T) {
	begin := time.Now()
	l := newLab(t, handlerFunc(echo)).up()
	c := l.join("ci-1", "tag:ci")
	t.Logf("a tailnet of two nodes was up after %v", time.Since(begin))
	v4, v6 := l.node.Gateway()
	for _, tc := range []struct{ addr, want string }{
		{"140.82.112.3:443", "ci-1@tag:ci 140.82.112.3:443 "},
		{"10.99.2.3:22", "ci-1@tag:ci 10.99.2.3:22 "},
		{"[2606:50c0::153]:443", "ci-1@tag:ci [2606:50c0::153]:443 "},
		{"198.18.0.7:443", "ci-1@tag:ci 198.18.0.7:443 api.example.com"},
		{netip.AddrPortFrom(v4, 80).String(), "ci-1@tag:ci " + netip.AddrPortFrom(v4, 80).String() + " sallyport.internal"},
		{netip.AddrPortFrom(v6, 80).String(), "ci-1@tag:ci " + netip.AddrPortFrom(v6, 80).String() + " sallyport.internal"},
	} {
		t.Run(tc.addr, func(t *testing.T) {
			conn := c.dial(tc.addr)
			if got := line(t, conn); got != tc.want {
				t.Errorf("announced %q, want %q", got, tc.want)
			}
			fmt.Fprint(conn, "hello\n")
			if got := line(t, conn); got != "hello" {
				t.Errorf("echo %q", got)
			}
		})
	}
	t.Run("refuses at once", func(t *testing.T) { refusesAtOnce(t, c) })
	t.Run("DNS", func(t *testing.T) { dnsIsOurs(t, c, v4, v6) })
	t.Run("other UDP", func(t *testing.T) { otherUDP(t, c) })
}

func refusesAtOnce(t *testing.T, c *agent) {
	for name, addr := range map[string]string{
		"not accepted":    "1.2.3.4:9",
		"not accepted v6": "[2001:db8::1]:9",
		"stale VIP":       net.JoinHostPort(vipStale.String(), "443"),
		"DNS over TLS":    "8.8.8.8:853",
	} {
		begin := time.Now()
		_, err := c.tryDial(addr, patience)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: dial gave %v, want connection refused", name, err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s: the refusal took %v", name, took)
		}
	}
}

// ask sends one datagram and gives the answer.
func ask(t testing.TB, c *agent, to, question string) (string, error) {
	t.Helper()
	conn, err := c.net.DialUDP(netip.MustParseAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 25 {
		conn.SetDeadline(time.Now().Add(400 * time.Millisecond))
		if _, err = fmt.Fprint(conn, question); err != nil {
			return "", err
		}
		b := make([]byte, 2000)
		n, rerr := conn.Read(b)
		if rerr == nil {
			return string(b[:n]), nil
		}
		if err = rerr; !errors.Is(err, os.ErrDeadlineExceeded) {
			return "", err
		}
	}
	return "", err
}

func dnsIsOurs(t *testing.T, c *agent, v4, v6 netip.Addr) {
	for _, to := range []string{
		netip.AddrPortFrom(v4, 53).String(), netip.AddrPortFrom(v6, 53).String(), "8.8.8.8:53", "[2001:4860:4860::8888]:53",
	} {
		got, err := ask(t, c, to, "q")
		if err != nil || got != "u:ci-1@tag:ci:q" {
			t.Errorf("%s over UDP: %q, %v", to, got, err)
		}
		conn := c.dial(to)
		for range 3 {
			if err := netstack.WriteFrame(conn, []byte("q")); err != nil {
				t.Fatal(err)
			}
			got, err := netstack.ReadFrame(conn, 512)
			if err != nil || string(got) != "t:ci-1@tag:ci:q" {
				t.Errorf("%s over TCP: %q, %v", to, got, err)
			}
		}
	}
}

func otherUDP(t *testing.T, c *agent) {
	for _, to := range []string{"1.1.1.1:443", "[2606:4700::1111]:443", "74.125.250.129:19302"} {
		if got, err := ask(t, c, to, "hello"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: got %q, %v; want connection refused", to, got, err)
		}
	}
}
