// Package connect is the API by which operators connect OAuth accounts: it begins,
// leads a browser to the authorization server and takes it back, and has what was
// given there sealed. What is begun is over in minutes and belongs to who began it;
// no answer holds a token.
package connect

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/grant"
)

const (
	// takeFor is how long somebody may take at the authorization server.
	takeFor = 10 * time.Minute
	// keepFor is how long it can be asked how it ended.
	keepFor = 10 * time.Minute
	// maxUnderWay bounds what is kept at once.
	maxUnderWay = 100
)

// Grants speaks with authorization servers. grant.Client does.
type Grants interface {
	Begin(ctx context.Context, s grant.Spec, secret, name, redirect string) (*grant.Pending, error)
	Finish(ctx context.Context, p *grant.Pending, q url.Values) (grant.Grant, error)
	BeginDevice(ctx context.Context, s grant.Spec, secret, name string) (*grant.Device, error)
	Poll(ctx context.Context, d *grant.Device) (g grant.Grant, done bool, err error)
}

// An Account is one that somebody has to agree to.
type Account struct {
	Spec   grant.Spec
	Secret string // the client's
}

// A Desk connects accounts. What is exported is set before the first request.
type Desk struct {
	Grants Grants
	// Account finds the account whose refresh token is the secret of this name.
	Account func(name string) (Account, error)
	// Names lists the secrets that a person connects, by flow.
	Names func() map[string]string
	// Keep seals the value of a secret.
	Keep    func(ctx context.Context, name string, value vault.Secret, by string) error
	URLs    func() []string      // where browsers reach the gateway, best first
	Witness func() route.Witness // of the operators' audit; nil: there is none
	Now     func() time.Time
	Log     *slog.Logger

	mu       sync.Mutex
	journeys map[string]*journey // by id; guarded by mu
}

// A journey is one account on the way. All but the fields under mu stays as it was
// begun.
type journey struct {
	id, secret string
	ticket     string // of the link that leads to the server
	told       string // the state that the server was told
	caller     route.Caller
	still      func() bool // whoever began it may still do so
	redirect   string
	until      time.Time
	host       string

	mu      sync.Mutex
	browser [sha256.Size]byte // hash of what the browser that opened the link holds; guarded by mu
	opened  bool              // guarded by mu
	pending *grant.Pending    // nil: used up; guarded by mu
	device  *grant.Device     // nil: used up; guarded by mu
	flow    string
	state   string // guarded by mu
	why     string // guarded by mu
}

// The states of a Connection.
const (
	waiting   = "waiting"
	connected = "connected"
	failed    = "failed"
)

// A Connection is how far an account is connected.
type Connection struct {
	ID       string    `json:"id"`
	Secret   string    `json:"secret"`
	Flow     string    `json:"flow"`            // authorization_code or device_code
	Server   string    `json:"server"`          // who asks the person
	State    string    `json:"state"`           // waiting, connected or failed
	Error    string    `json:"error,omitempty"` // why it failed
	Until    time.Time `json:"until"`           // it is over by then
	Link     string    `json:"link,omitempty"`  // the person opens it in a browser
	Redirect string    `json:"redirect_uri,omitempty"`
	UserCode string    `json:"user_code,omitempty"` // the person types it in
	Page     string    `json:"page,omitempty"`      // there
}

// A Wish is how an account is to be connected.
type Wish struct {
	// Paste: no browser that is used can reach the gateway. The link leads to the
	// server at once, and the address at which the browser ends is brought by hand.
	Paste bool `json:"paste,omitempty"`
}

// A Brought thing is the address at which the browser ended.
type Brought struct {
	URL string `json:"url"`
}

// Routes is the table of this part of the API. The browser comes back from another
// site, so that no login comes along with it: what it holds are the state, which only
// the authorization server was told, and the cookie that the link gave it, which only
// who began it was told.
func (d *Desk) Routes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/connections", Right: route.Viewer, Do: route.Out(d.list),
			Doc: "Every secret whose value a person gives by connecting an OAuth account, and how that one is asked.",
		},
		{
			Method: "POST", Pattern: "/api/v1/secrets/{name}/connect", Right: route.Admin, StepUp: true, Do: route.May(d.begin),
			Doc: "Begins to connect an OAuth account: a person agrees at the authorization server, and the secret becomes what it gives.",
		},
		{
			Method: "POST", Pattern: "/api/v1/connections/{id}", Right: route.Admin, Quiet: true, Do: route.Out(d.look),
			Doc: "How far an account is connected that the caller began to connect.",
		},
		{
			Method: "POST", Pattern: "/api/v1/connections/{id}/address", Right: route.Admin, StepUp: true, Do: route.Take(d.bring),
			Doc: "Takes the address at which the browser ended where it cannot reach the gateway, and has the secret become what is given for it.",
		},
		{
			Method: "GET", Pattern: "/api/v1/connect/{ticket}", Right: route.None, Do: route.Raw("text/plain", d.open),
			Doc: "The link of a connection that was begun: leads the browser to the authorization server.",
		},
		{
			Method: "GET", Pattern: callback, Right: route.None, Do: route.Raw("text/plain", d.back),
			Doc: "Where the authorization server sends that browser back to.", Query: []string{"state what the browser was sent with", "code what the server gives", "iss who the server is", "error why it gives none"},
		},
		{
			Method: "GET", Pattern: done, Right: route.None, Do: route.Raw("text/plain", d.done),
			Doc: "Says to the person how it ended.", Query: []string{"id of the connection"},
		},
	}
}

