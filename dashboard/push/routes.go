package push

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"sallyport.dev/sallyport/dashboard/push/envelope"
	"sallyport.dev/sallyport/dashboard/route"
)

// A Phone is the part of the API by which people turn Web Push on and off.
type Phone struct {
	*Sender
	// Secure reports whether a request comes from a browser where Web Push works:
	// by TLS, or on localhost.
	Secure func(*http.Request) bool
}

// Standing is how Web Push stands for who asks.
type Standing struct {
	// Key is what the browser subscribes with; "" where it cannot, and Why.
	Key      string   `json:"key,omitempty"`
	Why      string   `json:"why,omitempty"`
	Browsers []Browse `json:"browsers"` // the caller's, for an admin everybody's
}

// A Browse is a browser that is told.
type Browse struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // whose it is
	Browser string    `json:"browser"`
	Service string    `json:"service"` // the host of its push service
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Ends    bool      `json:"ends,omitempty"` // it goes with the login that asks
	Until   time.Time `json:"until,omitzero"` // it is told, unless the login is used again; zero: not now, since the login is over
	Told    time.Time `json:"told,omitzero"`
	Problem string    `json:"problem,omitempty"` // with the last message
}

// A NewBrowser is what PushManager.subscribe gave, and what its owner calls it.
type NewBrowser struct {
	Endpoint string `json:"endpoint"`
	Keys     struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
	Browser string `json:"browser,omitempty"`
}

// Routes are the rows of the API's table. Whoever may answer an ask needs no other
// right, so the rows let in whoever is known.
func (p *Phone) Routes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/push", Right: route.Known, Do: route.Out(p.standing),
			Doc: "What a browser subscribes to Web Push with, and the caller's browsers; for an admin everybody's.",
		},
		{
			Method: "POST", Pattern: "/api/v1/push", Right: route.Known, Do: route.Take(p.subscribe),
			Doc: "Has this browser told by Web Push when an agent asks what the caller may answer, until their login there ends; again, it renews that.",
		},
		{
			Method: "DELETE", Pattern: "/api/v1/push/{id}", Right: route.Known, Do: route.Out(p.end),
			Doc: "Tells a browser nothing more.",
		},
		{
			Method: "POST", Pattern: "/api/v1/push/{id}/test", Right: route.Known, Do: route.Out(p.try),
			Doc: "Sends a browser of the caller's a notice, to see whether it comes.",
		},
	}
}

// here says why a browser cannot subscribe from where a request comes; "": it can.
func (p *Phone) here(r *http.Request) string {
	c, _ := route.CallerOf(r.Context())
	switch {
	case len(p.Book.services()) == 0:
		return "Web Push is turned off: push_services of the dashboard names none"
	case c.Person.Via == "token":
		return "Web Push is for browsers, not for tokens"
	case !p.Secure(r):
		return "a browser takes Web Push by HTTPS only, or on localhost"
	}
	return ""
}

func (p *Phone) standing(r *http.Request) (Standing, error) {
	c, _ := route.CallerOf(r.Context())
	s := Standing{Why: p.here(r), Browsers: []Browse{}}
	for _, sub := range p.Book.Kept() {
		if sub.Person.Name == c.Person.Name || c.Rights.Has(route.Admin) {
			v := p.view(sub)
			v.Ends = sub.Login == c.Session
			s.Browsers = append(s.Browsers, v)
		}
	}
	if s.Why != "" {
		return s, nil
	}
	key, err := p.Key(r.Context())
	if err != nil {
		return s, err
	}
	s.Key, err = envelope.PublicKey(key)
	return s, err
}

func (p *Phone) view(s Subscription) Browse {
	b := Browse{ID: s.ID, Name: s.Person.Name, Browser: s.Browser, Service: s.host(), Created: s.Created, Seen: s.Seen}
	b.Told, b.Problem = p.Sender.standing(s.ID)
	if until := p.Book.until(s); p.Now().Before(until) {
		b.Until = until.UTC()
	}
	return b
}

func (p *Phone) subscribe(r *http.Request, in NewBrowser) (Browse, error) {
	if why := p.here(r); why != "" {
		return Browse{}, route.Conflict("%s", why)
	}
	c, _ := route.CallerOf(r.Context())
	s, err := p.Book.Put(r.Context(), Subscription{
		Person: c.Person, Login: c.Session, Browser: in.Browser, Endpoint: in.Endpoint, P256dh: in.Keys.P256dh, Auth: in.Keys.Auth,
	})
	switch {
	case errors.Is(err, errEndpoint), errors.Is(err, envelope.ErrKeys):
		return Browse{}, route.BadRequest("%w", err)
	case errors.Is(err, errFull):
		return Browse{}, route.Conflict("%w", err)
	case err != nil:
		return Browse{}, err
	}
	route.Note(r, "browser", s.Browser)
	route.Note(r, "service", s.host())
	return p.view(s), nil
}

// own gives a browser of the caller's, or for an admin anybody's.
func (p *Phone) own(r *http.Request, any bool) (Subscription, error) {
	c, _ := route.CallerOf(r.Context())
	s, ok := p.Book.find(r.PathValue("id"))
	if !ok || s.Person.Name != c.Person.Name && !(any && c.Rights.Has(route.Admin)) {
		return s, route.NotFound("no browser of yours has the id %s", r.PathValue("id"))
	}
	return s, nil
}

func (p *Phone) end(r *http.Request) (route.Nothing, error) {
	s, err := p.own(r, true)
	if err != nil {
		return route.Nothing{}, err
	}
	route.Note(r, "name", s.Person.Name)
	return route.Nothing{}, p.Book.Drop(r.Context(), s.ID)
}

func (p *Phone) try(r *http.Request) (Browse, error) {
	s, err := p.own(r, false)
	if err != nil {
		return Browse{}, err
	}
	if !p.Book.holds(s) {
		return Browse{}, route.Conflict("the login that this browser was told by is over; log in there again")
	}
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	err = p.post(ctx, s, trial(), p.Now().Add(time.Minute))
	p.finish(s, err)
	if err != nil {
		return Browse{}, route.Conflict("the notice did not go out: %s", strings.TrimSpace(err.Error()))
	}
	return p.view(s), nil
}
