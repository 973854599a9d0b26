// Package rules decides what an agent may do at a service: the posture, the rules
// that loosen it for certain and in whole, the rules that tighten it at all. It
// compiles what hclconf read into immutable sets, decides without allocating and
// tells every step. It does not know where services are or who the agents are.
package rules

import (
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/match"
	"sallyport.dev/sallyport/policy/posture"
	"sallyport.dev/sallyport/policy/rules/index"
	"sallyport.dev/sallyport/policy/rules/operation"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
)

// A Member is what an agent is by the roles of a configuration.
type Member struct {
	Roles []string // names
	In    []bool   // by index of role
}

// A Set is the compiled rules of one configuration.
type Set struct {
	Services []*Service // in the order of the configuration
	rules    []*Rule    // by name
}

// A Service is the rules that can meet the actions of one service.
type Service struct {
	service *action.Service
	named   func(string, uint16) bool
	files   *source.Files
	rules   []*Rule             // by name
	index   *index.Index[*Rule] // nil: rules as they are
	silent  []*Rule             // those under "*" that speak of something else
	posture posture.Posture
	opaque  bool // tcp, passthrough: no facts, the effect is unknown
	observe bool // the posture is recorded, not enforced
	timed   bool
	limited bool               // a rule has a limit
	catalog *operation.Catalog // nil: no operations
	// database reads the database of a part; nil where databases bind nothing.
	database   func(action.Facts) (string, action.State)
	noDatabase string // reason of a refusal
	judges     sync.Pool
}

// A compiler makes a Set of a Config and collects every complaint.
type compiler struct {
	match.Compiler
	conf   *hclconf.Config
	schema *cond.Schema
	set    *Set
}

// A Site is a service as the rules need to know it.
type Site struct {
	*action.Service
	Named func(host string, port uint16) bool // whether it declares the name
}

// Compile makes the rules of a configuration. sites are its services in its
// order; the tables say which facts there are.
func Compile(conf *hclconf.Config, files *source.Files, sites []Site, tables []action.FactTable) (*Set, hcl.Diagnostics) {
	c := &compiler{Compiler: match.Compiler{Tables: tables}, conf: conf, schema: cond.NewSchema(tables...), set: &Set{}}
	for i, s := range sites {
		c.service(s, conf.Services[i], files)
	}
	for _, r := range conf.Rules {
		c.rule(r)
	}
	slices.SortFunc(c.set.rules, func(a, b *Rule) int { return strings.Compare(a.name, b.name) })
	for _, s := range c.set.Services {
		c.set.assign(s)
		s.index = c.newIndex(s)
	}
	return c.set, c.Diags
}

func (c *compiler) service(s Site, conf *hclconf.Service, files *source.Files) {
	out := &Service{
		service: s.Service, named: s.Named, files: files,
		opaque:  s.Protocol == "tcp" || s.Passthrough,
		observe: conf.Mode.Value == "observe",
		posture: posture.New(s.Name, conf.Posture.Value),
		catalog: operation.New(&c.Compiler, c.schema, conf),
	}
	if spec, ok := c.Fact("sql.database"); ok && len(s.Databases) > 0 {
		out.database = spec.Str
		out.noDatabase = `Service "` + s.Name + `" gives access to ` + strings.Join(s.Databases, ", ") + " and no other database."
	}
	c.set.Services = append(c.set.Services, out)
}

// assign gives a service the rules that can meet its actions.
func (set *Set) assign(s *Service) {
	for _, r := range set.rules {
		switch {
		case !r.names(s):
		case r.silentOn(s):
			s.silent = append(s.silent, r)
		default:
			s.rules = append(s.rules, r)
			s.timed = s.timed || r.states.time
			s.limited = s.limited || r.limit != nil
		}
	}
	s.timed = s.timed || s.catalog != nil && s.catalog.Timed()
}

// newIndex indexes the rules of a service, which are in the order of names.
func (c *compiler) newIndex(s *Service) *index.Index[*Rule] {
	if s.opaque {
		return nil
	}
	filed := make([]index.Rule[*Rule], len(s.rules))
	for i, r := range s.rules {
		filed[i] = index.Rule[*Rule]{Order: i, Lists: r.conf.Lists, Rule: r}
	}
	return index.New(&c.Compiler, s.service.Protocol, s.service.FoldPaths, filed)
}

func (set *Set) named(name string) *Service {
	for _, s := range set.Services {
		if s.service.Name == name {
			return s
		}
	}
	return nil
}

// names reports whether the rule is on the service.
func (r *Rule) names(s *Service) bool {
	return r.conf.On.All || slices.ContainsFunc(r.conf.On.Items, func(ref hclconf.Ref) bool { return ref.Name == s.service.Name })
}

// silentOn reports whether the rule speaks of something that the actions of the
// service do not have.
func (r *Rule) silentOn(s *Service) bool {
	if s.opaque {
		return r.states.inside
	}
	return r.states.conn || r.states.protocol != "" && r.states.protocol != s.service.Protocol
}

// Timed reports whether verdicts about the service may change by the mere
// passing of time.
func (s *Service) Timed() bool { return s.timed }

// Rules lists the rules that can meet an action of an agent now, by name; those
// in observe mode are left out.
func (s *Service) Rules(m *Member, now time.Time) []*hclconf.Rule {
	j := &judge{member: m, now: now}
	var out []*hclconf.Rule
	for _, r := range s.rules {
		if !r.observe && r.applies(j) {
			out = append(out, r.conf)
		}
	}
	return out
}

// Silent names the rules on the service that speak of something its actions do
// not have.
func (s *Service) Silent() []string {
	var out []string
	for _, r := range s.silent {
		out = append(out, r.name)
	}
	return out
}

// Posture gives the verdict of the posture for each effect, weakest first; all
// allow where the posture is only recorded.
func (s *Service) Posture() [5]action.Verdict {
	if s.observe {
		return posture.Table("open")
	}
	return posture.Table(s.posture.Name)
}

// NextChange gives the first moment after which a verdict may be another one by
// the mere passing of time, or the zero Time.
func (set *Set) NextChange(after time.Time) time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if t.After(after) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, r := range set.rules {
		sooner(r.until)
		for _, h := range r.hours {
			sooner(h.Next(after))
		}
		if r.when != nil && r.when.UsesTime() || r.unless != nil && r.unless.UsesTime() {
			sooner(after.Truncate(time.Minute).Add(time.Minute))
		}
	}
	return next
}
