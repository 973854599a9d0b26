package corpus

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres"
	"sallyport.dev/sallyport/vault"
)

// conf is what a user of the preset writes: one service with its defaults, one that
// is only read, and two rules on both.
const conf = `
service "guarded" {
  preset = "postgres"
  hosts  = ["db.test"]
  tls    = { mode = "disable" }
}
service "read_only" {
  preset  = "postgres"
  hosts   = ["replica.test"]
  tls     = { mode = "disable" }
  posture = "open"
  session { read_only = true }
}
role "agents" { use = [service.guarded, service.read_only] }
rule "secrets stay" {
  on      = [service.guarded, service.read_only]
  tables  = ["secrets"]
  verdict = "deny"
}
rule "account numbers stay" {
  on      = [service.guarded, service.read_only]
  columns = ["users.iban"]
  verdict = "deny"
}
`

// rules loads the policy as the program does.
func rules(t *testing.T) *policy.Policy {
	t.Helper()
	path := filepath.Join(t.TempDir(), "corpus.hcl")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _, diags := policy.Load(path, policy.Options{
		Tables: []action.FactTable{postgres.Facts()},
		Trials: map[string]func(*action.Service, action.Trial) (*action.Action, error){"postgres": postgres.Trial},
	})
	if p == nil {
		t.Fatal(diags)
	}
	return p
}

// A gate is the gateway's core around one service: it judges by the policy, and
// whoever is asked says no. While it is open everything passes that rules may
// allow: so a session is brought to where a line begins.
type gate struct {
	policy  *policy.Policy
	proto   *postgres.Protocol
	service *action.Service
	server  string
	listen  net.Listener
	ctx     context.Context
	served  sync.WaitGroup
	idle    *talk // a session that has had nothing but refusals

	mu    sync.Mutex
	open  bool
	heard []action.Verdict
	sent  bytes.Buffer // to the server
}

func newGate(t *testing.T, p *policy.Policy, service, server string) *gate {
	t.Helper()
	g := &gate{policy: p, proto: postgres.New(), server: server}
	for _, s := range p.Services() {
		if s.Name == service {
			g.service = s
		}
	}
	var err error
	if g.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil || g.service == nil {
		t.Fatal(err, g.service)
	}
	var stop context.CancelFunc
	g.ctx, stop = context.WithCancel(context.Background())
	g.served.Go(g.accept)
	t.Cleanup(func() {
		g.leave()
		g.listen.Close()
		stop()
		g.served.Wait()
	})
	return g
}

// leave ends the session that is kept for the next line.
func (g *gate) leave() {
	if g.idle != nil {
		g.idle.close()
		g.idle = nil
	}
}

func (g *gate) accept() {
	for {
		c, err := g.listen.Accept()
		if err != nil {
			return
		}
		g.served.Go(func() {
			defer c.Close()
			g.proto.Serve(g.ctx, protocols.Flow{
				Peer: peer(), Service: g.service, Host: "db.test", Dst: netip.MustParseAddrPort("198.18.0.7:5432"),
				Accept: func() (net.Conn, error) { return c, nil },
			}, g.do)
		})
	}
}

func peer() *action.Peer {
	return &action.Peer{ID: "agent-1", Name: "agent-1", Enrolled: []string{"agents"}}
}

// set opens or closes the gate and forgets what was heard.
func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open, g.heard = open, nil
	g.sent.Reset()
}

// verdict gives the strictest that was heard since, and whether the server was sent
// any of text.
func (g *gate) verdict(text string) (v action.Verdict, sent bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	v = action.Allow
	for _, h := range g.heard {
		v = min(v, h)
	}
	return v, bytes.Contains(g.sent.Bytes(), []byte(text))
}

func (g *gate) do(ctx context.Context, ex protocols.Exchange) error {
	a := ex.Action()
	a.ID, a.Peer, a.Service = "ID1", peer(), g.service
	d := g.decide(a)
	if d.Verdict == action.Ask && a.Prelude {
		d.Verdict = action.Allow // what follows is asked about
	}
	if d.Verdict != action.Allow {
		d.Verdict = action.Deny // nobody says yes
		return ex.Refuse(ctx, d)
	}
	_, err := ex.Forward(ctx, upstream{g})
	return err
}

func (g *gate) decide(a *action.Action) action.Decision {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open && len(a.Parts) > 0 {
		return action.Decision{Verdict: action.Allow}
	}
	d := g.policy.Decide(a)
	if a.Kind != "connect" && !(a.Prelude && d.Verdict == action.Ask) {
		g.heard = append(g.heard, d.Verdict)
	}
	return d
}

// An upstream dials the server.
type upstream struct{ g *gate }

func (u upstream) Link(ctx context.Context, open protocols.Open) (protocols.Link, *vault.Credential, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", u.g.server)
	if err != nil {
		return nil, nil, err
	}
	l, err := open.Dress(ctx, tapped{c, u.g})
	return l, nil, err
}

func (u upstream) Hold(func()) protocols.Held { return held{} }

type held struct{}

func (held) Check(context.Context) action.Decision { return action.Decision{Verdict: action.Allow} }
func (held) Done(action.Result, error)             {}

// A tapped connection keeps what is sent to the server.
type tapped struct {
	net.Conn
	g *gate
}

func (c tapped) Write(b []byte) (int, error) {
	c.g.mu.Lock()
	c.g.sent.Write(b)
	c.g.mu.Unlock()
	return c.Conn.Write(b)
}

func (c tapped) Secure(context.Context, ...string) (*tls.Conn, error) {
	return nil, errors.New("this server speaks plainly")
}

// barred is the answer to settings that a service does not let a session come to.
const barred = "barred"

// live plays a line through a session and says what was answered. Only a session
// that has had nothing but refusals is used again.
func (g *gate) live(settings, text string, extended bool) (verdict string, r *reply, err error) {
	c := g.idle
	g.idle = nil
	if c == nil || settings != "" {
		if c, err = dial(g.listen.Addr().String(), "corpus"); err != nil {
			return "", nil, err
		}
	}
	g.set(true)
	if settings != "" {
		defer c.close()
		r := c.query(settings)
		if r.code == "25006" || r.code == "42501" {
			return barred, r, nil
		}
		if r.code != "" || r.ended {
			return "", r, fmt.Errorf("settings: %s %s", r.code, r.word)
		}
	}
	g.set(false)
	if extended {
		r = c.extended(text)
	} else {
		r = c.query(text)
	}
	v, sent := g.verdict(text)
	switch {
	case v != action.Allow && sent:
		return "", r, fmt.Errorf("it was refused and sent all the same")
	case r.ended && !sent:
		v = action.Deny // the session was, before anything was judged
	case v == action.Allow || settings != "":
		c.close()
	default:
		g.idle = c
	}
	return v.String(), r, nil
}
