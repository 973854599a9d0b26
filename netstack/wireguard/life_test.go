package wireguard

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/trial"
)

// ends reports how long a connection that nobody closes lives on.
func ends(t *testing.T, conn net.Conn) time.Duration {
	t.Helper()
	clock := pulse.Start()
	defer clock.Stop()
	begin := time.Now()
	conn.SetDeadline(begin.Add(trial.Patience))
	if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection was not ended")
	}
	return clock.Since(begin)
}

func TestAgentThatMustGoIsCut(t *testing.T) {
	ctx := context.Background()
	for name, change := range map[string]func(*netstack.Roster) error{
		"freeze":     func(r *netstack.Roster) error { return r.Freeze(ctx, "ci") },
		"freeze all": func(r *netstack.Roster) error { return r.FreezeAll(ctx) },
		"remove":     func(r *netstack.Roster) error { return r.Remove(ctx, "ci") },
		"rekey":      func(r *netstack.Roster) error { _, _, err := r.Rekey(ctx, "ci"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{}, 1)
			l := newLab(t, trial.Handler(func(ctx context.Context, f netstack.Flow) error {
				err := trial.Echo(ctx, f)
				if ctx.Err() != nil {
					ended <- struct{}{}
				}
				return err
			}))
			c := l.agent("ci")
			conn := dial(t, c, "tcp", "1.2.3.4:80")
			trial.Line(t, conn)
			if err := change(l.roster); err != nil {
				t.Fatal(err)
			}
			if took := ends(t, conn); took > time.Second {
				t.Errorf("the connection lived on for %v", took)
			}
			select {
			case <-ended:
			case <-time.After(trial.Patience):
				t.Error("the handler was not told")
			}
			if c, err := quickDial(c, "1.2.3.4:80"); err == nil {
				c.Close()
				t.Error("the agent came in again")
			}
			trial.Eventually(t, trial.Patience, "the peer is gone", func() bool {
				n := l.node.known()
				return n == 0 || name == "rekey"
			})
		})
	}
}

func TestExpiryCuts(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	clock := pulse.Start()
	defer clock.Stop()
	// How long it takes to come in is the machine's: only what is open can be cut.
	for life := 3 * time.Second; ; life *= 2 {
		a, private, err := l.roster.Add(context.Background(), fmt.Sprintf("ci-%d", life/time.Second), nil, time.Now().Add(life))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := openUntil(l.client(l.config(a, private)), a.Expires)
		if err != nil && life < trial.Patience && !time.Now().Before(a.Expires) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ends(t, conn)
		if time.Now().Before(a.Expires) || clock.Since(a.Expires) > 5*time.Second {
			t.Errorf("ended %v after the expiry", time.Since(a.Expires))
		}
		return
	}
}

// openUntil opens a connection that has been answered, unless it is too late.
func openUntil(c *Client, end time.Time) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	conn, err := c.DialContext(ctx, "tcp", "1.2.3.4:80")
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(end)
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func TestUnfrozenAgentIsBackAtOnce(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	c := l.agent("ci")
	trial.Line(t, dial(t, c, "tcp", "1.2.3.4:80"))
	ctx := context.Background()
	if err := l.roster.Freeze(ctx, "ci"); err != nil {
		t.Fatal(err)
	}
	trial.Eventually(t, trial.Patience, "the peer is gone", func() bool { return l.node.known() == 0 })
	id := l.roster.List()[0].ID
	frozen := l.node.Stats()[id]
	if frozen.RxBytes == 0 || frozen.TxBytes == 0 || frozen.LastHandshake.IsZero() {
		t.Errorf("what a frozen agent had is forgotten: %+v", frozen)
	}
	if err := l.roster.Unfreeze(ctx, "ci"); err != nil {
		t.Fatal(err)
	}
	clock := pulse.Start()
	defer clock.Stop()
	begin := time.Now()
	trial.Line(t, dial(t, c, "tcp", "1.2.3.4:80"))
	if back := l.node.Stats()[id]; back.RxBytes <= frozen.RxBytes || back.TxBytes <= frozen.TxBytes {
		t.Errorf("it had %+v and has %+v", frozen, back)
	}
	if took := clock.Since(begin); took > 8*time.Second {
		t.Errorf("the agent was back after %v", took)
	}
}

