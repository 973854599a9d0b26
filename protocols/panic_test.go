package protocols

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
)

// What f touches may end when stop has returned.
func TestAfterIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		gate := make(chan struct{})
		ran := false
		stop := After(ctx, func() { <-gate; ran = true })
		cancel()
		synctest.Wait()
		stopped := make(chan bool, 1)
		go func() { stopped <- stop() }()
		synctest.Wait()
		if len(stopped) > 0 {
			t.Error("stop did not wait")
		}
		close(gate)
		if <-stopped || !ran {
			t.Error("stop says that it kept f from running")
		}
		if stop := After(context.Background(), func() { t.Error("ran") }); !stop() {
			t.Error("stop says that f ran")
		}
	})
}

func TestAfterGivesItsPanicToTheOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		stop := After(ctx, func() { panic("a bug") })
		cancel()
		synctest.Wait()
		var err error
		func() {
			defer Rescue(&err)
			stop()
		}()
		if !IsPanic(err) || strings.Contains(err.Error(), "a bug") {
			t.Errorf("%v", err)
		}
	})
}

// A bad connection panics when it is read.
type badConn struct{ net.Conn }

func (badConn) Read([]byte) (int, error) { panic(errors.New("a secret")) }

// A bug in one direction ends the relay, both its connections, and nothing else.
func TestRelaySurvivesAPanic(t *testing.T) {
	for name, side := range map[string]int{"agent": 0, "origin": 1} {
		t.Run(name, func(t *testing.T) {
			a, agent := net.Pipe()
			b, origin := net.Pipe()
			ends := []net.Conn{a, b}
			ends[side] = badConn{ends[side]}
			_, err := new(Relay).Run(context.Background(), ends[0], ends[1])
			if !IsPanic(err) || strings.Contains(err.Error(), "a secret") {
				t.Errorf("%v", err)
			}
			for _, c := range []net.Conn{agent, origin} {
				if _, err := c.Read(make([]byte, 1)); err == nil {
					t.Error("a connection is still open")
				}
			}
		})
	}
}
