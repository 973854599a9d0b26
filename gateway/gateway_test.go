package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/protocols"
)

func TestEveryVerdictDialsAndRecordsAsItShould(t *testing.T) {
	yes := func(context.Context, action.Decision) action.Decision { return action.Decision{Verdict: action.Allow} }
	no := func(context.Context, action.Decision) action.Decision { return action.Decision{} }
	for _, c := range []struct {
		name    string
		verdict action.Verdict
		answer  func(context.Context, action.Decision) action.Decision
		dials   int32
	}{
		{"allow", action.Allow, nil, 1},
		{"deny", action.Deny, nil, 0},
		{"ask, yes", action.Ask, yes, 1},
		{"ask, no", action.Ask, no, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.verdict)
			b.answer = c.answer
			d := &deed{}
			err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) })
			if err != nil {
				t.Fatal(err)
			}
			if b.dials.Load() != c.dials || b.opens.Load() != c.dials {
				t.Errorf("%d dials and %d secrets opened, want %d", b.dials.Load(), b.opens.Load(), c.dials)
			}
			if refused := d.refused != nil; refused == (c.dials == 1) {
				t.Errorf("refused is %v", refused)
			}
			if c.verdict == action.Ask && (!d.waited || d.learned != action.Whole) {
				t.Errorf("asked without Wait (%v) or without the whole action (%v)", d.waited, d.learned)
			}
			b.records(t, 1)
		})
	}
}

func TestAnUpstreamDiesWithForward(t *testing.T) {
	b := newBench(t, action.Allow)
	var kept protocols.Upstream
	d := &deed{forward: func(_ context.Context, up protocols.Upstream) (action.Result, error) {
		kept = up
		return action.Result{}, nil
	}}
	err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error {
		if err := do(ctx, d); err != nil {
			return err
		}
		if _, _, err := kept.Link(ctx, secured); !errors.Is(err, errNotAllowed) {
			t.Errorf("Link after Forward: %v, want %v", err, errNotAllowed)
		}
		return nil
	})
	if err != nil || b.dials.Load() != 0 || b.opens.Load() != 0 {
		t.Errorf("err %v, %d dials, %d opens", err, b.dials.Load(), b.opens.Load())
	}
}

func TestNoSecretForAnUnprovenPeer(t *testing.T) {
	b := newBench(t, action.Allow)
	d := &deed{forward: func(ctx context.Context, up protocols.Upstream) (action.Result, error) {
		l, cred, err := up.Link(ctx, bare)
		if err == nil || cred != nil || l != nil {
			t.Errorf("an unproven peer got link %v, credential %v, error %v", l, cred, err)
		}
		return action.Result{}, nil
	}}
	if err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) }); err != nil {
		t.Fatal(err)
	}
	if b.opens.Load() != 0 {
		t.Error("the secret was opened")
	}
}

func TestT18_AnUpstreamThatProvesNothingGetsNothing(t *testing.T) {
	b := newBench(t, action.Allow)
	next := *b.rules.Load()
	next.route.ServerName = "other.example"
	b.rules.Store(&next)
	d := &deed{forward: func(ctx context.Context, up protocols.Upstream) (action.Result, error) {
		_, _, err := up.Link(ctx, secured)
		if err == nil || !strings.Contains(err.Error(), "TLS") {
			t.Errorf("Link to a server with another name: %v", err)
		}
		return action.Result{}, nil
	}}
	if err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) }); err != nil {
		t.Fatal(err)
	}
	if b.opens.Load() != 0 {
		t.Error("the secret was opened")
	}
}

func TestAFailedVaultRefuses(t *testing.T) {
	b := newBench(t, action.Allow)
	b.vaultErr = errors.New("sealed")
	d := &deed{forward: func(ctx context.Context, up protocols.Upstream) (action.Result, error) {
		if l, _, err := up.Link(ctx, secured); err == nil || l != nil {
			t.Errorf("a link without its credential: %v, %v", l, err)
		}
		return action.Result{}, nil
	}}
	if err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) }); err != nil {
		t.Fatal(err)
	}
}

func TestAFullJournalRefuses(t *testing.T) {
	b := newBench(t, action.Allow)
	b.beginErr = errors.New("disk full")
	d := &deed{}
	if err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) }); err != nil {
		t.Fatal(err)
	}
	if d.refused == nil || b.dials.Load() != 0 {
		t.Errorf("refused %v, %d dials", d.refused, b.dials.Load())
	}
	b.records(t, 0)
}

func TestAPanicIsNoSuccess(t *testing.T) {
	b := newBench(t, action.Allow)
	d := &deed{forward: func(context.Context, protocols.Upstream) (action.Result, error) { panic("boom") }}
	func() {
		defer func() { _ = recover() }()
		_ = b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) })
	}()
	b.records(t, 1)
	if !b.ended[0].Failed {
		t.Errorf("recorded as %+v", b.ended[0])
	}
}