var (
	errBusy = route.Fault{Status: http.StatusTooManyRequests, Err: errors.New("too many accounts are being connected; wait and try again")}
	errGone = errors.New("no such connection is under way; begin again")
	errWeb  = errors.New("this link is over, or belongs to another browser; begin again")
)

// A Connectable is a secret that a person connects.
type Connectable struct {
	Secret string `json:"secret"`
	Flow   string `json:"flow"` // authorization_code or device_code
}

func (d *Desk) list(*http.Request) ([]Connectable, error) {
	all, list := d.Names(), []Connectable{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, Connectable{name, all[name]})
	}
	return list, nil
}

// begin asks the server for where the person goes.
func (d *Desk) begin(r *http.Request, w Wish) (Connection, error) {
	name := r.PathValue("name")
	if err := vault.CheckName(name); err != nil {
		return Connection{}, route.BadRequest("%w", err)
	}
	a, err := d.Account(name)
	if err != nil {
		return Connection{}, route.Conflict("%w", err)
	}
	caller, _ := route.CallerOf(r.Context())
	j := &journey{
		id: rand.Text(), ticket: rand.Text(), secret: name, caller: caller, state: waiting, flow: a.Spec.Flow,
		until: d.Now().Add(takeFor), still: func() bool { return route.Still(r, route.Admin) },
	}
	base := d.here(r, w)
	if base == "" && a.Spec.Flow == grant.FlowCode {
		return Connection{}, route.Conflict("no browser reaches this gateway: it has no dashboard; bring the address by hand (--paste)")
	}
	if a.Spec.Flow == grant.FlowDevice {
		j.device, err = d.Grants.BeginDevice(r.Context(), a.Spec, a.Secret, name)
	} else {
		j.redirect = base + callback
		j.pending, err = d.Grants.Begin(r.Context(), a.Spec, a.Secret, name, j.redirect)
	}
	if err != nil {
		return Connection{}, route.Fault{Status: http.StatusBadGateway, Err: err}
	}
	c := Connection{ID: j.id, Secret: name, Flow: a.Spec.Flow, State: waiting, Redirect: j.redirect}
	if j.pending != nil {
		j.told, j.host = j.pending.State, j.pending.Host
	}
	switch {
	case j.device != nil:
		j.host, j.until = j.device.Host, j.device.Until
		c.UserCode, c.Page, c.Link = j.device.UserCode, j.device.Page, j.device.Complete
	case w.Paste:
		j.ticket, c.Link = "", j.pending.URL
	default:
		c.Link = base + links + j.ticket
	}
	c.Server, c.Until = j.host, j.until
	route.Note(r, "server", j.host)
	return c, d.keep(j)
}

// here is where the browser is sent back to: the listener by which the caller came,
// else the best.
func (d *Desk) here(r *http.Request, w Wish) string {
	if at, ok := listener(r); ok {
		return at
	}
	if list := d.URLs(); len(list) > 0 {
		return list[0]
	}
	if w.Paste {
		return "http://localhost:8484" // nobody listens; the address is brought by hand
	}
	return ""
}

// keep remembers a journey, and forgets those that ended long ago.
func (d *Desk) keep(j *journey) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, old := range d.journeys {
		if d.Now().After(old.until.Add(keepFor)) {
			delete(d.journeys, id)
		}
	}
	if len(d.journeys) >= maxUnderWay {
		return errBusy
	}
	if d.journeys == nil {
		d.journeys = map[string]*journey{}
	}
	d.journeys[j.id] = j
	return nil
}

// find gives the journey that fits.
func (d *Desk) find(fits func(*journey) bool) *journey {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range d.journeys {
		if fits(j) {
			return j
		}
	}
	return nil
}

func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
