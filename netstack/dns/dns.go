// Package dns answers the agents' DNS queries: a name that a service of the
// asking agent declares gets a stable virtual IP, every other name does not
// exist. It never asks an upstream resolver, starts no goroutine, and learns
// what is declared from a function it is given.
package dns

import (
	"log/slog"
	"net/netip"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"

	wire "github.com/miekg/dns"
)

const (
	ttl         = 60 // seconds; Java keeps an answer for 30 s or for ever
	negativeTTL = 5  // seconds; a service added a moment ago is soon found

	headerLen     = 12
	maxQueryLen   = 4096 // a question with padding and a cookie needs 600 bytes
	maxWildcard   = 120  // bytes of a name that only a wildcard declares: less room to smuggle data
	minUDPSize    = 512  // what every client takes, RFC 1035
	maxUDPSize    = 1232 // what no path fragments, DNS flag day 2020
	maxQueryExtra = 2    // OPT and TSIG
)

// A Server turns one query into one reply. Its fields are set before the first
// Answer and not changed after it.
type Server struct {
	Pool    *Pool
	Gateway [2]netip.Addr // what sallyport.internal stands for; an invalid address is left out
	// Tailnet gives what it stands for to agents that come by the tailnet, where
	// Gateway may not be reached; nil: the same.
	Tailnet func() (v4, v6 netip.Addr)
	// Declared tells whether a service of this agent claims the name, in lower
	// case without a final dot, and whether it does so by a wildcard only.
	Declared func(p *action.Peer, name string) (declared, wildcard bool)
	Log      *slog.Logger // nil: no log
}

var (
	_ netstack.Names    = (*Pool)(nil)
	_ netstack.Resolver = (*Server)(nil)
)

// Answer gives the reply to a query, or nil for what deserves none: a stranger,
// a scrap shorter than a header, a reply. stream says that it came over TCP.
// It blocks only while the store writes down a new name.
func (s *Server) Answer(p *action.Peer, query []byte, stream bool) []byte {
	if p == nil || len(query) < headerLen || query[2]&0x80 != 0 {
		return nil
	}
	q, rcode := parse(query)
	if rcode != wire.RcodeSuccess {
		return bare(query, rcode)
	}
	r := reply(q)
	s.resolve(p, q.Question[0], r)
	s.logAnswer(p, r)
	return pack(r, q, stream)
}

// resolve fills the reply to one question.
func (s *Server) resolve(p *action.Peer, q wire.Question, r *wire.Msg) {
	if q.Qclass != wire.ClassINET || q.Qtype == wire.TypeAXFR || q.Qtype == wire.TypeIXFR {
		r.Rcode = wire.RcodeRefused
		return
	}
	if q.Name == "." {
		noData(r)
		return
	}
	name, ok := canonical(q.Name)
	switch {
	case !ok || blocked(name):
		noName(r, "not a name that resolves here")
	case name == netstack.GatewayName:
		addresses(r, q, s.gateway(p))
	case isReverse(name):
		s.reverse(p, name, q, r)
	default:
		s.forward(p, name, q, r)
	}
}

// gateway is where an agent finds the gateway itself.
func (s *Server) gateway(p *action.Peer) [2]netip.Addr {
	if s.Tailnet == nil || p.Transport != "tailnet" {
		return s.Gateway
	}
	v4, v6 := s.Tailnet()
	return [2]netip.Addr{v4, v6}
}

// forward answers for a name of a service.
func (s *Server) forward(p *action.Peer, name string, q wire.Question, r *wire.Msg) {
	declared, wildcard := s.Declared(p, name)
	if !declared {
		noName(r, "no service of this agent declares the name")
		return
	}
	if wildcard && len(name) > maxWildcard {
		noName(r, "longer than a wildcard may cover")
		return
	}
	if q.Qtype == wire.TypeANY {
		minimalAny(r, q)
		return
	}
	if q.Qtype != wire.TypeA && q.Qtype != wire.TypeAAAA {
		noData(r) // HTTPS and SVCB would carry ECH keys, h3 and address hints
		return
	}
	charge := ""
	if wildcard {
		charge = p.ID
	}
	v4, v6, err := s.Pool.Assign(name, charge)
	if err != nil {
		s.failed(p, name, err, r)
		return
	}
	addresses(r, q, [2]netip.Addr{v4, v6})
}

// reverse answers for an address of the pool, if it stands for a name of this
// agent's: which names the others use is none of its business.
func (s *Server) reverse(p *action.Peer, name string, q wire.Question, r *wire.Msg) {
	addr, ok := reverseAddr(name)
	if !ok {
		noName(r, "not an address of the gateway")
		return
	}
	host, _ := s.Pool.Lookup(addr)
	if own := s.gateway(p); addr == own[0] || addr == own[1] {
		host = netstack.GatewayName
	} else if host != "" {
		if declared, _ := s.Declared(p, host); !declared {
			host = ""
		}
	}
	if host == "" {
		noName(r, "not an address of the gateway")
		return
	}
	if q.Qtype != wire.TypePTR && q.Qtype != wire.TypeANY {
		noData(r)
		return
	}
	r.Answer = append(r.Answer, &wire.PTR{Hdr: header(q.Name, wire.TypePTR), Ptr: host + "."})
}
