package policy

import (
	"crypto/x509"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/place"
	"sallyport.dev/sallyport/policy/rules"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
)

// A compiler makes a Policy of a Config and collects every complaint.
type compiler struct {
	o      *Options
	policy *Policy
	diags  hcl.Diagnostics
}

func compile(conf *hclconf.Config, files *Files, o Options) (*Policy, hcl.Diagnostics) {
	p := &Policy{conf: conf, files: files, byName: map[string]*service{}, now: o.Now, trials: o.Trials}
	if p.now == nil {
		p.now = time.Now
	}
	c := &compiler{o: &o, policy: p}
	for _, s := range conf.Services {
		c.service(s)
	}
	for _, r := range conf.Roles {
		c.role(r)
	}
	c.places()
	c.accounts()
	set, diags := rules.Compile(conf, files, p.sites(), o.Tables)
	p.rules = set
	for i, s := range p.services {
		s.rules = set.Services[i]
		p.timed = p.timed || s.rules.Timed()
	}
	return p, append(c.diags, diags...)
}

// sites are the services as the rules know them.
func (p *Policy) sites() []rules.Site {
	out := make([]rules.Site, len(p.services))
	for i, s := range p.services {
		out[i] = rules.Site{Service: &s.Service, Named: s.route.own.Named}
	}
	return out
}

func (c *compiler) fail(at hcl.Range, summary, format string, args ...any) {
	c.diags = append(c.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr(),
	})
}

func (c *compiler) service(conf *hclconf.Service) {
	if err := c.o.protocol(conf.Protocol.Value); err != nil {
		at := conf.Protocol.Range
		if !conf.Protocol.Stated() {
			at = conf.Range
		}
		c.fail(at, "Protocol not available", "Service %q cannot speak %s: %s", conf.Name, conf.Protocol.Value, err)
	}
	s := &service{conf: conf, index: len(c.policy.services)}
	s.Service = action.Service{
		Name: conf.Name, Preset: conf.Preset, Protocol: conf.Protocol.Value, Description: conf.Description, Probe: conf.Probe,
		Injects: conf.Auth != nil, Signs: conf.Auth.Signs(), Plaintext: conf.TLS.Disable,
		DirectTLS: conf.TLS.Negotiation.Value == "direct", Passthrough: conf.Passthrough.Value,
		EncodedPaths: conf.EncodedPaths, FoldPaths: conf.FoldPaths, PlainInjection: conf.InsecureInjection,
		Databases: hclconf.Texts(conf.Databases), Catalog: conf.Catalog.Value, DryRun: conf.DryRun.Value, Session: conf.Session,
		BodyInspectLimit: c.policy.conf.Gateway.Limits.BodyInspect, RecordBodies: c.policy.conf.Gateway.Record.Bodies,
	}
	s.Variables = hclconf.Texts(conf.Variables)
	conf.Auth.Each(func(a action.Auth, _ hcl.Range) {
		s.Slots = append(s.Slots, a.Slot())
		if a.Placeholder != "" && !slices.Contains(s.Variables, a.Placeholder) {
			s.Variables = append(s.Variables, a.Placeholder)
		}
	})
	for _, op := range conf.Operations {
		if op.As.Stated() && !slices.Contains(s.Readings, op.As.Value) {
			s.Readings = append(s.Readings, op.As.Value)
		}
	}
	if slices.Contains(s.Readings, "llm") {
		s.Prices, s.AskUsage = c.policy.conf.PriceList(), conf.Usage.Stated()
	}
	c.route(s)
	c.policy.services = append(c.policy.services, s)
	c.policy.byName[s.Name] = s
}

// route works out what the declared places permit.
func (c *compiler) route(s *service) {
	conf := s.conf
	s.route = route{upstream: conf.UpstreamHost, tls: conf.TLS}
	ports := vocab.DefaultPorts(s.Protocol)
	var own []place.Claim
	for _, h := range conf.Hosts {
		claim := place.Claim{Place: h.Place, Owner: s.index, Defaults: ports}
		s.route.claims = append(s.route.claims, claim)
		claim.Owner = int(h.Kind)
		own = append(own, claim)
		if h.Prefix.IsValid() {
			s.route.permit = append(s.route.permit, h.Prefix)
		}
	}
	s.route.own = place.NewTable(own)
	if a := conf.UpstreamHost.Addr; a.IsValid() {
		s.route.permit = append(s.route.permit, netip.PrefixFrom(a, a.BitLen()))
	}
	if conf.TLS.CA.Stated() {
		s.route.roots = x509.NewCertPool()
		s.route.roots.AppendCertsFromPEM([]byte(conf.TLS.CA.Value))
	}
	s.route.account = conf.Auth
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %v %v %q %q %v", s.Name, s.route.claims, s.route.permit, s.route.tls.ServerName, s.route.tls.CA.Value, s.route.upstream)
	s.route.terms = h.Sum64()
}

func (c *compiler) role(conf *hclconf.Role) {
	r := &role{name: conf.Name, index: len(c.policy.roles), members: conf.Members, until: conf.Until}
	for _, ref := range conf.Use.Items {
		if s, ok := c.policy.byName[ref.Name]; ok && !slices.Contains(r.uses, s.index) {
			r.uses = append(r.uses, s.index)
		}
	}
	c.policy.roles = append(c.policy.roles, r)
	c.policy.timed = c.policy.timed || !r.until.IsZero()
}

// accounts complains about accounts of roles that never reach their service.
func (c *compiler) accounts() {
	for _, s := range c.policy.services {
		if s.route.account == nil {
			continue
		}
		for _, own := range s.route.account.ByRole {
			i := slices.IndexFunc(c.policy.roles, func(r *role) bool { return r.name == own.Role })
			if i >= 0 && !slices.Contains(c.policy.roles[i].uses, s.index) {
				c.fail(own.At, "Account of nobody", "Role %q does not use %q, so nobody would ever have this account.", own.Role, s.Name)
			}
		}
	}
}

// places joins the places of all services, and complains where a role would
// have to choose between two.
func (c *compiler) places() {
	var all []place.Claim
	for _, s := range c.policy.services {
		all = append(all, s.route.claims...)
	}
	c.policy.places = place.NewTable(all)
	told := map[[2]int]bool{}
	for _, r := range c.policy.roles {
		for i, a := range r.uses {
			for _, b := range r.uses[i+1:] {
				if pair := [2]int{min(a, b), max(a, b)}; !told[pair] {
					told[pair] = c.overlap(r, c.policy.services[a], c.policy.services[b])
				}
			}
		}
	}
}

// overlap complains if two services of one role claim the same place.
func (c *compiler) overlap(r *role, a, b *service) bool {
	for i := range a.route.claims {
		for k := range b.route.claims {
			port, same := place.Same(&a.route.claims[i], &b.route.claims[k])
			if !same {
				continue
			}
			at := a.route.claims[i].Place
			at.Port = port
			c.fail(b.conf.Hosts[k].Range, "Two services at one place",
				"Role %q uses %q and %q, and both are at %s; an agent could not tell them apart. Give one another name or port, or take one out of the role.",
				r.name, a.Name, b.Name, at)
			return true
		}
	}
	return false
}
