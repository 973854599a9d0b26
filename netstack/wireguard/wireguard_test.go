package wireguard

import (
	"context"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/netstack/trial"
	"sallyport.dev/sallyport/netstack/tun"
)

func TestCapturesEveryDestination(t *testing.T) {
	trial.CapturesEveryDestination(t, over, "10.1.2.3:22", "169.254.169.254:80", "[fd00::1]:5432")
}

func TestRefusesAtOnce(t *testing.T) { trial.RefusesAtOnce(t, over) }

func TestHalfCloseDeliversTheLateAnswer(t *testing.T) { trial.HalfCloseDeliversTheLateAnswer(t, over) }

func TestPanicEndsOnlyItsFlow(t *testing.T) { trial.PanicEndsOnlyItsFlow(t, over) }

func TestBulkIsWholeAndNeverSentTwice(t *testing.T) {
	size := 32 << 20
	if raceEnabled {
		size = 1 << 20
	}
	before := overflows()
	l, c := trial.BulkIsWhole(t, over, size)
	full := overflows() - before
	for side, n := range map[string]*tun.Net{"agent": c.Net, "gateway": l.Net()} {
		// Three of the same ACK, or a gap, would mean that we lost or reordered a
		// packet, if the kernel had room for all; a timer can also fire because the
		// machine is busy.
		tcp := n.Stack.Stats().TCP
		lost := tcp.FastRetransmit.Value() + tcp.SACKRecovery.Value() + tcp.FastRecovery.Value()
		if lost != 0 && tcp.Timeouts.Value() == 0 && full == 0 {
			t.Errorf("%s: %d recoveries from loss", side, lost)
		}
		if again := tcp.Retransmits.Value(); again != 0 {
			t.Logf("%s: %d retransmits, %d timeouts", side, again, tcp.Timeouts.Value())
		}
		if dropped := n.Device.Dropped(); dropped != 0 {
			t.Errorf("%s: %d packets dropped", side, dropped)
		}
	}
}

// overflows counts the datagrams that found no room in a socket, of everybody's on
// this machine; a system that does not tell has none.
func overflows() int {
	text, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		return 0
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "Udp:" {
			continue
		}
		if at := slices.Index(names, "RcvbufErrors"); at > 0 && at < len(words) {
			n, _ := strconv.Atoi(words[at]) // the kernel writes numbers
			return n
		}
		names = words
	}
	return 0
}

func TestPortIsUsedAgainAtOnce(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	c := l.agent("ci")
	to := netip.MustParseAddrPort("1.2.3.4:80")
	clock := pulse.Start()
	defer clock.Stop()
	for _, closer := range []string{"agent", "gateway"} {
		late := 0
		for i := range 20 {
			ctx, cancel := context.WithTimeout(context.Background(), trial.Patience)
			begin := time.Now()
			conn, err := c.DialFrom(ctx, 40000, to)
			cancel()
			took := clock.Since(begin)
			if err != nil {
				t.Fatalf("%s closes first, connection %d from the same port: %v after %v", closer, i, err, took)
			}
			if took > 900*time.Millisecond { // a SYN is repeated after a second, if the stack was late
				late++
			}
			conn.SetDeadline(time.Now().Add(trial.Patience))
			trial.Line(t, conn)
			if closer == "gateway" {
				conn.(interface{ CloseWrite() error }).CloseWrite()
			} else {
				conn.Close()
			}
			io.Copy(io.Discard, conn)
			conn.Close()
			trial.Eventually(t, trial.Patience, "the port is free", func() bool {
				s := c.net.Stack // which forgets a connection before it gives its port back
				return len(s.RegisteredEndpoints()) == 0 && len(s.CleanupEndpoints()) == 0
			})
		}
		if late > 4 {
			t.Errorf("%s closes first: %d of 20 connections from the same port had to try again", closer, late)
		}
	}
}