func TestAForgottenHeldIsClosedWithItsFlow(t *testing.T) {
	b := newBench(t, action.Allow)
	d := &deed{forward: func(_ context.Context, up protocols.Upstream) (action.Result, error) {
		up.Hold(func() {})
		return action.Result{}, nil
	}}
	err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error {
		if err := do(ctx, d); err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.ended) != 0 {
			t.Error("a held action was closed early")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.records(t, 1)
}

func TestAHeldActionIsJudgedAgainAfterASwap(t *testing.T) {
	b := newBench(t, action.Allow)
	var held protocols.Held
	d := &deed{forward: func(_ context.Context, up protocols.Upstream) (action.Result, error) {
		held = up.Hold(func() {})
		return action.Result{}, nil
	}}
	err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error {
		if err := do(ctx, d); err != nil {
			return err
		}
		if got := held.Check(ctx); got.Verdict != action.Allow {
			t.Errorf("before the swap: %v", got)
		}
		b.swap(action.Deny)
		if got := held.Check(ctx); got.Verdict != action.Deny {
			t.Errorf("after the swap: %v", got)
		}
		b.answer = func(context.Context, action.Decision) action.Decision { return action.Decision{} }
		if b.swap(action.Ask); d.waited {
			t.Error("somebody was waited for before the rules asked")
		}
		if held.Check(ctx); !d.waited {
			t.Error("a check that asks is no wait")
		}
		held.Done(action.Result{}, nil)
		held.Done(action.Result{}, nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.records(t, 1)
}

func TestASwapWhileJudgingIsSeen(t *testing.T) {
	b := newBench(t, action.Ask)
	b.answer = func(context.Context, action.Decision) action.Decision {
		b.swap(action.Deny) // while a human thinks
		return action.Decision{Verdict: action.Allow}
	}
	d := &deed{}
	if err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) }); err != nil {
		t.Fatal(err)
	}
	if d.refused == nil || b.dials.Load() != 0 {
		t.Error("a yes under old rules went out under new ones")
	}
}

func TestASwapCancelsWhatItRefuses(t *testing.T) {
	b := newBench(t, action.Allow)
	d := &deed{forward: func(ctx context.Context, _ protocols.Upstream) (action.Result, error) {
		b.swap(action.Deny)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Second):
			t.Error("the running action was not cancelled")
		}
		return action.Result{}, context.Cause(ctx)
	}}
	_ = b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) })
	b.records(t, 1)
}

// A held action's protocol hears that it is not allowed any more, once, and never
// after the action is over.
func TestAHeldActionIsToldThatItIsRevoked(t *testing.T) {
	for name, swaps := range map[string]struct {
		before, after bool // the protocol holds it; it is over
		want          int32
	}{
		"while it is held":  {want: 1},
		"before it is held": {before: true, want: 1},
		"when it is over":   {after: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, action.Allow)
			var told atomic.Int32
			var held protocols.Held
			d := &deed{forward: func(_ context.Context, up protocols.Upstream) (action.Result, error) {
				if swaps.before {
					b.swap(action.Deny)
				}
				held = up.Hold(func() { told.Add(1) })
				return action.Result{}, nil
			}}
			_ = b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error {
				if err := do(ctx, d); err != nil {
					return err
				}
				if swaps.after {
					held.Done(action.Result{}, nil)
				}
				b.swap(action.Deny)
				b.swap(action.Allow)
				b.swap(action.Deny)
				held.Done(action.Result{}, nil)
				return nil
			})
			if told.Load() != swaps.want {
				t.Errorf("told %d times, not %d", told.Load(), swaps.want)
			}
		})
	}
}

// A stopper is a deed of the gateway's own, or claims to be none.
type stopper struct {
	*deed
	stops bool
}

func (s stopper) Stops() bool { return s.stops }

