// Package policy turns HCL into one immutable set of rules that says which
// service a connection belongs to, what an action may do there and where it goes.
// A Policy is built and tested whole before it is swapped in, and never changes
// afterwards. It reads no network, opens no secret and writes nothing.
package policy

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/hclconf/host"
	"sallyport.dev/sallyport/policy/lint"
	"sallyport.dev/sallyport/policy/place"
	"sallyport.dev/sallyport/policy/presets"
	"sallyport.dev/sallyport/policy/rules"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/veil"

	"github.com/hashicorp/hcl/v2"
)

// Options say what this build understands. The zero value knows no protocol's
// facts, so that rules may state none.
type Options struct {
	Tables []action.FactTable
	// Protocols are those a service may name; one with an error is refused with
	// that reason. Nil means http, postgres and tcp.
	Protocols map[string]error
	// Trials make the action of a test block, on the road of live traffic.
	Trials map[string]func(*action.Service, action.Trial) (*action.Action, error)
	Now    func() time.Time // nil: time.Now
	// Overlay is text that stands in place of files: a draft of a configuration.
	Overlay source.Overlay
}

// Types that cross from the configuration to its consumers.
type (
	// Files is the text of a configuration, for diagnostics.
	Files = source.Files
	// GatewayConfig is the gateway block with its defaults.
	GatewayConfig = host.Gateway
	// SlackConfig is the slack block in it.
	SlackConfig = host.Slack
	// JudgeConfig is a judge block.
	JudgeConfig = hclconf.Judge
	// SecretConfig is a secret block.
	SecretConfig = host.Secret
	// ForwardConfig is a system that is handed every record.
	ForwardConfig = host.Forward
	// AlertsConfig says who is told when something is wrong.
	AlertsConfig = host.Alerts
	// KeyConfig says where the key of the vault is.
	KeyConfig = host.KeySource
)

// A Policy is one configuration, compiled. It is immutable and safe for
// concurrent use.
type Policy struct {
	conf     *hclconf.Config
	files    *Files
	services []*service
	byName   map[string]*service
	roles    []*role
	rules    *rules.Set
	places   *place.Table
	timed    bool // a verdict may change by the mere passing of time
	now      func() time.Time
	trials   map[string]func(*action.Service, action.Trial) (*action.Action, error)
	tests    []TestResult
	members  members
}

// A service is a declared service: where it is, and its rules.
type service struct {
	action.Service
	conf  *hclconf.Service
	index int
	rules *rules.Service
	route route
}

// opaque reports whether the connections of the service pass unseen.
func (s *service) opaque() bool { return s.Protocol == "tcp" || s.Passthrough }

// A role says who may use what.
type role struct {
	name    string
	index   int
	members []hclconf.Str
	uses    []int // indexes of services
	until   time.Time
}

// Load reads the configuration at path, compiles it and runs its tests. The
// Policy is nil if any diagnostic is an error; warnings come with one.
func Load(path string, o Options) (*Policy, *Files, hcl.Diagnostics) {
	p, files, diags := load(path, o)
	slices.SortStableFunc(diags, byPlace)
	return p, files, diags
}

// byPlace orders diagnostics as they stand in the files.
func byPlace(a, b *hcl.Diagnostic) int {
	var x, y hcl.Range // what has no place comes first
	if a.Subject != nil {
		x = *a.Subject
	}
	if b.Subject != nil {
		y = *b.Subject
	}
	return cmp.Or(strings.Compare(x.Filename, y.Filename), x.Start.Byte-y.Start.Byte)
}

// Draft is Load for those who want to see which tests fail: it gives the Policy
// then, too, and the diagnostics say nothing of them. Such a Policy must not come
// into force.
func Draft(path string, o Options) (*Policy, *Files, hcl.Diagnostics) {
	conf, files, diags := hclconf.Parse(path, o.Overlay, library{})
	if conf == nil {
		return nil, files, diags
	}
	p, more := compile(conf, files, o)
	if diags = append(diags, more...); diags.HasErrors() {
		return nil, files, diags
	}
	p.tests = p.ground().Run(conf.Tests)
	return p, files, diags
}

