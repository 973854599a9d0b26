package connect

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/vault/grant"
)

const (
	links    = "/api/v1/connect/"
	callback = links + "callback"
	done     = links + "done"
	cookie   = "sallyport-connect-"
)

// listener is where a request came in; "" and false at the admin socket.
func listener(r *http.Request) (string, bool) { return door.Here(r) }

func (j *journey) cookie() string { return cookie + j.id[:8] }

// open leads the browser that opens the link first, and only that one, to the
// authorization server.
func (d *Desk) open(w http.ResponseWriter, r *http.Request) error {
	ticket := r.PathValue("ticket")
	j := d.find(func(j *journey) bool { return same(j.ticket, ticket) })
	if j == nil {
		return route.NotFound("%w", errWeb)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pending == nil || !d.Now().Before(j.until) || j.opened && !j.holds(r) {
		return route.Forbidden("%w", errWeb)
	}
	if !j.opened {
		browser := rand.Text()
		j.opened, j.browser = true, sha256.Sum256([]byte(browser))
		// It must come along when the server's page leads back here.
		http.SetCookie(w, &http.Cookie{
			Name: j.cookie(), Value: browser, Path: callback, MaxAge: int(takeFor.Seconds()), HttpOnly: true,
			Secure: strings.HasPrefix(j.redirect, "https:"), SameSite: http.SameSiteLaxMode,
		})
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, j.pending.URL, http.StatusSeeOther)
	return nil
}

// holds reports whether a request comes from the browser that opened the link. The
// caller holds mu.
func (j *journey) holds(r *http.Request) bool {
	c, err := r.Cookie(j.cookie())
	if err != nil || !j.opened {
		return false
	}
	sum := sha256.Sum256([]byte(c.Value))
	return subtle.ConstantTimeCompare(sum[:], j.browser[:]) == 1
}

// back takes the browser back. What it brings leaves its address at once.
func (d *Desk) back(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	state := q.Get("state")
	j := d.find(func(j *journey) bool { return same(j.told, state) })
	if j == nil {
		return route.Forbidden("%w", errWeb)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pending == nil || !j.holds(r) {
		return route.Forbidden("%w", errWeb)
	}
	http.SetCookie(w, &http.Cookie{Name: j.cookie(), Path: callback, MaxAge: -1, HttpOnly: true, Secure: strings.HasPrefix(j.redirect, "https:")})
	d.finish(r.Context(), j, q)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, done+"?id="+j.id, http.StatusSeeOther)
	return nil
}

// done is the last page that the person sees.
func (d *Desk) done(w http.ResponseWriter, r *http.Request) error {
	id := r.URL.Query().Get("id")
	j := d.find(func(j *journey) bool { return same(j.id, id) })
	if j == nil {
		return route.NotFound("%w", errGone)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	text := "Secret " + j.secret + " is connected. You can close this page.\n"
	switch j.state {
	case waiting:
		text = "Secret " + j.secret + " is not connected yet.\n"
	case failed:
		text = "Secret " + j.secret + " is not connected: " + j.why + "\n"
	}
	_, err := fmt.Fprint(w, text)
	return err
}

// own gives the journey that a request names, if its caller began it.
func (d *Desk) own(r *http.Request) (*journey, error) {
	caller, id := callerOf(r), r.PathValue("id")
	j := d.find(func(j *journey) bool { return same(j.id, id) })
	if j == nil || j.caller.Person.Name != caller.Person.Name || j.caller.Person.Via != caller.Person.Via {
		return nil, route.NotFound("%w", errGone)
	}
	return j, nil
}

// bring finishes a journey with the address at which the browser ended.
func (d *Desk) bring(r *http.Request, b Brought) (Connection, error) {
	j, err := d.own(r)
	if err != nil {
		return Connection{}, err
	}
	route.Note(r, "name", j.secret)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state == waiting {
		u, err := url.Parse(strings.TrimSpace(b.URL))
		if err != nil || j.pending == nil || u.Query().Get("state") != j.pending.State {
			return Connection{}, route.BadRequest("this is not the address at which the browser ends after the person has agreed; it has a state and a code in it")
		}
		d.finish(r.Context(), j, u.Query())
	}
	return j.shown(), nil
}

// look says how it stands. A device's server is asked when it is time to.
func (d *Desk) look(r *http.Request) (Connection, error) {
	j, err := d.own(r)
	if err != nil {
		return Connection{}, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.state != waiting:
	case !d.Now().Before(j.until):
		d.end(r.Context(), j, grant.Grant{}, fmt.Errorf("nobody agreed in time; begin again"))
	case j.device != nil:
		if g, over, err := d.Grants.Poll(r.Context(), j.device); over {
			d.end(r.Context(), j, g, err)
		}
	}
	return j.shown(), nil
}

// shown is what somebody may know of a journey. The caller holds mu.
func (j *journey) shown() Connection {
	return Connection{
		ID: j.id, Secret: j.secret, Flow: j.flow, Server: j.host, State: j.state, Error: j.why, Until: j.until, Redirect: j.redirect,
	}
}

func callerOf(r *http.Request) route.Caller {
	c, _ := route.CallerOf(r.Context())
	return c
}

// finish trades what the browser brought, once. The caller holds j.mu.
func (d *Desk) finish(ctx context.Context, j *journey, q url.Values) {
	p := j.pending
	j.pending = nil
	if !d.Now().Before(j.until) {
		d.end(ctx, j, grant.Grant{}, fmt.Errorf("nobody agreed in time; begin again"))
		return
	}
	// The person has agreed: that the page is closed now must not undo it.
	ctx = context.WithoutCancel(ctx)
	g, err := d.Grants.Finish(ctx, p, q)
	d.end(ctx, j, g, err)
}

// end seals what was given, and has the operators' audit keep that. The caller holds
// j.mu.
func (d *Desk) end(ctx context.Context, j *journey, g grant.Grant, err error) {
	ctx = context.WithoutCancel(ctx)
	j.pending, j.device = nil, nil
	w := d.Witness()
	if err == nil && !j.still() {
		err = fmt.Errorf("%s may connect no accounts any more", j.caller.Person.Name)
	}
	if err == nil && w != nil {
		err = w.Ready(ctx)
	}
	if err == nil {
		err = d.seal(ctx, j, g)
	}
	deed := route.Deed{
		Caller: j.caller, What: "connect", On: map[string]string{"name": j.secret},
		Notes: map[string]string{"server": j.host, "flow": j.flow}, Status: http.StatusOK,
	}
	j.state = connected
	if err != nil {
		j.state, j.why = failed, err.Error()
		deed.Status, deed.Err = http.StatusBadGateway, j.why
		d.Log.Warn("an account is not connected", "secret", j.secret, "server", j.host, "by", j.caller.Person.Name, "err", err)
	} else {
		d.Log.Info("account connected", "secret", j.secret, "server", j.host, "by", j.caller.Person.Name)
	}
	if w == nil {
		return
	}
	if kept := w.Keep(ctx, deed); kept != nil {
		d.Log.Error("an account was connected, but the operators' audit could not keep it", "secret", j.secret, "err", kept)
	}
}

func (d *Desk) seal(ctx context.Context, j *journey, g grant.Grant) error {
	value, err := g.Secret()
	if err != nil {
		return err
	}
	return d.Keep(ctx, j.secret, value, j.caller.Person.Name)
}
