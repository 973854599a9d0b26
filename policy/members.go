package policy

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/rules"
)

// A membership is what an agent is by the roles of one policy. It is immutable.
type membership struct {
	rules.Member
	uses  []bool    // by index of service
	since time.Time // when it was worked out
	until time.Time // when it must be worked out again; zero: never
}

// members remembers memberships: a Peer never changes, a change makes a new one.
type members struct {
	known sync.Map // *action.Peer -> *membership
	count atomic.Int64
}

// maxMembers bounds what is remembered; beyond it everything is forgotten.
const maxMembers = 4096

// member gives the membership of an agent at a time.
func (p *Policy) member(peer *action.Peer, now time.Time) *membership {
	if v, ok := p.members.known.Load(peer); ok {
		if m, ok := v.(*membership); ok && (m.until.IsZero() || now.Before(m.until) && !now.Before(m.since)) {
			return m
		}
	}
	return p.remember(peer, p.workOut(peer, now))
}

func (p *Policy) remember(peer *action.Peer, m *membership) *membership {
	if p.members.count.Add(1) > maxMembers {
		p.members.known.Clear()
		p.members.count.Store(0)
	}
	p.members.known.Store(peer, m)
	return m
}

// workOut applies the roles to an agent.
func (p *Policy) workOut(peer *action.Peer, now time.Time) *membership {
	m := &membership{Member: rules.Member{In: make([]bool, len(p.roles))}, uses: make([]bool, len(p.services)), since: now}
	if peer.Transport == action.JudgeTransport {
		for _, j := range p.conf.Judges {
			if s := p.byName[j.Service.Name]; s != nil && peer.Name == "judge."+j.Name {
				m.uses[s.index] = true
			}
		}
		return m // in no role, not even everybody's
	}
	enrolled := len(peer.Enrolled) > 0 || peer.Transport == "wireguard"
	for _, r := range p.roles {
		m.In[r.index] = r.lives(now) && r.holds(peer)
		enrolled = enrolled || m.In[r.index]
		if r.lives(now) && !r.until.IsZero() && (m.until.IsZero() || r.until.Before(m.until)) {
			m.until = r.until
		}
	}
	for _, r := range p.roles {
		if enrolled && r.lives(now) && r.everybody() {
			m.In[r.index] = true
		}
		if !m.In[r.index] {
			continue
		}
		m.Roles = append(m.Roles, r.name)
		for _, s := range r.uses {
			m.uses[s] = true
		}
	}
	return m
}

// lives reports whether the role has not ended.
func (r *role) lives(now time.Time) bool { return r.until.IsZero() || now.Before(r.until) }

// holds reports whether the agent was enrolled into the role, or the role names
// its tag, its user or itself. The user of a tagged node is nobody.
func (r *role) holds(peer *action.Peer) bool {
	if slices.Contains(peer.Enrolled, r.name) {
		return true
	}
	for _, m := range r.members {
		kind, name, _ := strings.Cut(m.Value, ":")
		switch kind {
		case "tag":
			if slices.Contains(peer.Tags, m.Value) {
				return true
			}
		case "user":
			if len(peer.Tags) == 0 && peer.User != "" && strings.EqualFold(peer.User, name) {
				return true
			}
		case "agent":
			if peer.Name == name {
				return true
			}
		}
	}
	return false
}

// everybody reports whether the role holds every enrolled agent.
func (r *role) everybody() bool {
	for _, m := range r.members {
		if m.Value == "*" {
			return true
		}
	}
	return false
}

// Roles lists the roles that an agent is in now, in the order of the
// configuration.
func (p *Policy) Roles(peer *action.Peer) []string {
	if peer == nil {
		return nil
	}
	return slices.Clone(p.member(peer, p.now()).Roles)
}
