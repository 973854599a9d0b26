package wireguard

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/netstack/trial"
)

func TestDNSToAnyAddressIsOurs(t *testing.T) { trial.DNSToAnyAddressIsOurs(t, over) }

func TestDNSLeavesNoGoroutineBehind(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	c := l.agent("ci")
	if _, err := agentOf(c).Ask(t, "8.8.8.8:53", "q"); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	var asked sync.WaitGroup
	for i := range 300 {
		asked.Go(func() { agentOf(c).Ask(t, fmt.Sprintf("8.8.%d.%d:53", i/250, i%250+1), "q") })
	}
	asked.Wait()
	trial.Eventually(t, trial.Patience, "as few goroutines as before", func() bool {
		return runtime.NumGoroutine() <= before
	})
}

func TestT03_UDPOtherThanDNSIsRejected(t *testing.T) { trial.UDPOtherThanDNSIsRejected(t, over) }

func TestT02_OnlyTheHandlerOpensAPort(t *testing.T) { trial.OnlyTheHandlerOpensAPort(t, over) }

// What claims to go to the agent's own machine is nobody's.
func TestT02_MartiansAreDropped(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	if conn, err := quickDial(l.agent("ci"), "127.0.0.2:80"); err == nil {
		conn.Close()
		t.Error("it was accepted")
	}
}

func agentOf(c *Client) trial.Agent { return trial.Agent{Addr: c.Addr(), Net: c.Net()} }

func quickDial(c *Client, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	return c.DialContext(ctx, "tcp", addr)
}

// An agent that takes another's address gets nothing through, and what the other
// has is not disturbed.
func TestT08_TheKeyNotTheAddressIsTheAgent(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	honest := l.agent("honest")
	conn := dial(t, honest, "tcp", "1.2.3.4:80")
	trial.Line(t, conn)

	s, err := ParseConfig(l.enrol("thief"))
	if err != nil {
		t.Fatal(err)
	}
	s.Addresses = []netip.Prefix{host(honest.Addr())}
	thief := l.client(ClientConfig(s))
	if c, err := quickDial(thief, "1.2.3.4:80"); err == nil {
		t.Errorf("the thief came in as %q", trial.Line(t, c))
	}
	fmt.Fprint(conn, "still here\n")
	if got := trial.Line(t, conn); got != "still here" {
		t.Errorf("the honest agent's connection gave %q", got)
	}
	// With its own address the same key is itself.
	if got := trial.Line(t, dial(t, l.agent("third"), "tcp", "1.2.3.4:80")); got != "third 1.2.3.4:80 " {
		t.Errorf("third came in as %q", got)
	}
}

func TestT10_FlowsAreLimitedPerAgent(t *testing.T) { trial.FlowsAreLimitedPerAgent(t, over) }

func TestT10_UnacceptedFlowsAreLimitedPerAgent(t *testing.T) {
	trial.UnacceptedFlowsAreLimitedPerAgent(t, over)
}

func TestT10_QueriesAreLimitedPerAgent(t *testing.T) { trial.QueriesAreLimitedPerAgent(t, over) }
