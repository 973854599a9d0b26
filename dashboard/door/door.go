// Package door is where operators come in: it proves who asks, by the admin
// socket, the tailnet, a login or a token, and gives every request the caller
// and the rights that the table of routes is held against. It carries out
// nothing that a route does.
package door

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/deeds"
	"sallyport.dev/sallyport/dashboard/passkey"
	"sallyport.dev/sallyport/dashboard/route"
)

// A Door knows how people prove themselves. Every field is set before the first
// request.
type Door struct {
	Book  *account.Book
	Deeds *deeds.Chain
	// Named lists whom the operators block in force names, by right.
	Named func() map[string][]string
	Now   func() time.Time
	Log   *slog.Logger
	OIDC  Provider // nil: there is no identity provider
	Bell  Bell     // nil: nobody else knows of logins

	Passkeys *passkey.Ceremonies
}

// A Bell rings people's browsers; that ends with their logins.
type Bell interface {
	// Forget is called when all the logins of somebody are ended.
	Forget(ctx context.Context, name string) error
	// Move is called when a login has taken the place of another one, or with none
	// when somebody has logged out.
	Move(ctx context.Context, from, to string) error
}

// A Visitor is who has an address of the tailnet, by the tailnet's own word.
type Visitor struct {
	Node   string   // its stable id
	Name   string   // what its owner calls it
	User   string   // whose node it is; "" for a tagged one
	Tags   []string //
	Grants []string // rights that the tailnet's policy gives it
	Agent  bool     // it is an agent too, or was one: its address proves nobody
}

// An Entrance is one listener, apart from the admin socket.
type Entrance struct {
	URL    string          // how people write it
	Secure bool            // by TLS
	Hosts  func() []string // the names and addresses that people may write, without a port
	// Who asks the tailnet; nil: the address says nothing.
	Who func(netip.Addr) (Visitor, error)
}

// A visit is what the door knows of a request beside its caller.
type visit struct {
	entrance *Entrance
	visitor  Visitor
	source   string          // for people and the audit
	home     string          // where a login that is made here holds: the node, or the user of this machine; "": nobody tells
	budget   string          // whose attempts are counted together: no name that somebody chooses
	peer     string          // whose logins that are under way are: of IPv6 the network of one machine
	session  account.Session // zero: there is none
}

type visitKey struct{}

func visitOf(r *http.Request) (visit, bool) {
	v, ok := r.Context().Value(visitKey{}).(visit)
	return v, ok
}

var (
	errAgent   = route.Forbidden("this machine is an agent; agents are never operators")
	errSilent  = route.Fault{Status: http.StatusServiceUnavailable, Err: errors.New("the tailnet does not say who you are")}
	errNoToken = route.Fault{Status: http.StatusUnauthorized, Err: errors.New("the token does not hold (any more)")}
)

// Guard lets a request of an entrance through to next once it knows whose it is.
// next holds it against the rights.
func (d *Door) Guard(e *Entrance, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header(), e.Secure)
		err := foreign(r, e.Hosts())
		if err == nil {
			r, err = d.recognise(e, r, d.session)
		}
		if err != nil {
			route.Fail(w, r, d.Log, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// recognise adds to a request whose it is, as far as somebody has proved that.
func (d *Door) recognise(e *Entrance, r *http.Request, session sessions) (*http.Request, error) {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r, errSilent
	}
	v := visit{entrance: e, source: addr.Addr().Unmap().String()}
	v.budget = "address " + v.source
	if e.Who != nil {
		if v.visitor, err = e.Who(addr.Addr().Unmap()); err != nil {
			d.Log.Warn("a visitor is nobody", "addr", v.source, "err", err)
			return r, errSilent
		}
		v.source = v.visitor.Name + " (" + v.source + ")"
		v.budget, v.home = "node "+v.visitor.Node, v.visitor.Node
		if v.visitor.Agent && len(v.visitor.Tags) > 0 {
			return r, errAgent
		}
	}
	if uid, ok := UserOf(r.Context()); ok {
		v.home = "user " + uid + " of this machine"
		v.budget += ", " + v.home
	}
	v.peer = v.budget
	if a := addr.Addr().Unmap(); e.Who == nil && a.Is6() && !a.IsLoopback() {
		v.peer = "network " + netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
	}
	c, known, err := d.caller(r, &v, session)
	if err != nil {
		return r, err
	}
	ctx := context.WithValue(r.Context(), visitKey{}, v)
	if known {
		ctx = route.WithCaller(ctx, c)
	}
	if v.session.Hash != "" {
		ctx = route.WithSpend(ctx, func() bool { return d.Book.Spend(r.Context(), v.session, v.visitor.Agent) })
	}
	ctx = route.WithStill(ctx, func() (route.Caller, bool) {
		again, err := d.recognise(e, r, d.look)
		if err != nil {
			return route.Caller{}, false
		}
		return route.CallerOf(again.Context())
	})
	return r.WithContext(ctx), nil
}

// caller tells on whose behalf a request comes: a token's, a login's, or that of
// whose node it is.
func (d *Door) caller(r *http.Request, v *visit, session sessions) (c route.Caller, known bool, err error) {
	c = route.Caller{From: v.source, Shared: v.visitor.Agent}
	if secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		t, ok := d.Book.Token(secret)
		if !ok {
			return c, false, errNoToken
		}
		c.Person, c.Rights = d.actsFor(t)
		return c, true, nil
	}
	trusted := !v.visitor.Agent
	if s, ok := session(r, v); ok && (trusted || !s.Typed) {
		v.session = s
		c.Person, c.Session, c.Fresh = s.Person, s.ID(), s.Fresh(d.Now(), v.visitor.Agent)
		c.Rights = d.Rights(s.Person)
		if v.visitor.User != "" && s.Person.Name == v.visitor.User {
			c.Rights |= granted(v.visitor.Grants)
		}
		return c, true, nil
	}
	if v.visitor.Node == "" || !trusted || v.visitor.User == "" && len(v.visitor.Grants) == 0 {
		return c, false, nil
	}
	c.Person = action.Person{Name: v.visitor.User, Via: "tailnet"}
	if v.visitor.User == "" {
		c.Person.Name = "node:" + v.visitor.Name
	}
	c.Rights = d.Rights(c.Person) | granted(v.visitor.Grants)
	return c, true, nil
}

