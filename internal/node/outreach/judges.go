package outreach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/approval/judge"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols/llm"
)

// A seat is one judge, the peer that its calls are made as, and what it is made of.
type seat struct {
	judge *judge.Judge
	peer  *action.Peer
	spec  spec
	idle  func()
}

// Close ends the judge and its connections.
func (s *seat) Close() {
	s.judge.Close()
	s.idle()
}

// A spec tells one declaration of a judge from another.
type spec struct {
	name, api, url, model, prompt string
	host                          string
	port                          uint16
	decides                       bool
	timeout, cache                time.Duration
}

// takeJudges seats the judges of a configuration, and gives what ends those that
// are gone; the caller holds mu.
func (r *Outreach) takeJudges(list []*policy.JudgeConfig) (gone []func()) {
	now := map[string]*seat{}
	for _, j := range list {
		name := "judge." + j.Name
		s := spec{j.Name, j.API, j.URL(), j.Model.Value, j.Prompt.Value, j.Host, j.Port, j.Decides, j.Timeout, j.Cache}
		if old := r.judges[name]; old != nil && old.spec == s {
			now[name] = old
			continue
		}
		now[name] = r.seat(name, s)
	}
	for name, old := range r.judges {
		if now[name] != old {
			gone = append(gone, old.Close)
		}
	}
	r.judges = now
	return gone
}

func (r *Outreach) seat(name string, s spec) *seat {
	peer := &action.Peer{ID: name, Name: name, Transport: action.JudgeTransport, Addr: netip.IPv4Unspecified()}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.o.CA())
	way := &http.Transport{
		DialContext:     func(_ context.Context, _, addr string) (net.Conn, error) { return r.walk(peer, addr) },
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
	}
	j := judge.New(judge.Config{
		Name: s.name, API: judge.API(s.api), URL: s.url, Model: s.model, Prompt: s.prompt, Decides: s.decides,
		Timeout: s.timeout, Cache: s.cache, Tables: r.o.Tables, Mask: r.o.Mask, Spent: func(u judge.Usage) { r.spent(s.name, u) }, Usage: llm.Read,
	}, &http.Client{Transport: way}, r.o.Log)
	return &seat{j, peer, s, way.CloseIdleConnections}
}

// walk opens a connection of the gateway's own peer: it walks down the line as an
// agent's would, under the same rules, with the same secret and record.
func (r *Outreach) walk(peer *action.Peer, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", addr, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", addr, err)
	}
	at := netip.IPv4Unspecified() // a name stands for no address here
	if literal, err := netip.ParseAddr(host); err == nil {
		host, at = "", literal
	}
	if r.life.Err() != nil {
		return nil, errClosed
	}
	ours, theirs := net.Pipe()
	f := netstack.Flow{
		Peer: peer, Host: host, Src: netip.AddrPortFrom(peer.Addr, 0), Dst: netip.AddrPortFrom(at, uint16(n)),
		Accept: sync.OnceValues(func() (net.Conn, error) { return theirs, nil }),
	}
	r.flows.Go(func() {
		defer theirs.Close()
		if err := r.o.Line.ServeFlow(r.life, f); err != nil {
			r.o.Log.Debug("a call of a judge ended", "peer", peer.Name, "err", err)
		}
	})
	return ours, nil
}

// Judge gives the judge behind "judge.pii".
func (r *Outreach) Judge(name string) (approval.Judge, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.judges[name]
	if !ok {
		return nil, false
	}
	return s.judge, true
}

// Lookup finds no peer by an address: judges have none.
func (r *Outreach) Lookup(netip.Addr) (*action.Peer, bool) { return nil, false }

// Current gives the gateway's own peer of a judge, as long as the rules name it.
func (r *Outreach) Current(id string) (*action.Peer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.judges[id]
	if !ok {
		return nil, false
	}
	return s.peer, true
}

var _ netstack.Source = (*Outreach)(nil)
