package door

import (
	"errors"
	"net/http"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/route"
)

// Credentials log a local operator in.
type Credentials struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// A Proof shows once more who somebody is.
type Proof struct {
	Password string `json:"password"`
}

// A Setup makes the first operator with the link that serve printed.
type Setup struct {
	Token    string `json:"token"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// A Link is the one-time link that serve printed.
type Link struct {
	Token string `json:"token"`
}

// A LinkState is how it stands: "good", "used", "expired" or "unknown".
type LinkState struct {
	State account.Link `json:"state"`
}

// A Standing is who asks, and how somebody unproven can log in.
type Standing struct {
	Caller *route.Caller `json:"caller,omitempty"`
	Login  []string      `json:"login"`           // "password", "passkey", "oidc"
	StepUp []string      `json:"step_up"`         // how the caller can prove anew who they are
	Setup  bool          `json:"setup"`           // the link of the first run waits to be used
	Agent  bool          `json:"agent,omitempty"` // the node is an agent too, or was one: its address proves nothing
	Notes  []string      `json:"notes,omitempty"` // what is missing, for people
}

func (d *Door) loginRoutes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/session", Right: route.None, Do: route.Out(d.standing),
			Doc: "Who asks and what they may do, or how to log in.",
		},
		{
			Method: "POST", Pattern: "/api/v1/session", Right: route.None, Do: route.Full(d.login),
			Doc: "Logs a local operator in; the answer sets the cookie of the session.",
		},
		{
			Method: "DELETE", Pattern: "/api/v1/session", Right: route.Known, Proves: true, Do: route.Raw("application/json", d.logout),
			Doc: "Logs out.",
		},
		{
			Method: "POST", Pattern: "/api/v1/session/step-up", Right: route.Known, Proves: true, Do: route.Full(d.stepUp),
			Doc: "Proves with the password once more who asks, which a few routes want.",
		},
		{
			Method: "POST", Pattern: "/api/v1/setup", Right: route.None, Do: route.Full(d.setup),
			Doc: "Makes the first operator, with the one-time link that serve prints.",
		},
		{
			Method: "POST", Pattern: "/api/v1/setup/link", Right: route.None, Do: route.Take(d.link),
			Doc: "Tells who opens the one-time link whether it holds, before they fill anything in.",
		},
	}
}

func (d *Door) standing(r *http.Request) (Standing, error) {
	s := Standing{Login: []string{}, StepUp: []string{}, Setup: d.Book.Invited()}
	v, _ := visitOf(r)
	if s.Agent = v.visitor.Agent; s.Agent {
		s.Notes = append(s.Notes, "This machine is an agent too, or was one. Log in with a passkey or your provider, and prove anew who you are for every change "+
			"and every look into what was sent; "+
			"a password typed here is the agent's, too. Without either, come from another machine.")
	} else {
		s.Login = append(s.Login, "password")
	}
	if d.OIDC != nil {
		s.Login, s.StepUp = append(s.Login, "oidc"), append(s.StepUp, "oidc")
	}
	if v.entrance != nil && !v.entrance.Secure && v.entrance.Who != nil {
		s.Notes = append(s.Notes, "This is plain HTTP inside the tailnet: passkeys and push messages need HTTPS, which the tailnet's admin console turns on.")
	}
	_, _, err := site(r)
	passkeysWork := err == nil
	if passkeysWork {
		s.Login = append(s.Login, "passkey")
	}
	c, ok := route.CallerOf(r.Context())
	if !ok {
		return s, nil
	}
	s.Caller = &c
	o, _ := d.Book.Get(c.Person.Name)
	if o.Password && !s.Agent {
		s.StepUp = append(s.StepUp, "password")
	}
	if len(o.Passkeys) > 0 && passkeysWork {
		s.StepUp = append(s.StepUp, "passkey")
	}
	return s, nil
}

// errTyped: where an agent runs as well, it can read along, and say it again later.
var errTyped = route.Forbidden("this machine is an agent too, or was one: a password is not taken here; log in with a passkey or by the identity provider, or from another machine")

var errSocket = errors.New("nobody logs in at admin.sock: whoever may open it owns the gateway")

// attempt is a login that is not proven yet, for the audit.
func attempt(v visit, name string) route.Caller {
	return route.Caller{Person: action.Person{Name: name, Via: "local"}, From: v.source}
}

// busy tells of an attempt that is one too many. That others before it were refused
// is in the audit, which it does not fill any more.
func (d *Door) busy(v visit, name string) error {
	d.Log.Warn("too many logins were tried", "name", name, "from", v.source)
	return route.Fault{Status: http.StatusTooManyRequests, Err: account.ErrBusy}
}

// verify checks a password, keeps the outcome, and turns it into a fault.
func (d *Door) verify(r *http.Request, v visit, what, name, password string) error {
	if v.visitor.Agent {
		return errTyped
	}
	if err := d.Deeds.Ready(r.Context()); err != nil {
		return route.Fault{Status: http.StatusServiceUnavailable, Err: err}
	}
	err := d.Book.Verify(r.Context(), name, password, v.budget)
	if errors.Is(err, account.ErrBusy) {
		return d.busy(v, name)
	}
	if len(name) > 128 {
		name = name[:128]
	}
	if kept := d.note(r, attempt(v, name), what, err); kept != nil {
		return kept
	}
	if errors.Is(err, account.ErrWrong) {
		return route.Fault{Status: http.StatusUnauthorized, Err: err}
	}
	return err
}

func (d *Door) login(w http.ResponseWriter, r *http.Request, in Credentials) (route.Caller, error) {
	v, ok := visitOf(r)
	if !ok {
		return route.Caller{}, route.Conflict("%w", errSocket)
	}
	if err := d.verify(r, v, "login", in.Name, in.Password); err != nil {
		return route.Caller{}, err
	}
	return d.begin(w, r, v, account.Session{Person: action.Person{Name: in.Name, Via: "local"}, Proven: d.Now(), Typed: true})
}

// begin opens a session for a person, who proved at some time, in some way, who they
// are. A session that the request came with ends: whoever had its token does not get
// in with them.
func (d *Door) begin(w http.ResponseWriter, r *http.Request, v visit, s account.Session) (route.Caller, error) {
	if v.session.Hash != "" {
		if err := d.Book.End(r.Context(), v.session); err != nil {
			return route.Caller{}, err
		}
	}
	s.Node, s.From, s.Beside = v.home, v.source, v.visitor.Agent
	token, err := d.Book.Begin(r.Context(), s)
	if err != nil {
		return route.Caller{}, err
	}
	remember(w, v.entrance, token)
	s, _ = d.Book.Session(r.Context(), token, v.home)
	p := s.Person
	if err := d.moved(r, v.session, s); err != nil {
		return route.Caller{}, err
	}
	c := route.Caller{Person: p, Rights: d.Rights(p), From: v.source, Session: s.ID(), Fresh: s.Fresh(d.Now(), v.visitor.Agent), Shared: v.visitor.Agent}
	if v.visitor.User != "" && p.Name == v.visitor.User {
		c.Rights |= granted(v.visitor.Grants)
	}
	return c, nil
}

// moved tells the bell that a login has taken the place of another one in a browser,
// which is somebody else's now unless both are of one person.
func (d *Door) moved(r *http.Request, from, to account.Session) error {
	if d.Bell == nil || from.Hash == "" {
		return nil
	}
	if to.Person.Name != from.Person.Name {
		return d.Bell.Move(r.Context(), from.ID(), "")
	}
	return d.Bell.Move(r.Context(), from.ID(), to.ID())
}

func (d *Door) logout(w http.ResponseWriter, r *http.Request) error {
	v, ok := visitOf(r)
	if !ok || v.session.Hash == "" {
		return route.Conflict("there is no login to end: %s comes by %s", route.Name(r), via(r))
	}
	if err := errors.Join(d.Book.End(r.Context(), v.session), d.moved(r, v.session, account.Session{})); err != nil {
		return err
	}
	remember(w, v.entrance, "")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func via(r *http.Request) string {
	c, _ := route.CallerOf(r.Context())
	return c.Person.Via
}

// stepUp takes the password of whoever asks once more. Whose node proved them so
// far has a login from then on.
func (d *Door) stepUp(w http.ResponseWriter, r *http.Request, in Proof) (route.Caller, error) {
	v, ok := visitOf(r)
	c, _ := route.CallerOf(r.Context())
	if !ok || c.Person.Via == "token" {
		return route.Caller{}, route.Conflict("a step-up is for people who are logged in; %s comes by %s", route.Name(r), via(r))
	}
	if err := d.verify(r, v, "step-up", c.Person.Name, in.Password); err != nil {
		return route.Caller{}, err
	}
	return d.prove(w, r, v, c, true)
}

// prove makes the caller a fresh one.
func (d *Door) prove(w http.ResponseWriter, r *http.Request, v visit, c route.Caller, typed bool) (route.Caller, error) {
	if v.session.Hash == "" {
		return d.begin(w, r, v, account.Session{Person: c.Person, Proven: d.Now(), Typed: typed})
	}
	if err := d.Book.Prove(r.Context(), v.session, v.visitor.Agent); err != nil {
		return route.Caller{}, err
	}
	c.Fresh = true
	return c, nil
}

// link takes of whoever guesses the same budget as a log-in.
func (d *Door) link(r *http.Request, in Link) (LinkState, error) {
	v, ok := visitOf(r)
	if !ok {
		return LinkState{}, route.Conflict("%w", errSocket)
	}
	if v.visitor.Agent {
		return LinkState{}, errTyped
	}
	if d.Book.Try(v.budget) != nil {
		return LinkState{}, d.busy(v, "")
	}
	state := d.Book.Link(in.Token)
	if state == account.LinkGood { // one that is over, which many may have read, proves nobody
		d.Book.Proved(v.budget)
	}
	return LinkState{state}, nil
}

func (d *Door) setup(w http.ResponseWriter, r *http.Request, in Setup) (route.Caller, error) {
	v, ok := visitOf(r)
	if !ok {
		return route.Caller{}, route.Conflict("%w", errSocket)
	}
	if v.visitor.Agent {
		return route.Caller{}, errTyped
	}
	if err := d.Deeds.Ready(r.Context()); err != nil {
		return route.Caller{}, route.Fault{Status: http.StatusServiceUnavailable, Err: err}
	}
	if err := errors.Join(account.CheckName(in.Name), account.CheckPassword(in.Password)); err != nil {
		return route.Caller{}, route.BadRequest("%w", err)
	}
	if d.Book.Try(v.budget) != nil {
		return route.Caller{}, d.busy(v, "")
	}
	_, err := d.Book.Accept(r.Context(), in.Token, in.Name, in.Password)
	if errors.Is(err, account.ErrNoSetup) {
		d.Log.Warn("a setup link was refused", "from", v.source)
		return route.Caller{}, route.Forbidden("%w", err)
	}
	if kept := d.note(r, attempt(v, in.Name), "setup", err); kept != nil {
		return route.Caller{}, kept
	}
	if err != nil {
		return route.Caller{}, err
	}
	d.Book.Proved(v.budget)
	return d.begin(w, r, v, account.Session{Person: action.Person{Name: in.Name, Via: "local"}, Proven: d.Now(), Typed: true})
}