func load(path string, o Options) (*Policy, *Files, hcl.Diagnostics) {
	p, files, diags := Draft(path, o)
	if p == nil {
		return nil, files, diags
	}
	for _, r := range p.tests {
		if !r.Passed {
			diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Test failed", Detail: r.Failure(), Subject: r.Point(files.Text(r.Range.Filename)).Ptr()})
		}
	}
	if diags.HasErrors() {
		return nil, files, diags
	}
	return p, files, finding.Silence(files, append(diags, lint.Check(p.conf, files, p.now())...))
}

// Config is what the files say, for those who compare two configurations.
func (p *Policy) Config() *hclconf.Config { return p.conf }

// Gateway gives the gateway block.
func (p *Policy) Gateway() GatewayConfig { return p.conf.Gateway }

// Secrets lists the secret blocks; a secret without one is sealed in the vault.
func (p *Policy) Secrets() []SecretConfig {
	out := make([]SecretConfig, len(p.conf.Secrets))
	for i, s := range p.conf.Secrets {
		out[i] = *s
	}
	return out
}

// Services lists the services, in the order of the configuration.
func (p *Policy) Services() []*action.Service {
	out := make([]*action.Service, len(p.services))
	for i, s := range p.services {
		out[i] = &s.Service
	}
	return out
}

// RoleNames lists the roles, in the order of the configuration.
func (p *Policy) RoleNames() []string {
	out := make([]string, len(p.roles))
	for i, r := range p.roles {
		out[i] = r.name
	}
	return out
}

// Tests gives the results of the test blocks; of a Policy that was loaded all passed.
func (p *Policy) Tests() []TestResult { return p.tests }

// Names lists what certificates must be made for: names, *.suffixes, addresses
// and networks of services that the gateway ends TLS for, and "*".
func (p *Policy) Names() []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range p.services {
		if s.opaque() {
			continue
		}
		for _, name := range s.names() {
			if !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

// names lists what certificates of the service must be made for. Who dials an
// address may expect the name that the upstream proves there.
func (s *service) names() []string {
	var out []string
	byAddr := false
	for _, h := range s.conf.Hosts {
		bare := h.Place
		bare.Port = 0
		out = append(out, bare.String())
		byAddr = byAddr || bare.Prefix.IsValid()
	}
	if name := s.route.tls.ServerName; byAddr && name != "" {
		out = append(out, name)
	}
	return out
}

// protocol says why a service may not name a protocol.
func (o *Options) protocol(name string) error {
	known := o.Protocols
	if known == nil {
		known = map[string]error{"http": nil, "postgres": nil, "tcp": nil}
	}
	reason, ok := known[name]
	if ok {
		return reason
	}
	names := make([]string, 0, len(known))
	for n := range known {
		names = append(names, n)
	}
	return fmt.Errorf("there is no protocol %q.%s", name, source.DidYouMean(name, names))
}

// library hands the embedded presets to the decoder.
type library struct{}

func (library) Get(name string) ([]byte, bool) { return presets.Get(name) }
func (library) List() []string                 { return presets.List() }

// Veiled gives text and diagnostics for others than who wrote the files: what looks
// like a secret is hidden, see package veil.
func Veiled(f *Files, diags hcl.Diagnostics) (*Files, hcl.Diagnostics) { return veil.Over(f, diags) }

// VeiledText is Veiled for texts by any names.
func VeiledText(texts map[string]string) map[string]string {
	f := &Files{HCL: make(map[string]*hcl.File, len(texts))}
	for name, text := range texts {
		f.HCL[name] = &hcl.File{Bytes: []byte(text)}
	}
	f, _ = veil.Over(f, nil)
	safe := make(map[string]string, len(texts))
	for name := range texts {
		safe[name] = string(f.HCL[name].Bytes)
	}
	return safe
}

// WriteDiagnostics writes every diagnostic as file:line:column, the line itself
// with a caret under what is meant, and the cure.
func WriteDiagnostics(w io.Writer, f *Files, diags hcl.Diagnostics, color bool) error {
	return source.Write(w, f, diags, color)
}