// What stops another action needs no rule, is written down, and reaches the address of
// that action alone, without its secret.
func TestAStopIsNotJudged(t *testing.T) {
	for name, stops := range map[string]bool{"a stop": true, "what is none": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, action.Allow)
			var live protocols.Link
			begin := &deed{forward: func(ctx context.Context, up protocols.Upstream) (res action.Result, err error) {
				live, _, err = up.Link(ctx, secured)
				up.Hold(func() {})
				return res, err
			}}
			end := &deed{forward: func(ctx context.Context, up protocols.Upstream) (action.Result, error) {
				if _, _, err := up.Link(ctx, secured); !errors.Is(err, errNotAllowed) {
					t.Errorf("a link of its own: %v", err)
				}
				l, cred, err := up.Link(ctx, protocols.Open{Beside: live, Dress: secured.Dress})
				if err != nil || cred != nil {
					t.Errorf("beside: %v, credential %v", err, cred)
					return action.Result{}, nil
				}
				l.Retire()
				return action.Result{}, nil
			}}
			err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error {
				if err := do(ctx, begin); err != nil {
					return err
				}
				b.swap(action.Deny)
				return do(context.WithoutCancel(ctx), stopper{end, stops})
			})
			if err != nil {
				t.Fatal(err)
			}
			if stops == (end.refused != nil) {
				t.Errorf("refused: %v", end.refused)
			}
			b.records(t, 2)
		})
	}
}

func TestAStormOfSwapsLosesNoRecord(t *testing.T) {
	b := newBench(t, action.Allow)
	stop := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for v := action.Allow; ; v = action.Allow - v {
			select {
			case <-stop:
				return
			default:
				b.swap(v)
			}
		}
	})
	const streams, each = 16, 50
	_ = b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error {
		var wg sync.WaitGroup
		for range streams {
			wg.Go(func() {
				for range each {
					_ = do(ctx, &deed{forward: func(context.Context, protocols.Upstream) (action.Result, error) {
						return action.Result{}, nil
					}})
				}
			})
		}
		wg.Wait()
		return nil
	})
	close(stop)
	storm.Wait()
	b.records(t, streams*each)
}

func TestARemovedAgentsConnectionsEnd(t *testing.T) {
	b := newBench(t, action.Allow)
	synctest.Test(t, func(t *testing.T) { // whose clock goes on only while everything waits
		began := time.Now()
		err := b.flow(t, func(ctx context.Context, f protocols.Flow, _ protocols.Do) error {
			c, err := f.Accept()
			if err != nil {
				return err
			}
			b.gone.Store(true)
			b.Recheck()
			<-ctx.Done()
			_, err = c.Read(make([]byte, 1)) // a protocol that does not listen to ctx
			return err
		})
		if !errors.Is(err, errRevoked) || time.Since(began) > time.Second {
			t.Errorf("ended after %v with %v", time.Since(began), err)
		}
	})
}

func TestARotatedSecretRetiresOldLinks(t *testing.T) {
	b := newBench(t, action.Allow)
	use := func() protocols.Link { return b.usePool(t) }
	first, second := use(), use()
	if first != second || b.dials.Load() != 1 {
		t.Errorf("a free link was not used again: %d dials", b.dials.Load())
	}
	b.generation.Add(1)
	b.Recheck()
	if third := use(); third == first || b.dials.Load() != 2 {
		t.Errorf("a link of the old secret was used: %d dials", b.dials.Load())
	}
}

func TestAFlowOfNobodyIsResetAndRecorded(t *testing.T) {
	b := newBench(t, action.Allow)
	accepted := false
	err := b.ServeFlow(t.Context(), netstack.Flow{
		Peer: agent, Host: "elsewhere.example", Dst: netip.MustParseAddrPort("198.18.0.9:443"),
		Accept: func() (net.Conn, error) { accepted = true; return nil, nil },
	})
	if err != nil || accepted {
		t.Errorf("err %v, accepted %v", err, accepted)
	}
	b.records(t, 1)
}

func TestAnAddressIsNamedByItsFirstBytes(t *testing.T) {
	b := newBench(t, action.Allow)
	for _, c := range []struct{ first, served string }{
		{"GET / HTTP/1.1\r\nHost: Example.com\r\n\r\n", "example.com"},
		{"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", ""},
		{"\x00\x00\x00\x08\x04\xd2\x16\x2f", ""},
	} {
		near, far := net.Pipe()
		served, seen := "", make([]byte, len(c.first))
		b.serve = func(_ context.Context, f protocols.Flow, _ protocols.Do) error {
			served = f.Host
			conn, err := f.Accept()
			if err != nil {
				return err
			}
			_, err = conn.Read(seen)
			return err
		}
		go near.Write([]byte(c.first)) //nolint:errcheck // the reader's end is what is tested
		err := b.ServeFlow(t.Context(), netstack.Flow{
			Peer: agent, Dst: netip.MustParseAddrPort("203.0.113.7:443"),
			Accept: func() (net.Conn, error) { return far, nil },
		})
		if err != nil || served != c.served {
			t.Errorf("%q: served as %q (%v), want %q", c.first, served, err, c.served)
		}
		if served != "" && string(seen) != c.first {
			t.Errorf("the protocol read %q of %q", seen, c.first)
		}
		near.Close()
		far.Close()
	}
}