// actsFor gives whom a token acts for, and what it may do: what is in its scope
// and its owner may do still. The host's tokens have what is in their scope.
func (d *Door) actsFor(t account.Token) (action.Person, route.Rights) {
	p := t.Owner
	may := route.RightsOf(route.Viewer, route.Approver, route.Editor, route.Admin)
	if p.Via != "admin.sock" {
		may = route.RightsOf(d.Rights(p).List()...)
	}
	p.Via = "token"
	return p, route.RightsOf(t.Scope.List()...) & may
}

// Rights are what a person may do: what the configuration gives and what the book
// gives.
func (d *Door) Rights(p action.Person) route.Rights {
	s := d.Book.Rights(p)
	for name, members := range d.Named() {
		if slices.ContainsFunc(members, p.Is) {
			s |= granted([]string{name})
		}
	}
	return s
}

// granted reads the names of rights; what is none gives nothing.
func granted(names []string) route.Rights {
	var s route.Rights
	for _, name := range names {
		var r route.Right
		if r.UnmarshalText([]byte(name)) == nil {
			s |= route.RightsOf(r)
		}
	}
	return s
}

// The names of the cookie. A browser takes the first only by TLS, from this host
// and for all of it (RFC 6265bis, section 4.1.3.2).
const (
	cookieSecure = "__Host-sallyport"
	cookiePlain  = "sallyport"
)

func (e *Entrance) cookie() string {
	if e.Secure {
		return cookieSecure
	}
	return cookiePlain
}

// sessions gives the login that a request comes with.
type sessions func(*http.Request, *visit) (account.Session, bool)

// look is session for a request that goes on by itself.
func (d *Door) look(r *http.Request, v *visit) (account.Session, bool) {
	c, err := r.Cookie(v.entrance.cookie())
	if err != nil {
		return account.Session{}, false
	}
	return d.Book.Look(c.Value, v.home)
}

// session gives the login that a request comes with. One that was made by a node, or
// by a user of this machine, holds from nowhere else.
func (d *Door) session(r *http.Request, v *visit) (account.Session, bool) {
	c, err := r.Cookie(v.entrance.cookie())
	if err != nil {
		return account.Session{}, false
	}
	return d.Book.Session(r.Context(), c.Value, v.home)
}

// remember gives the browser the token of a session; "" takes it away.
func remember(w http.ResponseWriter, e *Entrance, token string) {
	c := &http.Cookie{
		Name: e.cookie(), Value: token, Path: "/", HttpOnly: true, Secure: e.Secure, SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// note keeps in the audit what happened at the door itself.
func (d *Door) note(r *http.Request, c route.Caller, what string, err error) error {
	deed := route.Deed{Caller: c, What: what}
	if err != nil {
		deed.Err = err.Error()
	}
	return d.Deeds.Keep(context.WithoutCancel(r.Context()), deed)
}

// hostOf is a Host header without its port.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
