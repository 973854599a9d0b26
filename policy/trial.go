package policy

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/place"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
)

// A Hypothesis is an action that nobody sent: who would send what. What it does
// not state is absent.
type Hypothesis struct {
	Roles   []string // the agent is enrolled into these
	Agent   string
	User    string
	Tags    []string
	Service string // "": the URL of the trial says which
	Trial   action.Trial
	At      time.Time // zero: now
}

// A TestResult is the outcome of one test block.
type TestResult struct {
	Name   string
	Range  hcl.Range
	Want   action.Verdict
	Got    action.Verdict
	Rule   string // the rule that decided; "" when the posture or a default did
	Reason string
	Passed bool
	Err    string // why it could not be run, or what else was expected of it
}

// Failure says in one sentence what was wrong.
func (r TestResult) Failure() string {
	if r.Err != "" {
		return fmt.Sprintf("Test %q: %s", r.Name, r.Err)
	}
	by := ""
	if r.Rule != "" {
		by = fmt.Sprintf(" by rule %q", r.Rule)
	}
	return fmt.Sprintf("Test %q expects %s and got %s%s: %s", r.Name, r.Want, r.Got, by, r.Reason)
}

// runTests runs every test block through the code of live traffic.
func (p *Policy) runTests() []TestResult {
	out := make([]TestResult, 0, len(p.conf.Tests))
	for _, t := range p.conf.Tests {
		out = append(out, p.runTest(t))
	}
	return out
}

func (p *Policy) runTest(t *hclconf.Test) TestResult {
	r := TestResult{Name: t.Name, Range: t.Range, Want: t.Expect}
	at, err := p.attempt(hypothesis(t))
	if err != nil {
		r.Err = err.Error()
		return r
	}
	d := at.decide(t.At)
	r.Got, r.Rule, r.Reason = d.Verdict, d.Rule, d.Reason
	r.Passed = r.Got == r.Want
	for _, a := range at.actions {
		if note := at.unsure(a); note != "" && !r.Passed {
			r.Reason += " " + note
		}
	}
	if r.Passed && t.Rule.Stated() && !decided(d, t.Rule.Value) {
		r.Passed, r.Err = false, fmt.Sprintf("expects rule %q to decide, and what decided is: %s", t.Rule.Value, d.Reason)
	}
	if !t.At.IsZero() {
		return r
	}
	if other, v, differs := at.anytime(d.Verdict); differs {
		r.Passed, r.Err = false, fmt.Sprintf(`the verdict depends on the time (it is %s at %s and %s at another); state at = "2026-11-22T10:00:00Z".`,
			v, other.Format(time.RFC3339), d.Verdict)
	}
	return r
}

func decided(d action.Decision, rule string) bool {
	return d.Rule == rule || slices.ContainsFunc(d.Asks, func(a action.Asking) bool { return a.Rule == rule })
}

// hypothesis is what a test block states.
func hypothesis(t *hclconf.Test) Hypothesis {
	h := Hypothesis{Agent: t.Agent, User: t.User, Tags: hclconf.Texts(t.Tags), Service: t.Service.Name, At: t.At}
	for _, ref := range t.Roles.Items {
		h.Roles = append(h.Roles, ref.Name)
	}
	h.Trial = action.Trial{Headers: t.Headers, Body: []byte(t.Body.Value), SQL: t.SQL.Value, Database: t.Database, User: t.User}
	h.Trial.Method, h.Trial.URL, _ = strings.Cut(t.Request.Value, " ")
	return h
}

// An attempt is a hypothesis on its way: the place it goes to is known.
type attempt struct {
	policy  *Policy
	h       Hypothesis
	peer    *action.Peer
	host    string
	dst     netip.AddrPort
	actions map[string]*action.Action // parsed, by service
}

// attempt finds out where a hypothesis goes. It fails if the hypothesis itself
// makes no sense.
func (p *Policy) attempt(h Hypothesis) (*attempt, error) {
	at := &attempt{policy: p, h: h, actions: map[string]*action.Action{}}
	at.peer = &action.Peer{ID: "test", Name: h.Agent, User: h.User, Tags: h.Tags, Enrolled: h.Roles}
	u, err := url.Parse(h.Trial.URL)
	if err != nil {
		return nil, fmt.Errorf("%q is no URL: %w", h.Trial.URL, err)
	}
	if u.Host != "" {
		return at, at.aim(u)
	}
	s, ok := p.byName[h.Service]
	if !ok {
		return nil, fmt.Errorf("it names no service and no whole URL")
	}
	if h.Trial.URL != "" && !strings.HasPrefix(h.Trial.URL, "/") {
		return nil, fmt.Errorf("%q is neither a path nor a whole URL", h.Trial.URL)
	}
	at.choose(s)
	return at, nil
}

// aim takes host and port from a whole URL.
func (at *attempt) aim(u *url.URL) error {
	port := map[string]string{"https": "443", "http": "80", "postgres": "5432", "postgresql": "5432"}[u.Scheme]
	if p := u.Port(); p != "" {
		port = p
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("%q states no port that is known", u)
	}
	at.host = u.Hostname()
	addr, err := netip.ParseAddr(at.host)
	if err == nil {
		at.host = ""
	}
	at.dst = netip.AddrPortFrom(addr, uint16(n))
	return nil
}

