package policy

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/place"

	"github.com/hashicorp/hcl/v2"
)

// A compiler makes a Policy of a Config and collects every complaint.
type compiler struct {
	lister
	schema *cond.Schema
	policy *Policy
}

func compile(conf *hclconf.Config, o Options) (*Policy, hcl.Diagnostics) {
	p := &Policy{conf: conf, byName: map[string]*service{}, now: o.Now, trials: o.Trials}
	if p.now == nil {
		p.now = time.Now
	}
	c := &compiler{lister: lister{o: &o}, schema: o.schema(), policy: p}
	for _, s := range conf.Services {
		c.service(s)
	}
	for _, r := range conf.Roles {
		c.role(r)
	}
	for _, r := range conf.Rules {
		c.rule(r)
	}
	c.places()
	c.index()
	return p, c.diags
}

func (c *compiler) service(conf *hclconf.Service) {
	if err := c.o.protocol(conf.Protocol.Value); err != nil {
		at := conf.Protocol.Range
		if !conf.Protocol.Stated() {
			at = conf.Range
		}
		c.fail(at, "Protocol not available", "Service %q cannot speak %s: %s", conf.Name, conf.Protocol.Value, err)
	}
	s := &service{conf: conf, index: len(c.policy.services), posture: newPosture(conf.Name, conf.Posture.Value)}
	s.Service = action.Service{
		Name: conf.Name, Protocol: conf.Protocol.Value, Description: conf.Description,
		Injects: conf.Auth != nil, Plaintext: conf.TLS.Disable, Passthrough: conf.Passthrough.Value,
		EncodedPaths: conf.EncodedPaths, FoldPaths: conf.FoldPaths, PlainInjection: conf.InsecureInjection,
		Databases: texts(conf.Databases), Session: conf.Session, BodyInspectLimit: c.policy.conf.Gateway.Limits.BodyInspect,
	}
	s.opaque = s.Protocol == "tcp" || s.Passthrough
	s.observe = conf.Mode.Value == "observe"
	if spec, ok := c.o.fact("sql.database"); ok && len(s.Databases) > 0 {
		s.database = spec.Str
		s.noDatabase = fmt.Sprintf("Service %q gives access to %s and no other database.", s.Name, strings.Join(s.Databases, ", "))
	}
	var diags hcl.Diagnostics
	s.catalog, diags = newCatalog(conf, c.o, c.schema)
	c.diags = append(c.diags, diags...)
	c.route(s)
	c.policy.services = append(c.policy.services, s)
	c.policy.byName[s.Name] = s
}

// route works out what the declared places permit.
func (c *compiler) route(s *service) {
	conf := s.conf
	s.route = route{upstream: conf.UpstreamHost, tls: conf.TLS}
	ports := hclconf.DefaultPorts(s.Protocol)
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
	if conf.Auth != nil {
		auth := conf.Auth.Auth
		s.route.auth = &auth
	}
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

// index gives every service the rules that can meet its actions, by name.
func (c *compiler) index() {
	p := c.policy
	slices.SortFunc(p.rules, func(a, b *rule) int { return strings.Compare(a.name, b.name) })
	for _, r := range p.rules {
		for _, s := range p.services {
			if !r.names(s) {
				continue
			}
			if r.silentOn(s) {
				s.silent = append(s.silent, r)
				continue
			}
			s.rules = append(s.rules, r)
			s.timed = s.timed || r.states.time
		}
		p.timed = p.timed || r.states.time
	}
	for _, s := range p.services {
		for _, op := range s.operations() {
			timed := op.when != nil && op.when.UsesTime()
			s.timed, p.timed = s.timed || timed, p.timed || timed
		}
	}
}

func (s *service) operations() []*operation {
	if s.catalog == nil {
		return nil
	}
	return s.catalog.all
}

// names reports whether the rule is on the service.
func (r *rule) names(s *service) bool {
	if r.conf.On.All {
		return true
	}
	for _, ref := range r.conf.On.Items {
		if ref.Name == s.Name {
			return true
		}
	}
	return false
}

// silentOn reports whether the rule speaks of something that the actions of the
// service do not have.
func (r *rule) silentOn(s *service) bool {
	if s.opaque {
		return r.states.inside
	}
	return r.states.conn || r.states.protocol != "" && r.states.protocol != s.Protocol
}
