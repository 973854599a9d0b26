package door

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/passkey"
	"sallyport.dev/sallyport/dashboard/route"
)

// A NewPasskey is one that the browser has made.
type NewPasskey struct {
	Name       string          `json:"name"` // what its owner calls it
	Credential json.RawMessage `json:"credential"`
}

// A PasskeyInfo is one that somebody has registered.
type PasskeyInfo struct {
	Name    string `json:"name"`
	Created string `json:"created"`
}

// maxPasskeys bounds those of one person.
const maxPasskeys = 20

func (d *Door) passkeyRoutes() route.Table {
	return route.Table{
		{
			Method: "POST", Pattern: "/api/v1/session/passkey/challenge", Right: route.None, Do: route.Out(d.challenge),
			Doc: "What navigator.credentials.get takes, to log in or step up with a passkey.",
		},
		{
			Method: "POST", Pattern: "/api/v1/session/passkey", Right: route.None, Do: route.Full(d.passkeyLogin),
			Doc: "Logs in with a passkey, or proves with it anew who asks.",
		},
		{
			Method: "GET", Pattern: "/api/v1/passkeys", Right: route.Known, Do: route.Out(d.passkeys),
			Doc: "The caller's passkeys.",
		},
		{
			Method: "POST", Pattern: "/api/v1/passkeys/challenge", Right: route.Known, Quiet: true, Do: route.Out(d.registration),
			Doc: "What navigator.credentials.create takes, to register a passkey.",
		},
		{
			Method: "POST", Pattern: "/api/v1/passkeys", Right: route.Known, Do: route.Take(d.register),
			Doc: "Registers a passkey of the caller's.",
		},
		{
			Method: "DELETE", Pattern: "/api/v1/passkeys/{name}", Right: route.Known, StepUp: true, Do: route.Out(d.forget),
			Doc: "Removes a passkey of the caller's.",
		},
	}
}

// site is where the browser of a request is, if passkeys work there: by TLS, or on
// localhost, which browsers trust as much.
func site(r *http.Request) (passkey.Site, visit, error) {
	v, ok := visitOf(r)
	if !ok {
		return passkey.Site{}, v, route.Conflict("passkeys are for browsers")
	}
	host := hostOf(r.Host)
	if !v.entrance.Secure && host != "localhost" {
		return passkey.Site{}, v, route.Conflict("a browser takes passkeys by HTTPS only; turn HTTPS on for the tailnet, or use a password")
	}
	return passkey.Site{Origin: here(r, v.entrance), Host: host, Peer: v.peer}, v, nil
}

// SecureContext reports whether a request comes from a browser in what browsers
// call a secure context: there are passkeys and Web Push there, and nowhere else.
func SecureContext(r *http.Request) bool {
	_, _, err := site(r)
	return err == nil
}

func passkeyFault(err error) error {
	switch {
	case errors.Is(err, passkey.ErrBusy):
		return route.Fault{Status: http.StatusTooManyRequests, Err: err}
	case errors.Is(err, passkey.ErrFailed):
		return route.Fault{Status: http.StatusUnauthorized, Err: err}
	}
	return err
}

func (d *Door) challenge(r *http.Request) (any, error) {
	s, _, err := site(r)
	if err != nil {
		return nil, err
	}
	options, err := d.Passkeys.Ask(s)
	return options, passkeyFault(err)
}

// find gives the operator whose handle an authenticator keeps.
func (d *Door) find(handle []byte) (passkey.User, bool) {
	for _, o := range d.Book.List() {
		if bytes.Equal(handle, passkey.Handle(o.Name)) {
			return passkey.User{Name: o.Name, Keys: d.Book.Passkeys(o.Name)}, true
		}
	}
	return passkey.User{}, false
}

