package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"

	wire "github.com/miekg/dns"
)

// parse reads a query. A code other than success says how to turn it down; what
// stands after the question is counted before anything is decoded.
func parse(query []byte) (*wire.Msg, int) {
	if opcode := int(query[2]) >> 3 & 0xf; opcode != wire.OpcodeQuery {
		return nil, wire.RcodeNotImplemented
	}
	count := func(i int) uint16 { return binary.BigEndian.Uint16(query[4+2*i:]) }
	if len(query) > maxQueryLen || count(0) != 1 || count(1) != 0 || count(2) != 0 || count(3) > maxQueryExtra {
		return nil, wire.RcodeFormatError
	}
	q := new(wire.Msg)
	if err := q.Unpack(query); err != nil || len(q.Question) != 1 || len(q.Extra) != int(count(3)) {
		return nil, wire.RcodeFormatError
	}
	opts := 0
	for _, rr := range q.Extra {
		if o, ok := rr.(*wire.OPT); ok {
			opts++
			if o.Version() != 0 {
				return nil, wire.RcodeBadVers
			}
		}
	}
	if opts > 1 {
		return nil, wire.RcodeFormatError
	}
	return q, wire.RcodeSuccess
}

// bare is a reply without a question, to what could not be read: the id, the
// operation and the code.
func bare(query []byte, rcode int) []byte {
	r := new(wire.Msg)
	r.Id = binary.BigEndian.Uint16(query)
	r.Response = true
	r.Opcode = int(query[2]) >> 3 & 0xf
	r.RecursionDesired = query[2]&1 != 0
	r.Rcode = rcode
	if rcode > 0xf { // the upper bits of such a code travel in the OPT record
		r.SetEdns0(maxUDPSize, false)
	}
	b, err := r.Pack()
	if err != nil {
		return nil
	}
	return b
}

// reply starts the reply to a query: its question in its own spelling, so that
// mixed case (0x20) comes back as it was sent, and OPT if the client speaks it.
func reply(q *wire.Msg) *wire.Msg {
	r := new(wire.Msg).SetReply(q)
	r.RecursionAvailable = true
	r.Compress = true
	if o := q.IsEdns0(); o != nil {
		r.SetEdns0(maxUDPSize, o.Do())
	}
	return r
}

// pack makes a reply that its client can take: over UDP at most what it said,
// and never more than passes unfragmented; the rest it fetches over TCP.
func pack(r, q *wire.Msg, stream bool) []byte {
	size := wire.MaxMsgSize
	if !stream {
		size = minUDPSize
		if o := q.IsEdns0(); o != nil {
			size = min(max(int(o.UDPSize()), minUDPSize), maxUDPSize)
		}
	}
	r.Truncate(size)
	b, err := r.Pack()
	if err != nil || len(b) > size {
		return nil
	}
	return b
}

func header(name string, rrtype uint16) wire.RR_Header {
	return wire.RR_Header{Name: name, Rrtype: rrtype, Class: wire.ClassINET, Ttl: ttl}
}

// addresses answers A and AAAA with what there is, and anything else with the
// news that the name exists.
func addresses(r *wire.Msg, q wire.Question, addrs [2]netip.Addr) {
	for _, a := range addrs {
		switch {
		case a.Is4() && q.Qtype == wire.TypeA:
			r.Answer = append(r.Answer, &wire.A{Hdr: header(q.Name, wire.TypeA), A: a.AsSlice()})
		case a.Is6() && q.Qtype == wire.TypeAAAA:
			r.Answer = append(r.Answer, &wire.AAAA{Hdr: header(q.Name, wire.TypeAAAA), AAAA: a.AsSlice()})
		}
	}
	if len(r.Answer) == 0 {
		noData(r)
	}
}

// minimalAny answers ANY as RFC 8482 proposes.
func minimalAny(r *wire.Msg, q wire.Question) {
	r.Answer = append(r.Answer, &wire.HINFO{Hdr: header(q.Name, wire.TypeHINFO), Cpu: "RFC8482"})
}

// noData says that the name has no record of this type.
func noData(r *wire.Msg) {
	r.Ns = append(r.Ns, &wire.SOA{
		Hdr: wire.RR_Header{Name: ".", Rrtype: wire.TypeSOA, Class: wire.ClassINET, Ttl: negativeTTL},
		Ns:  netstack.GatewayName + ".", Mbox: "nobody.invalid.",
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: negativeTTL,
	})
}

// noName says that the name does not exist, and why.
func noName(r *wire.Msg, why string) {
	r.Rcode = wire.RcodeNameError
	noData(r)
	explain(r, wire.ExtendedErrorCodeBlocked, why)
}

// explain adds an extended error (RFC 8914) for clients that speak EDNS.
func explain(r *wire.Msg, code uint16, why string) {
	if o := r.IsEdns0(); o != nil {
		o.Option = append(o.Option, &wire.EDNS0_EDE{InfoCode: code, ExtraText: why})
	}
}

// failed answers for a declared name that got no address.
func (s *Server) failed(p *action.Peer, name string, err error, r *wire.Msg) {
	if errors.Is(err, errQuota) {
		r.Rcode = wire.RcodeRefused
		explain(r, wire.ExtendedErrorCodeBlocked, errQuota.Error())
		return
	}
	r.Rcode = wire.RcodeServerFailure
	explain(r, wire.ExtendedErrorCodeOther, "the gateway has no address for the name")
	if s.Log != nil {
		s.Log.Error("no virtual address", "agent", p.Name, "name", name, "err", err)
	}
}

// logAnswer notes every query; a flood of them is the reader's choice.
func (s *Server) logAnswer(p *action.Peer, r *wire.Msg) {
	if s.Log == nil || !s.Log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	q := r.Question[0]
	s.Log.Debug("dns query answered", "agent", p.Name, "name", q.Name,
		"type", wire.Type(q.Qtype).String(), "code", wire.RcodeToString[r.Rcode], "answers", len(r.Answer))
}
