package postgres

import (
	"bytes"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

// A bomb is an agent's connection whose reading or writing goes off.
type bomb struct {
	net.Conn
	reads *atomic.Bool
	write string
}

func (b bomb) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.reads.Load() {
		panic("a bug in reading")
	}
	return n, err
}

func (b bomb) Write(p []byte) (int, error) {
	if b.write != "" && bytes.Contains(p, []byte(b.write)) {
		panic("a bug in writing")
	}
	return b.Conn.Write(p)
}

// TestT53_APanicEndsOneSession: a bug in any goroutine of a session ends that
// session with XX000, and no other.
func TestT53_APanicEndsOneSession(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*line, *atomic.Bool)
		send string
		want string
	}{
		{"the server's pump", func(l *line, _ *atomic.Bool) { l.wrap = writes("boom") }, "SELECT 'boom'", "E:XX000"},
		{"the agent's pump", func(l *line, _ *atomic.Bool) { l.decide = panics("boom") }, "SELECT 'boom'", "E:XX000"},
		{"the wait for an approval", func(l *line, arm *atomic.Bool) {
			l.decide = asksBoom
			l.settle = waitFor
			l.wrap = func(c net.Conn) net.Conn { return bomb{Conn: c, reads: arm} }
		}, "SELECT 'boom'", "E:XX000"},
		{"the notice of a wait", func(l *line, _ *atomic.Bool) {
			l.decide, l.settle, l.wrap = asksBoom, waitFor, writes("waits for an approval")
		}, "SELECT 'boom'", "E:XX000"},
		{"a cancel of ours", func(l *line, _ *atomic.Bool) {
			l.decide = panics("larger than")
			l.service.Session.MaxRows = 1
		}, "SELECT generate_series(1, 3)", "E:XX000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var arm atomic.Bool
			l := newLine(t, func(l *line) { l.forget = true; c.set(l, &arm) })
			cl := l.ready(t)
			cl.send(query(c.send))
			if l.settle != nil && l.wrap != nil && !strings.Contains(c.name, "notice") {
				cl.until('N')
				arm.Store(true)
				cl.send(syncNow)
			}
			if got := cl.until(0); !strings.Contains(got, c.want) {
				t.Errorf("the agent hears %q", got)
			}
			await(t, "the session ends", func() bool {
				l.mu.Lock()
				defer l.mu.Unlock()
				return len(l.serves) == 1
			})
			if !protocols.IsPanic(l.serves[0]) {
				t.Errorf("%v", l.serves[0])
			}
			arm.Store(false)
			other := l.ready(t)
			other.send(query("SELECT 5"))
			if got := other.until('Z'); got != "D:5 C:SELECT 1 Z:I" {
				t.Errorf("another session: %q", got)
			}
		})
	}
}

func writes(word string) func(net.Conn) net.Conn {
	return func(c net.Conn) net.Conn { return bomb{Conn: c, reads: new(atomic.Bool), write: word} }
}

func panics(word string) func(*action.Action) action.Decision {
	return func(a *action.Action) action.Decision {
		if strings.Contains(a.Summary, word) {
			panic("a bug in judging")
		}
		return action.Decision{Verdict: action.Allow}
	}
}

func asksBoom(a *action.Action) action.Decision {
	if strings.Contains(a.Summary, "boom") {
		return action.Decision{Verdict: action.Ask, Rule: "boom"}
	}
	return action.Decision{Verdict: action.Allow}
}
