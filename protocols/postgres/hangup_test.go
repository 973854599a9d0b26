package postgres

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/keys"
)

// waitFor is an approval that nobody gives.
func waitFor(ctx context.Context, _ *action.Action, _ action.Decision) action.Decision {
	<-ctx.Done()
	return action.Decision{Reason: fmt.Sprint(context.Cause(ctx))}
}

// TestAWaitAtExecuteSeesTheAgent: rules that changed between Bind and Execute may
// ask; that wait ends with the agent, or by its cancel, as any other.
func TestAWaitAtExecuteSeesTheAgent(t *testing.T) {
	start := func(t *testing.T) (*line, *client, chan string) {
		why := make(chan string, 1)
		l := newLine(t)
		l.check = func(ctx context.Context, a *action.Action) action.Decision {
			d := waitFor(ctx, a, action.Decision{})
			why <- d.Reason
			return d
		}
		cl := l.ready(t)
		cl.send(prepare("", "SELECT 1"), bind("", ""), run(""), syncNow)
		if got := cl.until('N'); !strings.Contains(got, "waits for an approval") {
			t.Fatal(got)
		}
		return l, cl, why
	}
	t.Run("hang-up", func(t *testing.T) {
		_, cl, why := start(t)
		cl.conn.Close()
		if got := <-why; !strings.Contains(got, "hung up") {
			t.Error(got)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		l, cl, why := start(t)
		l.cancel(t, cl.key)
		if got := cl.until('Z'); got != "1 2 E:57014 Z:I" && got != "E:57014 Z:I" {
			t.Error(got)
		}
		if got := <-why; !strings.Contains(got, errCancelled.Error()) {
			t.Error(got)
		}
		l.mu.Lock()
		l.check = nil
		l.mu.Unlock()
		cl.send(query("SELECT 5"))
		if got := cl.until('Z'); got != "D:5 C:SELECT 1 Z:I" {
			t.Error(got)
		}
	})
}

// TestAWaitEndsWithItsSession: when the server is gone nobody need decide any more.
func TestAWaitEndsWithItsSession(t *testing.T) {
	why := make(chan string, 1)
	l := newLine(t, func(l *line) {
		l.decide = asksBoom
		l.settle = func(ctx context.Context, a *action.Action, d action.Decision) action.Decision {
			d = waitFor(ctx, a, d)
			why <- d.Reason
			return d
		}
	})
	cl := l.ready(t)
	cl.send(query("SELECT 'boom'"))
	cl.until('N')
	if out, err := needDatabase(t).psql("app", fmt.Sprintf("SELECT pg_terminate_backend(%d)", cl.key.ProcessID)); err != nil {
		t.Fatal(out)
	}
	select {
	case got := <-why:
		if !strings.Contains(got, "session has ended") {
			t.Error(got)
		}
	case <-time.After(30 * time.Second):
		t.Error("it waits for ever")
		cl.conn.Close()
	}
}

// TestAWaitIsNotIdle: an agent that waits for an approval has nothing to say.
func TestAWaitIsNotIdle(t *testing.T) {
	l := newLine(t, func(l *line) {
		l.service.Session.IdleTimeout = time.Second
		l.decide = asksBoom
		l.settle = func(ctx context.Context, _ *action.Action, _ action.Decision) action.Decision {
			late := time.NewTimer(2 * time.Second) // twice what is idle
			defer late.Stop()
			select {
			case <-late.C:
				return action.Decision{Verdict: action.Allow}
			case <-ctx.Done():
				return action.Decision{Reason: fmt.Sprint(context.Cause(ctx))}
			}
		}
	})
	cl := l.straight(t, query("SELECT 'boom'"), query("SELECT 5"))
	if got := cl.until('Z'); !strings.HasSuffix(got, "D:boom C:SELECT 1 Z:I") {
		t.Fatal(got)
	}
	if got := cl.until('Z'); got != "D:5 C:SELECT 1 Z:I" {
		t.Error(got)
	}
}

func TestAWaitAtConnectSeesTheAgent(t *testing.T) {
	why := make(chan string, 1)
	asked := make(chan struct{})
	l := newLine(t, func(l *line) {
		l.decide = func(a *action.Action) action.Decision { return action.Decision{Verdict: action.Ask} }
		l.settle = func(ctx context.Context, a *action.Action, d action.Decision) action.Decision {
			close(asked)
			d = waitFor(ctx, a, d)
			why <- d.Reason
			return d
		}
	})
	cl := l.open(t)
	<-asked
	cl.conn.Close()
	if got := <-why; !strings.Contains(got, "hung up") {
		t.Error(got)
	}
}

// TestACancelMeansWhatIsBeingRead: a text may wait for its turn at the grammar, and
// a server forgets a cancel that comes before the statement.
func TestACancelMeansWhatIsBeingRead(t *testing.T) {
	for range 5 {
		if got := cancelWhatIsRead(t); got == "E:57014 Z:I" {
			return
		} else if got != "D: C:SELECT 1 Z:I" { // on its way from there it may still be overtaken, on a busy machine
			t.Fatal(got)
		}
	}
	t.Error("a text is never cancelled while it is read")
}

func cancelWhatIsRead(t *testing.T) string {
	t.Helper()
	l := newLine(t, func(l *line) { l.service.Session.IdleTimeout = time.Hour })
	cl := l.ready(t)
	s, ok := l.proto.ring.Find(keys.Key{Seat: keys.Seat{Agent: l.agent, Service: "app_db"}, PID: cl.key.ProcessID, Secret: cl.key.SecretKey})
	if !ok {
		t.Fatal("no such session")
	}
	s.reading.Lock()
	cl.send(query("SELECT pg_sleep(5)"))
	await(t, "the query waits to be read", func() bool { return waits("(*session).read(") })
	canceled := make(chan struct{})
	go func() {
		defer close(canceled)
		if err := l.request(cl.key); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-canceled:
		t.Error("the server hears of the cancel first")
	case <-time.After(300 * time.Millisecond):
	}
	s.reading.Unlock()
	got := cl.until('Z')
	<-canceled
	return got
}

// waits reports whether somebody in a function waits for a lock.
func waits(in string) bool {
	all := make([]byte, 4<<20)
	all = all[:runtime.Stack(all, true)]
	return slices.ContainsFunc(strings.Split(string(all), "\n\n"), func(g string) bool {
		return strings.Contains(g, in) && strings.Contains(g, "sync.(*Mutex).Lock")
	})
}