func (d *Door) passkeyLogin(w http.ResponseWriter, r *http.Request, answer json.RawMessage) (route.Caller, error) {
	s, v, err := site(r)
	if err != nil {
		return route.Caller{}, err
	}
	if err := d.Deeds.Ready(r.Context()); err != nil {
		return route.Caller{}, route.Fault{Status: http.StatusServiceUnavailable, Err: err}
	}
	if err := d.Book.Try(v.budget); err != nil {
		return route.Caller{}, d.busy(v, "")
	}
	c, known := route.CallerOf(r.Context())
	name, key, err := d.Passkeys.Answered(s, answer, d.find)
	switch {
	case err == nil:
		d.Book.Proved(v.budget)
	case name != "" && d.Book.Failed(name) != nil:
		return route.Caller{}, d.busy(v, name)
	}
	what := "login"
	if known && name == c.Person.Name {
		what = "step-up"
	}
	if err == nil || name != "" { // an answer to nothing, by nobody, is no event
		who := attempt(v, name)
		if kept := d.note(r, who, what+" with a passkey", err); kept != nil {
			return route.Caller{}, kept
		}
	}
	if err != nil {
		return route.Caller{}, passkeyFault(err)
	}
	err = d.Book.SetPasskeys(r.Context(), name, func(list []account.Passkey) []account.Passkey {
		for i := range list {
			if list[i].Name == key.Name {
				list[i] = key
			}
		}
		return list
	})
	if err != nil {
		return route.Caller{}, err
	}
	if what == "step-up" && c.Person.Via != "token" {
		return d.prove(w, r, v, c, false)
	}
	login := account.Session{Person: action.Person{Name: name, Via: "local"}}
	if !v.visitor.Agent { // there a proof is for what is asked next, which nobody knows yet
		login.Proven = d.Now()
	}
	return d.begin(w, r, v, login)
}

func (d *Door) passkeys(r *http.Request) ([]PasskeyInfo, error) {
	list := []PasskeyInfo{}
	for _, k := range d.Book.Passkeys(route.Name(r)) {
		list = append(list, PasskeyInfo{k.Name, k.Created.Format("2006-01-02T15:04:05Z07:00")})
	}
	return list, nil
}

// registrant is whoever may register a passkey now, the first one too: somebody who
// has proved a moment ago who they are, by more than the address of their node.
func (d *Door) registrant(r *http.Request) (passkey.Site, passkey.User, error) {
	s, _, err := site(r)
	if err != nil {
		return s, passkey.User{}, err
	}
	c, _ := route.CallerOf(r.Context())
	if err := route.Fresh(r); err != nil {
		return s, passkey.User{}, err
	}
	return s, passkey.User{Name: c.Person.Name, Keys: d.Book.Passkeys(c.Person.Name)}, nil
}

func (d *Door) registration(r *http.Request) (any, error) {
	s, u, err := d.registrant(r)
	if err != nil {
		return nil, err
	}
	options, err := d.Passkeys.Register(s, u)
	return options, passkeyFault(err)
}

func (d *Door) register(r *http.Request, in NewPasskey) (route.Nothing, error) {
	s, u, err := d.registrant(r)
	if err != nil {
		return route.Nothing{}, err
	}
	taken := slices.ContainsFunc(u.Keys, func(k account.Passkey) bool { return k.Name == in.Name })
	switch {
	case account.CheckName(in.Name) != nil:
		return route.Nothing{}, route.BadRequest("call the passkey by letters, digits and . _ + @ -, like laptop")
	case taken:
		return route.Nothing{}, route.Conflict("a passkey of yours is called %s already", in.Name)
	case len(u.Keys) >= maxPasskeys:
		return route.Nothing{}, route.Conflict("there are %d passkeys of yours; remove one first", len(u.Keys))
	}
	credential, err := d.Passkeys.Registered(s, u, in.Credential)
	if err != nil {
		return route.Nothing{}, passkeyFault(err)
	}
	route.Note(r, "name", in.Name)
	key := account.Passkey{Name: in.Name, Created: d.Now().UTC(), Credential: credential}
	err = d.Book.SetPasskeys(r.Context(), u.Name, func(list []account.Passkey) []account.Passkey { return append(list, key) })
	if err != nil {
		return route.Nothing{}, fmt.Errorf("register a passkey: %w", err)
	}
	return route.Nothing{}, nil
}

func (d *Door) forget(r *http.Request) (route.Nothing, error) {
	name := r.PathValue("name")
	found := false
	err := d.Book.SetPasskeys(r.Context(), route.Name(r), func(list []account.Passkey) []account.Passkey {
		return slices.DeleteFunc(list, func(k account.Passkey) bool {
			found = found || k.Name == name
			return k.Name == name
		})
	})
	if err == nil && !found {
		return route.Nothing{}, route.NotFound("passkey %s: %w", name, account.ErrUnknown)
	}
	return route.Nothing{}, err
}
