// Package trial makes an action of what nobody sent, a test block or a question,
// on the road of live traffic: where it goes, what its protocol reads in it, what
// the rules say. It reads no files and asks no network; what only a live action
// would tell it says in words.
package trial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/place"
	"sallyport.dev/sallyport/policy/source"
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

// A Site is a service and where it is.
type Site struct {
	Service *action.Service
	Claims  []place.Claim
	Timed   bool // its verdicts may change by the mere passing of time
}

// A Ground is the policy that things are tried out on. It is not changed.
type Ground struct {
	Site    func(name string) (Site, bool)
	Resolve func(peer *action.Peer, host string, dst netip.AddrPort, now time.Time) action.Resolution
	Decide  func(a *action.Action, now time.Time) action.Decision
	// Makers make the action of a trial, by protocol.
	Makers map[string]func(*action.Service, action.Trial) (*action.Action, error)
	Now    func() time.Time
	Timed  bool        // a verdict may change by the mere passing of time
	Ends   []time.Time // of roles and rules
}

// An Attempt is a hypothesis on its way: the place it goes to is known.
type Attempt struct {
	ground  *Ground
	h       Hypothesis
	peer    *action.Peer
	host    string
	dst     netip.AddrPort
	actions map[string]*action.Action // parsed, by service

	wrong *action.Misread // why the last one was not parsed
}

// Attempt finds out where a hypothesis goes. It fails if the hypothesis itself
// makes no sense.
func (g *Ground) Attempt(h Hypothesis) (*Attempt, error) {
	at := &Attempt{ground: g, h: h, actions: map[string]*action.Action{}}
	at.peer = &action.Peer{ID: "test", Name: h.Agent, User: h.User, Tags: h.Tags, Enrolled: h.Roles}
	u, err := url.Parse(h.Trial.URL)
	if err != nil {
		return nil, fmt.Errorf("%q is no URL: %w", h.Trial.URL, err)
	}
	if u.Host != "" {
		return at, at.aim(u)
	}
	s, ok := g.Site(h.Service)
	if !ok {
		return nil, fmt.Errorf("it names no service and no whole URL")
	}
	if h.Trial.URL != "" && !strings.HasPrefix(h.Trial.URL, "/") {
		return nil, fmt.Errorf("%q is neither a path nor a whole URL", h.Trial.URL)
	}
	at.choose(s.Claims)
	return at, nil
}

// aim takes host and port from a whole URL.
func (at *Attempt) aim(u *url.URL) error {
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
func (at *Attempt) choose(claims []place.Claim) {
	for i := range claims {
		c := &claims[i]
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

// Decide resolves, parses and decides as live traffic is; zero is now.
func (at *Attempt) Decide(now time.Time) action.Decision {
	if now.IsZero() {
		now = at.ground.Now()
	}
	a, refused := at.Action(now)
	if a == nil {
		return action.Decision{Verdict: action.Deny, Reason: refused}
	}
	d := at.ground.Decide(a, now)
	if d.Need != 0 {
		return action.Decision{Verdict: action.Deny, Reason: "A rule reads what this action does not tell."}
	}
	return d
}

// Action makes the action, or says why it is refused before the rules see it.
func (at *Attempt) Action(now time.Time) (*action.Action, string) {
	g := at.ground
	s, stated := g.Site(at.h.Service)
	if at.h.Service == "" || at.named() {
		res := g.Resolve(at.peer, at.host, at.dst, now)
		switch {
		case res.Service == nil && res.NeedsName:
			return nil, "Only a name could tell which service this is for."
		case res.Service == nil:
			return nil, res.Reason
		case stated && res.Service != s.Service:
			return nil, fmt.Sprintf("This goes to service %q and not to %q.", res.Service.Name, s.Service.Name)
		}
		s, _ = g.Site(res.Service.Name)
	}
	if a := at.actions[s.Service.Name]; a != nil {
		return a, ""
	}
	try, ok := g.Makers[s.Service.Protocol]
	if !ok {
		return nil, fmt.Sprintf("This build cannot try out %s.", s.Service.Protocol)
	}
	t := at.h.Trial
	if at.host != "" && strings.HasPrefix(t.URL, "/") {
		t.URL = at.scheme() + "://" + at.authority() + t.URL
	}
	a, err := try(s.Service, t)
	if err != nil {
		return nil, at.unread(err)
	}
	a.Peer, a.Service, a.Host, a.Dst, a.Time = at.peer, s.Service, at.host, at.dst, now
	at.actions[s.Service.Name] = a
	return a, ""
}

// unread says why the text of a trial is no action, and where it is wrong.
func (at *Attempt) unread(err error) string {
	reason := source.UpperFirst(err.Error())
	if !errors.As(err, &at.wrong) || at.wrong.Char == 0 {
		return reason + "."
	}
	s := action.SpotOf(at.h.Trial.SQL, at.wrong.Char)
	return fmt.Sprintf("%s (line %d, column %d).", reason, s.Line, s.Column)
}

// Wrong gives the place in the SQL that could not be read; nil if there is none.
func (at *Attempt) Wrong() *action.Spot {
	if at.wrong == nil || at.wrong.Char == 0 {
		return nil
	}
	s := action.SpotOf(at.h.Trial.SQL, at.wrong.Char)
	return &s
}

// Unsure says what of an action only a live one would tell.
func (at *Attempt) Unsure(a *action.Action) string {
	if !a.Service.Catalog || at.h.Trial.SQL == "" {
		return ""
	}
	return fmt.Sprintf("The catalog of %q is looked up for live statements only: tables, columns and functions are unknown here.", a.Service.Name)
}

// named reports whether the trial states a whole URL.
func (at *Attempt) named() bool { return strings.Contains(at.h.Trial.URL, "://") }

func (at *Attempt) scheme() string {
	if at.dst.Port() == 80 {
		return "http"
	}
	return "https"
}

func (at *Attempt) authority() string {
	if port := at.dst.Port(); port != 80 && port != 443 {
		return net.JoinHostPort(at.host, strconv.Itoa(int(port)))
	}
	return at.host
}