// choose takes the first place of a service that is one place.
func (at *attempt) choose(s *service) {
	for i := range s.route.claims {
		c := &s.route.claims[i]
		if len(c.Ports()) == 0 || c.Kind != place.Name && c.Kind != place.Addr {
			continue
		}
		at.host = c.Name
		at.dst = netip.AddrPortFrom(netip.Addr{}, c.Ports()[0])
		if c.Kind == place.Addr {
			at.dst = netip.AddrPortFrom(c.Prefix.Addr(), c.Ports()[0])
		}
		return
	}
}

// decide resolves, parses and decides as live traffic is; zero is now.
func (at *attempt) decide(now time.Time) action.Decision {
	if now.IsZero() {
		now = at.policy.now()
	}
	a, refused := at.action(now)
	if a == nil {
		return refuse(refused)
	}
	d := at.policy.DecideAt(a, now)
	if d.Need != 0 {
		return refuse("A rule reads what this action does not tell.")
	}
	return d
}

// action makes the action, or says why it is refused before the rules see it.
func (at *attempt) action(now time.Time) (*action.Action, string) {
	p := at.policy
	s := p.byName[at.h.Service]
	if at.h.Service == "" || at.named() {
		res := p.resolve(at.peer, at.host, at.dst, now)
		switch {
		case res.Service == nil && res.NeedsName:
			return nil, "Only a name could tell which service this is for."
		case res.Service == nil:
			return nil, res.Reason
		case s != nil && res.Service != &s.Service:
			return nil, fmt.Sprintf("This goes to service %q and not to %q.", res.Service.Name, s.Name)
		}
		s = p.byName[res.Service.Name]
	}
	if a := at.actions[s.Name]; a != nil {
		return a, ""
	}
	try, ok := p.trials[s.Protocol]
	if !ok {
		return nil, fmt.Sprintf("This build cannot try out %s.", s.Protocol)
	}
	trial := at.h.Trial
	if at.host != "" && strings.HasPrefix(trial.URL, "/") {
		trial.URL = at.scheme() + "://" + at.authority() + trial.URL
	}
	a, err := try(&s.Service, trial)
	if err != nil {
		return nil, source.UpperFirst(err.Error()) + "."
	}
	a.Peer, a.Service, a.Host, a.Dst, a.Time = at.peer, &s.Service, at.host, at.dst, now
	at.actions[s.Name] = a
	return a, ""
}

// unsure says what of an action only a live one would tell.
func (at *attempt) unsure(a *action.Action) string {
	if !a.Service.Catalog || at.h.Trial.SQL == "" {
		return ""
	}
	return fmt.Sprintf("The catalog of %q is looked up for live statements only: tables, columns and functions are unknown here.", a.Service.Name)
}

// named reports whether the trial states a whole URL.
func (at *attempt) named() bool { return strings.Contains(at.h.Trial.URL, "://") }

func (at *attempt) scheme() string {
	if at.dst.Port() == 80 {
		return "http"
	}
	return "https"
}

func (at *attempt) authority() string {
	if port := at.dst.Port(); port != 80 && port != 443 {
		return net.JoinHostPort(at.host, strconv.Itoa(int(port)))
	}
	return at.host
}

// sampleStep is how finely a week is tried out for a verdict that changes.
const sampleStep = 5 * time.Minute

// anytime looks for a time at which the verdict is another one.
func (at *attempt) anytime(want action.Verdict) (time.Time, action.Verdict, bool) {
	for _, now := range at.policy.moments(at) {
		if v := at.decide(now).Verdict; v != want {
			return now, v, true
		}
	}
	return time.Time{}, action.Deny, false
}

// moments lists times that stand for all others: a whole week, and both sides of
// every end of a role or rule. There are none where nothing depends on time.
func (p *Policy) moments(at *attempt) []time.Time {
	if !p.timed {
		return nil
	}
	var out []time.Time
	ends := func(until time.Time) {
		if !until.IsZero() {
			out = append(out, until.Add(-time.Second), until.Add(time.Second))
		}
	}
	for _, r := range p.roles {
		ends(r.until)
	}
	for _, r := range p.conf.Rules {
		ends(r.Until)
	}
	for _, a := range at.actions {
		if !p.byName[a.Service.Name].rules.Timed() {
			continue
		}
		monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
		for t := monday; t.Before(monday.AddDate(0, 0, 7)); t = t.Add(sampleStep) {
			out = append(out, t)
		}
	}
	return out
}

// NextChange gives a moment after which verdicts may be others by the mere
// passing of time, or the zero Time; the gateway judges open connections again
// then.
func (p *Policy) NextChange(after time.Time) time.Time {
	next := p.rules.NextChange(after)
	for _, r := range p.roles {
		if r.until.After(after) && (next.IsZero() || r.until.Before(next)) {
			next = r.until
		}
	}
	return next
}
