package wireguard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

func TestCapturesEveryDestination(t *testing.T) {
	l := newLab(t, handlerFunc(echo))
	c := l.agent("ci")
	v4, v6 := l.node.Gateway()
	for _, tc := range []struct{ addr, want string }{
		{"140.82.112.3:443", "ci 140.82.112.3:443 "},
		{"10.1.2.3:22", "ci 10.1.2.3:22 "},
		{"169.254.169.254:80", "ci 169.254.169.254:80 "},
		{"[2606:50c0::153]:443", "ci [2606:50c0::153]:443 "},
		{"[fd00::1]:5432", "ci [fd00::1]:5432 "},
		{"198.18.0.7:443", "ci 198.18.0.7:443 api.example.com"},
		{net.JoinHostPort(v4.String(), "80"), "ci 10.77.0.1:80 sallyport.internal"},
		{net.JoinHostPort(v6.String(), "80"), "ci [fd5a:1:2:3::1]:80 sallyport.internal"},
	} {
		t.Run(tc.addr, func(t *testing.T) {
			conn := dial(t, c, "tcp", tc.addr)
			if got := line(t, conn); got != tc.want {
				t.Errorf("announced %q, want %q", got, tc.want)
			}
			fmt.Fprint(conn, "hello\n")
			if got := line(t, conn); got != "hello" {
				t.Errorf("echo %q", got)
			}
		})
	}
}

func TestRefusesAtOnce(t *testing.T) {
	l := newLab(t, handlerFunc(echo))
	c := l.agent("ci")
	dial(t, c, "tcp", "1.2.3.4:80") // the handshake is not what we measure
	for name, addr := range map[string]string{
		"not accepted":    "1.2.3.4:9",
		"not accepted v6": "[2001:db8::1]:9",
		"stale VIP":       net.JoinHostPort(vipStale.String(), "443"),
		"DNS over TLS":    "8.8.8.8:853",
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			_, err := tryDial(c, "tcp", addr)
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("dial gave %v, want connection refused", err)
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("the refusal took %v", took)
			}
		})
	}
}

func TestBulkIsWholeAndNeverSentTwice(t *testing.T) {
	l := newLab(t, handlerFunc(echo))
	c := l.agent("ci")
	size := 32 << 20
	if raceEnabled {
		size = 1 << 20
	}
	data := pattern(size)
	for _, addr := range []string{"1.2.3.4:80", "[2001:db8::1]:80"} {
		conn := dial(t, c, "tcp", addr)
		line(t, conn)
		go func() {
			conn.Write(data)
			conn.(interface{ CloseWrite() error }).CloseWrite()
		}()
		got, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(data) {
			t.Errorf("%s: %d bytes came back, not the %d sent", addr, len(got), len(data))
		}
	}
	for side, s := range map[string]*Client{"agent": c, "gateway": {net: l.node.net}} {
		// Three of the same ACK, or a gap, would mean that we lost or reordered a
		// packet; a timer can also fire because the machine is busy.
		tcp := s.Net().Stack.Stats().TCP
		lost := tcp.FastRetransmit.Value() + tcp.SACKRecovery.Value() + tcp.FastRecovery.Value()
		if lost != 0 && tcp.Timeouts.Value() == 0 {
			t.Errorf("%s: %d recoveries from loss", side, lost)
		}
		if n := tcp.Retransmits.Value(); n != 0 {
			t.Logf("%s: %d retransmits, %d timeouts", side, n, tcp.Timeouts.Value())
		}
		if n := s.Net().Device.Dropped(); n != 0 {
			t.Errorf("%s: %d packets dropped", side, n)
		}
	}
}

func TestHalfCloseDeliversTheLateAnswer(t *testing.T) {
	l := newLab(t, handlerFunc(echo))
	conn := dial(t, l.agent("ci"), "tcp", "1.2.3.4:80")
	line(t, conn)
	fmt.Fprint(conn, "last words")
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "last words" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestPortIsUsedAgainAtOnce(t *testing.T) {
	l := newLab(t, handlerFunc(echo))
	c := l.agent("ci")
	to := netip.MustParseAddrPort("1.2.3.4:80")
	for _, closer := range []string{"agent", "gateway"} {
		for i := range 20 {
			ctx, cancel := context.WithTimeout(context.Background(), 900*time.Millisecond)
			conn, err := c.DialFrom(ctx, 40000, to)
			cancel()
			if err != nil {
				t.Fatalf("%s closes first, connection %d from the same port: %v", closer, i, err)
			}
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			line(t, conn)
			if closer == "gateway" {
				conn.(interface{ CloseWrite() error }).CloseWrite()
			} else {
				conn.Close()
			}
			io.Copy(io.Discard, conn)
			conn.Close()
			eventually(t, 5*time.Second, "the port is free", func() bool {
				s := c.net.Stack // which forgets a connection before it gives its port back
				return len(s.RegisteredEndpoints()) == 0 && len(s.CleanupEndpoints()) == 0
			})
		}
	}
}
