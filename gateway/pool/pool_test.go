package pool

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

// a pipe is a Dialer whose connections lead nowhere.
type pipe struct{ dials int }

func (p *pipe) Dial(context.Context, *action.Route) (net.Conn, netip.AddrPort, error) {
	p.dials++
	c, _ := net.Pipe()
	return c, netip.MustParseAddrPort("192.0.2.1:443"), nil
}

func (p *pipe) DialAt(context.Context, netip.AddrPort) (net.Conn, error) {
	p.dials++
	c, _ := net.Pipe()
	return c, nil
}

// A link is free until it is taken or retired.
type link struct {
	wire    protocols.Wire
	taken   bool
	retired bool
}

func (l *link) Take() bool {
	if l.taken || l.retired {
		return false
	}
	l.taken = true
	return true
}

func (l *link) Retire() { l.retired = true }

// owner is a flow that lives as long as it says.
type owner struct{ ended bool }

func (o *owner) Keep(*Wire) bool { return !o.ended }
func (o *owner) Drop(*Wire)      {}

func dress(_ context.Context, w protocols.Wire) (protocols.Link, error) {
	return &link{wire: w, taken: true}, nil
}

func want(d Dialer, change func(*Want)) Want {
	w := Want{
		Route: &action.Route{Service: "api", Host: "api.example.com", Port: 443, Auth: &action.Auth{Scheme: "mtls", Secrets: []string{"cert", "key"}}},
		Open:  protocols.Open{Pool: "h1", Dress: dress}, Peer: "laptop", Owner: &owner{}, Generation: 7, Dialer: d,
	}
	change(&w)
	return w
}

// A connection is taken again for the very same service, account and generation, and
// for nothing else; nor is what TLS remembers of it.
func TestWhatIsNotShared(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*Want)
		shared  bool
		session bool
	}{
		"the same":               {func(*Want) {}, true, true},
		"another agent":          {func(w *Want) { w.Peer = "other" }, true, true},
		"another certificate":    {func(w *Want) { w.Route.Auth.Secrets = []string{"other", "key"} }, false, false},
		"another scheme":         {func(w *Want) { w.Route.Auth.Scheme = "bearer" }, false, false},
		"another name":           {func(w *Want) { w.Route.Auth.Name = "user" }, false, false},
		"otherwise made":         {func(w *Want) { w.Route.Auth.Spec = "{}" }, false, false},
		"no account":             {func(w *Want) { w.Route.Auth = nil }, false, false},
		"a newer secret":         {func(w *Want) { w.Generation = 8 }, false, false},
		"other terms":            {func(w *Want) { w.Route.Terms = 1 }, false, false},
		"another host":           {func(w *Want) { w.Route.Host = "b.example.com" }, false, false},
		"another port":           {func(w *Want) { w.Route.Port = 8443 }, false, true},
		"another name to prove":  {func(w *Want) { w.Route.ServerName = "c.example.com" }, false, true},
		"without TLS":            {func(w *Want) { w.Route.Plaintext = true }, false, true},
		"another kind of link":   {func(w *Want) { w.Open.Pool = "h2" }, false, true},
		"a connection of a flow": {func(w *Want) { w.Open.Pool = "" }, false, true},
	} {
		var p Pool
		d := &pipe{}
		first, err := p.Link(t.Context(), want(d, func(*Want) {}))
		if err != nil {
			t.Fatal(err)
		}
		first.Link.(*link).taken = false
		second, err := p.Link(t.Context(), want(d, c.change))
		if err != nil {
			t.Fatal(err)
		}
		if (first == second) != c.shared || (d.dials == 1) != c.shared {
			t.Errorf("%s: shared %v, want %v", name, first == second, c.shared)
		}
		if got := first.Wire.cache == second.Wire.cache; got != c.session {
			t.Errorf("%s: TLS sessions shared %v, want %v", name, got, c.session)
		}
		first.Wire.Close()
		second.Wire.Close()
	}
}

// What is out of date is given to nobody any more, and who holds it finishes.
func TestWhatIsRetired(t *testing.T) {
	var p Pool
	d := &pipe{}
	made := func() *Linked {
		t.Helper()
		l, err := p.Link(t.Context(), want(d, func(*Want) {}))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	held := made()
	p.RetireRotated(func(action.Auth) uint64 { return 7 })
	if held.Link.(*link).retired {
		t.Error("retired, though its secret is the same")
	}
	p.RetireRotated(func(action.Auth) uint64 { return 8 })
	if !held.Link.(*link).retired {
		t.Error("its secret is another, and it is not retired")
	}
	quiet := made()
	quiet.Link.(*link).taken = false
	for range idleSweeps - 1 {
		p.RetireIdle()
	}
	if quiet.Link.(*link).retired {
		t.Error("retired a sweep too early")
	}
	if p.RetireIdle(); !quiet.Link.(*link).retired {
		t.Error("quiet for long, and not retired")
	}
	last := made()
	if p.RetireAll(); !last.Link.(*link).retired || d.dials != 3 {
		t.Errorf("retired %v after %d dials", last.Link.(*link).retired, d.dials)
	}
}

// A connection beside another belongs to the same agent and service, and none is made
// for a flow that has ended.
func TestWhoseConnectionsAre(t *testing.T) {
	var p Pool
	d := &pipe{}
	l, err := p.Link(t.Context(), want(d, func(w *Want) { w.Open.Pool = "" }))
	if err != nil {
		t.Fatal(err)
	}
	beside := func(change func(*Want)) error {
		_, err := p.Link(t.Context(), want(d, func(w *Want) { w.Open.Beside = l.Link; change(w) }))
		return err
	}
	if err := beside(func(*Want) {}); err != nil {
		t.Error(err)
	}
	if err := beside(func(w *Want) { w.Peer = "other" }); !errors.Is(err, errForeign) {
		t.Errorf("another agent: %v", err)
	}
	if err := beside(func(w *Want) { w.Route.Service = "other" }); !errors.Is(err, errForeign) {
		t.Errorf("another service: %v", err)
	}
	_, err = p.Link(t.Context(), want(d, func(w *Want) { w.Open.Pool, w.Owner = "", &owner{ended: true} }))
	if !errors.Is(err, ErrEnded) {
		t.Errorf("a flow that has ended: %v", err)
	}
	if l.Wire.Close(); beside(func(*Want) {}) == nil {
		t.Error("beside one that is closed")
	}
}
