package policy

import (
	"fmt"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
)

// A Manifest tells an agent what it may use, and how.
type Manifest struct {
	Agent    string            `json:"agent"`
	Roles    []string          `json:"roles"`
	Services []ManifestService `json:"services"`
}

// A ManifestService is one service as an agent needs to know it.
type ManifestService struct {
	Name        string         `json:"name"`
	Protocol    string         `json:"protocol"`
	Description string         `json:"description,omitempty"`
	Hosts       []string       `json:"hosts"`
	Databases   []string       `json:"databases,omitempty"`
	Credential  string         `json:"credential"` // how to authenticate
	Allowed     []string       `json:"allowed,omitempty"`
	Asked       []string       `json:"asked,omitempty"`
	Denied      []string       `json:"denied,omitempty"`
	Rules       []ManifestRule `json:"rules,omitempty"`
}

// A ManifestRule is one rule in words.
type ManifestRule struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	About   string `json:"about"`
	Reason  string `json:"reason,omitempty"`
}

// Manifest says what an agent may use by its roles now.
func (p *Policy) Manifest(peer *action.Peer) Manifest {
	m := Manifest{Roles: []string{}, Services: []ManifestService{}}
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

func (s *service) manifest() ManifestService {
	out := ManifestService{Name: s.Name, Protocol: s.Protocol, Description: s.Description, Databases: s.Databases}
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

// manifestRules puts a rule, and its otherwise, into words.
func (p *Policy) manifestRules(r *hclconf.Rule) []ManifestRule {
	about := p.about(r)
	out := []ManifestRule{{Name: r.Name, Verdict: r.Verdict.String(), About: about, Reason: r.Reason}}
	if r.Otherwise.Stated() {
		out = append(out, ManifestRule{Name: r.Name, Verdict: r.Otherwise.Value, About: about + ", otherwise", Reason: r.Reason})
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

// Markdown renders the manifest for an agent to read.
func (m Manifest) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What agent %s may use\n\n", m.Agent)
	if len(m.Services) == 0 {
		b.WriteString("Nothing: no role of this agent uses a service. Ask an operator.\n")
		return b.String()
	}
	b.WriteString("Every connection goes through a gateway that judges each request and statement. " +
		"Secrets are added by the gateway; an agent holds none. A refusal says why and what to do next; " +
		"what asks waits for a person. Use HTTPS remotes for git. Whatever is not listed here is refused.\n")
	for _, s := range m.Services {
		s.markdown(&b)
	}
	return b.String()
}

func (s *ManifestService) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s (%s)\n\n", s.Name, s.Protocol)
	if s.Description != "" {
		fmt.Fprintf(b, "%s\n\n", s.Description)
	}
	line := func(what string, values []string) {
		if len(values) > 0 {
			fmt.Fprintf(b, "- %s: %s\n", what, strings.Join(values, ", "))
		}
	}
	line("Hosts", s.Hosts)
	line("Databases", s.Databases)
	line("Credential", []string{s.Credential})
	line("Allowed", s.Allowed)
	line("Asked first", s.Asked)
	line("Denied", s.Denied)
	for _, r := range s.Rules {
		fmt.Fprintf(b, "- Rule %q (%s): %s", r.Name, r.Verdict, r.About)
		if r.Reason != "" {
			fmt.Fprintf(b, ". %s", r.Reason)
		}
		b.WriteByte('\n')
	}
}
