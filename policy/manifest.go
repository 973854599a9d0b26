package policy

import (
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/manifest"
	"sallyport.dev/sallyport/policy/place"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
)

// Manifest says what an agent may use by its roles now.
func (p *Policy) Manifest(peer *action.Peer) manifest.Page {
	m := manifest.Page{Roles: []string{}, Services: []manifest.Service{}}
	if peer == nil {
		return m
	}
	now := p.now()
	member := p.member(peer, now)
	m.Agent, m.Roles = peer.Name, append(m.Roles, member.Roles...)
	for _, s := range p.services {
		if !member.uses[s.index] {
			continue
		}
		out := s.manifest()
		if _, refused := s.account(member); refused != "" {
			out.Credential = refused
		}
		for _, r := range s.rules.Rules(&member.Member, now) {
			out.Rules = append(out.Rules, p.manifestRules(r)...)
		}
		m.Services = append(m.Services, out)
	}
	return m
}

func (s *service) manifest() manifest.Service {
	out := manifest.Service{Name: s.Name, Protocol: s.Protocol, Description: s.Description, Databases: s.Databases}
	for i := range s.route.claims {
		c := &s.route.claims[i]
		out.Hosts = append(out.Hosts, c.String())
	}
	switch {
	case s.opaque():
		out.Credential = "Passed on unseen: authenticate as you would without a gateway."
	case !s.Injects:
		out.Credential = "None is added."
	case s.Protocol == "postgres":
		out.Credential = "Connect with any user and any password; the gateway puts the real account in their place."
	default:
		out.Credential = "Send none, or any dummy where a client insists on a key; the gateway puts the real one in its place."
	}
	out.Environment = s.environment()
	if s.conf.Auth.Demands() {
		out.Credential = "Send the placeholder below where the key would stand; the gateway puts the real one in its place, and nothing in place of anything else."
	}
	posture := s.rules.Posture()
	for i, name := range action.EffectNames() {
		switch posture[i] {
		case action.Allow:
			out.Allowed = append(out.Allowed, name)
		case action.Ask:
			out.Asked = append(out.Asked, name)
		default:
			out.Denied = append(out.Denied, name)
		}
	}
	return out
}

// environment gives the variables for the service's clients, by the first host that
// is a name or an address.
func (s *service) environment() []manifest.Variable {
	for _, h := range s.conf.Hosts {
		switch {
		case h.Kind == place.Name:
			return manifest.Environment(s.Protocol, h.Name, h.Port, s.Databases, s.Variables)
		case h.Kind == place.Addr:
			return manifest.Environment(s.Protocol, h.Prefix.Addr().String(), h.Port, s.Databases, s.Variables)
		}
	}
	return manifest.Environment(s.Protocol, "", 0, s.Databases, s.Variables)
}

// manifestRules puts a rule, and its otherwise, into words.
func (p *Policy) manifestRules(r *hclconf.Rule) []manifest.Rule {
	about := p.about(r)
	out := []manifest.Rule{{Name: r.Name, Verdict: r.Verdict.String(), About: about, Reason: r.Reason}}
	if r.Otherwise.Stated() {
		out = append(out, manifest.Rule{Name: r.Name, Verdict: r.Otherwise.Value, About: about + ", otherwise", Reason: r.Reason})
	}
	return out
}

// about names what a rule speaks of.
func (p *Policy) about(r *hclconf.Rule) string {
	var parts []string
	for _, name := range vocab.Lists() {
		if l, ok := r.Lists[name]; ok {
			parts = append(parts, name+" "+strings.Join(hclconf.Texts(l.Items), ", "))
		}
	}
	if r.When != nil {
		parts = append(parts, "when "+p.source(r.When.Range()))
	}
	if r.Unless != nil {
		parts = append(parts, "unless "+p.source(r.Unless.Range()))
	}
	if r.Limit.Count > 0 {
		parts = append(parts, "at most "+r.Limit.Text+" per "+r.Limit.Per)
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, "; ")
}

// source gives the text of a range on one line.
func (p *Policy) source(at hcl.Range) string {
	f, ok := p.files.HCL[at.Filename]
	if !ok || !at.CanSliceBytes(f.Bytes) {
		return "…"
	}
	return strings.Join(strings.Fields(string(at.SliceBytes(f.Bytes))), " ")
}
