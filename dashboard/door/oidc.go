package door

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/oidc"
	"sallyport.dev/sallyport/dashboard/route"
)

// A Provider proves people elsewhere. oidc.Provider is one.
type Provider interface {
	Begin(ctx context.Context, s oidc.Start) (url, browser string, err error)
	Finish(ctx context.Context, state, code, browser string) (oidc.Login, error)
}

const (
	callback   = "/api/v1/login/oidc/callback"
	oidcCookie = "sallyport-oidc"
)

// oidcCookie is what a browser holds that has begun a login. By TLS no other host of the
// domain, such as an agent's in the same tailnet, can plant it, and with it a login of
// somebody else's (RFC 6265bis, section 4.1.3.2); there it is for all paths.
func (e *Entrance) oidcCookie(value string, maxAge int) *http.Cookie {
	c := &http.Cookie{Name: oidcCookie, Value: value, Path: callback, MaxAge: maxAge, HttpOnly: true, Secure: e.Secure, SameSite: http.SameSiteLaxMode}
	if e.Secure {
		c.Name, c.Path = "__Host-"+oidcCookie, "/"
	}
	return c
}

func (d *Door) oidcRoutes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/login/oidc", Right: route.None, Do: route.Raw("text/plain", d.oidcBegin),
			Doc:   "Sends the browser to the identity provider.",
			Query: []string{"fresh 1: prove anew there who you are, as a step-up", "back the page of the dashboard to come back to, such as /approvals?id=7; the first one if it is left out"},
		},
		{
			Method: "GET", Pattern: callback, Right: route.None, Do: route.Raw("text/plain", d.oidcFinish),
			Doc: "Where the identity provider sends the browser back to, which is then logged in.",
		},
	}
}

// here is the listener as the browser wrote it; its name was checked.
func here(r *http.Request, e *Entrance) string {
	if e.Secure {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (d *Door) oidcBegin(w http.ResponseWriter, r *http.Request) error {
	v, ok := visitOf(r)
	if !ok || d.OIDC == nil {
		return route.NotFound("the configuration has no identity provider")
	}
	back, ok := ownPage(r.URL.Query().Get("back"))
	if !ok {
		return route.BadRequest("back is to be a page of this dashboard, such as /approvals")
	}
	to, browser, err := d.OIDC.Begin(r.Context(), oidc.Start{
		Peer: v.peer, Redirect: here(r, v.entrance) + callback, Back: back, Session: v.session.Hash, Fresh: r.URL.Query().Get("fresh") == "1",
	})
	if errors.Is(err, oidc.ErrBusy) {
		return route.Fault{Status: http.StatusTooManyRequests, Err: err}
	}
	if err != nil {
		return route.Fault{Status: http.StatusBadGateway, Err: err}
	}
	// It must come along when the provider's page leads back here.
	http.SetCookie(w, v.entrance.oidcCookie(browser, 600))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (d *Door) oidcFinish(w http.ResponseWriter, r *http.Request) error {
	v, ok := visitOf(r)
	if !ok || d.OIDC == nil {
		return route.NotFound("the configuration has no identity provider")
	}
	q := r.URL.Query()
	if text := q.Get("error"); text != "" {
		return route.Forbidden("the identity provider says: %q", text[:min(len(text), 64)])
	}
	if err := d.Deeds.Ready(r.Context()); err != nil {
		return route.Fault{Status: http.StatusServiceUnavailable, Err: err}
	}
	forget := v.entrance.oidcCookie("", -1)
	cookie, err := r.Cookie(forget.Name)
	if err != nil {
		return route.Forbidden("%w", oidc.ErrFlow)
	}
	if err := d.Book.Try(v.budget); err != nil {
		return d.busy(v, "")
	}
	http.SetCookie(w, forget)
	login, err := d.OIDC.Finish(r.Context(), q.Get("state"), q.Get("code"), cookie.Value)
	if errors.Is(err, oidc.ErrFlow) { // whoever can reach the listener can cause these
		return route.Forbidden("%w", err)
	}
	who := route.Caller{Person: action.Person{Name: login.Person.Name, Via: "oidc"}, From: v.source}
	if kept := d.note(r, who, "login", err); kept != nil {
		return kept
	}
	if err != nil {
		d.Log.Warn("a login by the identity provider failed", "from", v.source, "err", err)
		return route.Forbidden("%w", err)
	}
	d.Book.Proved(v.budget)
	if v.session.Hash == "" { // a browser that comes from another site leaves the cookie out
		v.session = d.Book.Of(login.Session, v.home)
	}
	if _, err := d.begin(w, r, v, account.Session{Person: login.Person, Proven: login.Proven}); err != nil {
		return err
	}
	http.Redirect(w, r, cmp.Or(login.Back, "/"), http.StatusSeeOther)
	return nil
}

// maxBack bounds the address of a page that a login comes back to.
const maxBack = 2048

// ownPage gives the page of the dashboard that an address names, as path and query;
// ok is false for one that a browser could take for another site's, or that is no page.
// Browsers leave out tabs and newlines, and read a backslash as a slash (WHATWG URL,
// section 4.4).
func ownPage(address string) (page string, ok bool) {
	if address == "" {
		return "/", true
	}
	odd := strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == '\\' || r > '~' })
	if odd || len(address) > maxBack || address[0] != '/' || strings.HasPrefix(address, "//") {
		return "", false
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	if clean := path.Clean(u.Path); clean != u.Path && clean+"/" != u.Path || clean == "/api" || strings.HasPrefix(clean, "/api/") {
		return "", false
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String(), true
}