func TestRekeyKeepsTheAddress(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	old := l.agent("ci")
	trial.Line(t, dial(t, old, "tcp", "1.2.3.4:80"))
	a, private, err := l.roster.Rekey(context.Background(), "ci")
	if err != nil {
		t.Fatal(err)
	}
	trial.Eventually(t, trial.Patience, "the new key is in force", func() bool {
		l.node.mu.Lock()
		defer l.node.mu.Unlock()
		return l.node.peers[a.ID].key == a.PublicKey
	})
	if a.Addr != old.Addr() {
		t.Errorf("address %s became %s", old.Addr(), a.Addr)
	}
	if got := trial.Line(t, dial(t, l.client(l.config(a, private)), "tcp", "1.2.3.4:80")); got != "ci 1.2.3.4:80 " {
		t.Errorf("came in as %q", got)
	}
	if _, err := quickDial(old, "1.2.3.4:80"); err == nil {
		t.Error("the old key still opens")
	}
}

func TestRestart(t *testing.T) {
	state := filepath.Join(t.TempDir(), "endpoints")
	l := newLab(t, trial.Handler(trial.Echo), func(c *Config, _ *netstack.Server) { c.State = state })
	c := l.agent("ci")
	trial.Line(t, dial(t, c, "tcp", "1.2.3.4:80"))
	l.cfg.Listen = fmt.Sprintf(":%d", l.node.Port())
	l.node.Close()

	clock := pulse.Start()
	defer clock.Stop()
	begin := time.Now()
	for end := begin.Add(trial.Patience); ; begin = time.Now() {
		err := l.start()
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // another program has taken the port meanwhile
	}
	if took := clock.Since(begin); took > 2*time.Second {
		t.Errorf("ready after %v", took)
	}
	if got := trial.Line(t, dial(t, c, "tcp", "1.2.3.4:80")); got != "ci 1.2.3.4:80 " {
		t.Errorf("came in as %q", got)
	}
	if took := clock.Since(begin); took > 15*time.Second {
		t.Errorf("the agent was back after %v", took)
	}
}

func TestStatsTellOfTheTunnel(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	c := l.agent("ci")
	trial.Line(t, dial(t, c, "tcp", "1.2.3.4:80"))
	a, _ := l.roster.Get("ci")
	s := l.node.Stats()[a.ID]
	if time.Since(s.LastHandshake) > time.Minute || s.RxBytes == 0 || s.TxBytes == 0 || s.Endpoint == "" {
		t.Errorf("stats %+v", s)
	}
}

// A node that stops while a handshake hangs, a flow waits and another runs ends
// them all.
func TestCloseEndsEverything(t *testing.T) {
	waits := make(chan struct{}, 8)
	l := newLab(t, trial.Handler(func(ctx context.Context, f netstack.Flow) error {
		if f.Dst.Port() == 81 {
			waits <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		return trial.Echo(ctx, f)
	}))
	c := l.agent("ci")
	conn := dial(t, c, "tcp", "1.2.3.4:80")
	trial.Line(t, conn)
	dialled := make(chan error, 1)
	go func() {
		_, err := tryDial(c, "tcp", "1.2.3.4:81")
		dialled <- err
	}()
	<-waits
	r := l.raw("half-open")
	r.out <- r.packet4("1.2.3.4", 6, segment(5000, 80, 1, 0, syn, 1000, ""))
	if r.expect(t, trial.Patience, isFlags(syn|ack)) == nil {
		t.Fatal("no SYN-ACK")
	}
	done := make(chan struct{})
	go func() {
		l.node.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(trial.Patience):
		t.Fatal("Close hangs")
	}
	l.enrol("late") // a closed node hears of it, and does not mind
	if err := <-dialled; !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the waiting dial gave %v", err)
	}
	ends(t, conn)
}

// known counts the agents that may send.
func (n *Node) known() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.peers)
}

// An agent that is enrolled while the tunnel is held against the roster is not taken
// for one that must go.
func TestWhoComesIsNotCut(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				l.node.sync()
			}
		}
	}()
	defer func() {
		close(stop)
		<-done
	}()
	for i := range 12 {
		conn := dial(t, l.agent(fmt.Sprintf("agent-%d", i)), "tcp", "1.2.3.4:80")
		trial.Line(t, conn)
		conn.Close()
	}
}
