package record

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	"sallyport.dev/sallyport/action"
)

// A Reader gives actions back, to be decided again. Agents and services that are
// the same become the same value, so that what is worked out for one need not be
// worked out again. It is for one goroutine.
type Reader struct {
	Tables []action.FactTable

	agents   map[string]*action.Peer // by id
	services map[string]*action.Service
	tables   map[string]*action.FactTable // by protocol
}

// maxAgents bounds what a Reader remembers; beyond it, it begins anew.
const maxAgents = 4096

// Action gives the action of a record back. Facts that were not kept, or are of a
// protocol that Tables does not list, are an error.
func (rd *Reader) Action(r *Record) (*action.Action, error) {
	a := &action.Action{
		ID: r.ID, Time: r.Time, Session: r.Session, Host: r.Host, Kind: r.Kind, Summary: r.Summary,
		Sample: []byte(r.Sample), Hidden: r.Hidden, Spent: r.Spent,
		Peer: rd.agent(&r.Agent), Service: rd.service(r),
	}
	a.Digest, _ = hex.DecodeString(r.Digest)
	a.Dst, _ = netip.ParseAddrPort(r.Dst)
	a.Parts = make([]action.Part, len(r.Parts))
	for i := range r.Parts {
		p := &r.Parts[i]
		part := action.Part{Control: p.Control}
		for name := range splitList(p.Effects) {
			e, _ := action.ParseEffect(name)
			part.Effects |= e
		}
		var err error
		if part.Facts, err = decodeFacts(rd.table(r.Protocol), r.Protocol, p.Facts); err != nil {
			return nil, fmt.Errorf("record %s: part %d: %w", r.ID, i+1, err)
		}
		a.Parts[i] = part
	}
	return a, nil
}

func (rd *Reader) agent(a *Agent) *action.Peer {
	addr, _ := netip.ParseAddr(a.Addr)
	p := rd.agents[a.ID]
	if p != nil && p.Name == a.Name && p.User == a.User && p.Addr == addr &&
		slices.Equal(p.Tags, a.Tags) && slices.Equal(p.Enrolled, a.Roles) {
		return p
	}
	if rd.agents == nil || len(rd.agents) >= maxAgents {
		rd.agents = map[string]*action.Peer{}
	}
	p = &action.Peer{ID: a.ID, Name: a.Name, User: a.User, Tags: a.Tags, Enrolled: a.Roles, Addr: addr}
	rd.agents[a.ID] = p
	return p
}

func (rd *Reader) service(r *Record) *action.Service {
	if s := rd.services[r.Service]; s != nil && s.Protocol == r.Protocol {
		return s
	}
	if rd.services == nil || len(rd.services) >= maxAgents {
		rd.services = map[string]*action.Service{}
	}
	s := &action.Service{Name: r.Service, Protocol: r.Protocol}
	rd.services[r.Service] = s
	return s
}

func (rd *Reader) table(protocol string) *action.FactTable {
	if rd.tables == nil {
		rd.tables = map[string]*action.FactTable{}
		for i := range rd.Tables {
			rd.tables[rd.Tables[i].Protocol] = &rd.Tables[i]
		}
	}
	return rd.tables[protocol]
}

// Action gives the action back, to be decided again, see Reader.
func (r *Record) Action(tables []action.FactTable) (*action.Action, error) {
	return (&Reader{Tables: tables}).Action(r)
}