func TestRecheckDoesNotWaitForASlowBody(t *testing.T) {
	b := newBench(t, action.Ask)
	learning, release := make(chan struct{}), make(chan struct{})
	b.answer = func(context.Context, action.Decision) action.Decision { return action.Decision{Verdict: action.Allow} }
	d := &slowDeed{learning: learning, release: release}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) })
	}()
	<-learning
	rechecked := make(chan struct{})
	go func() { defer close(rechecked); b.swap(action.Deny) }()
	select {
	case <-rechecked:
	case <-time.After(20 * time.Second):
		t.Error("Recheck waits for the agent")
	}
	close(release)
	<-done
	if d.refused == nil {
		t.Error("it went out under old rules")
	}
}

// A slowDeed's body comes when release is closed.
type slowDeed struct {
	deed
	learning, release chan struct{}
}

func (d *slowDeed) Learn(context.Context, action.Need) error {
	close(d.learning)
	<-d.release
	return nil
}

func TestT17_NewNamesAreLimited(t *testing.T) {
	b := newBench(t, action.Allow)
	now := time.Now()
	b.Now = func() time.Time { return now }
	minted := 0
	err := b.flow(t, func(_ context.Context, f protocols.Flow, _ protocols.Do) error {
		for range 10 * mintBurst {
			if _, err := f.Leaf("example.com"); err == nil {
				minted++
			}
		}
		return nil
	})
	if err != nil || minted != mintBurst {
		t.Errorf("%d certificates at once, want %d (%v)", minted, mintBurst, err)
	}
}

func TestALeafIsOnlyForTheFlowsService(t *testing.T) {
	b := newBench(t, action.Allow)
	err := b.flow(t, func(_ context.Context, f protocols.Flow, _ protocols.Do) error {
		if _, err := f.Leaf("elsewhere.example"); err == nil {
			t.Error("a certificate for a name of no service")
		}
		_, err := f.Leaf("example.com")
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAYesIsForTheRuleThatAsked(t *testing.T) {
	b := newBench(t, action.Ask)
	asked := 0
	b.answer = func(_ context.Context, d action.Decision) action.Decision {
		if asked++; asked == 1 { // while a human thinks, the rule of that name gets a stricter approver
			next := *b.rules.Load()
			next.decision.Asks = []action.Asking{{Rule: "careful", Approvers: []string{"approver.board"}}}
			b.rules.Store(&next)
			return action.Decision{Verdict: action.Allow}
		}
		return action.Decision{}
	}
	d := &deed{}
	if err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) }); err != nil {
		t.Fatal(err)
	}
	if asked != 2 || d.refused == nil {
		t.Errorf("asked %d times, refused %v", asked, d.refused)
	}
}

func TestOtherTermsWantAnotherLink(t *testing.T) {
	b := newBench(t, action.Allow)
	use := func() protocols.Link { return b.usePool(t) }
	first := use()
	next := *b.rules.Load()
	next.route.Terms++ // another CA, say
	b.rules.Store(&next)
	b.Recheck()
	if second := use(); second == first || b.dials.Load() != 2 {
		t.Errorf("a link of other terms was used: %d dials", b.dials.Load())
	}
}

func TestASessionEndsWithItsTermsAndAccount(t *testing.T) {
	for name, change := range map[string]func(*action.Route){
		"nothing": func(*action.Route) {},
		"terms":   func(r *action.Route) { r.Terms++ },
		"account": func(r *action.Route) {
			r.Auth = &action.Auth{Scheme: "password", Name: "agent_ro", Secrets: []string{"k"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, action.Allow)
			d := &deed{}
			ended := false
			_ = b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error {
				if err := do(ctx, d); err != nil {
					return err
				}
				next := *b.rules.Load()
				change(&next.route)
				b.rules.Store(&next)
				b.generation.Add(1) // a rotated secret cuts nothing
				b.Recheck()
				ended = ctx.Err() != nil
				return nil
			})
			if ended == (name == "nothing") {
				t.Errorf("the session ended: %v", ended)
			}
		})
	}
}

func TestARunningActionEndsWithItsTerms(t *testing.T) {
	b := newBench(t, action.Allow)
	d := &deed{forward: func(ctx context.Context, up protocols.Upstream) (action.Result, error) {
		if _, _, err := up.Link(ctx, pooled); err != nil {
			return action.Result{}, err
		}
		b.swap(action.Allow) // other rules, the same terms
		if ctx.Err() != nil {
			t.Error("cut without a reason")
		}
		next := *b.rules.Load()
		next.route.Terms++
		b.rules.Store(&next)
		b.Recheck()
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Second):
			t.Error("it goes on where it should not lead any more")
		}
		return action.Result{}, context.Cause(ctx)
	}}
	_ = b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) })
	b.records(t, 1)
}
