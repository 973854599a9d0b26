package door

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/deeds"
	"sallyport.dev/sallyport/dashboard/route"
)

// Operators are everybody who may do something here.
type Operators struct {
	Local  []account.Operator  `json:"local"`
	Config map[string][]string `json:"config"` // whom the operators block names, by right
}

// A NewOperator is a local one to be made.
type NewOperator struct {
	Name     string       `json:"name"`
	Password string       `json:"password,omitempty"` // none: they cannot log in with one
	Rights   route.Rights `json:"rights"`
}

// NewRights are what an operator may do from now on.
type NewRights struct {
	Rights route.Rights `json:"rights"`
}

// A NewPassword replaces one. Whoever changes their own gives the old one.
type NewPassword struct {
	Old      string `json:"old,omitempty"`
	Password string `json:"password"`
}

// A NewToken is an API token to be made.
type NewToken struct {
	Name    string       `json:"name"`
	Scope   route.Rights `json:"scope"`
	Expires string       `json:"expires"` // a duration such as "720h"
}

// An Issued token and its secret form, which is shown this once.
type Issued struct {
	Token  account.Token `json:"token"`
	Secret string        `json:"secret"`
}

// maxTokenLife bounds how long an API token holds.
const maxTokenLife = 366 * 24 * time.Hour

// Routes is the part of the API that is about operators themselves.
func (d *Door) Routes() route.Table {
	return append(slices.Concat(d.loginRoutes(), d.oidcRoutes(), d.passkeyRoutes()), route.Table{
		{
			Method: "GET", Pattern: "/api/v1/operators", Right: route.Viewer, Do: route.Out(d.operators),
			Doc: "Local operators, and whom the configuration names.",
		},
		{
			Method: "POST", Pattern: "/api/v1/operators", Right: route.Admin, StepUp: true, Do: route.Take(d.addOperator),
			Doc: "Makes a local operator.",
		},
		{
			Method: "DELETE", Pattern: "/api/v1/operators/{name}", Right: route.Admin, StepUp: true, Do: route.Out(d.removeOperator),
			Doc: "Removes a local operator with their sessions and tokens.",
		},
		{
			Method: "PUT", Pattern: "/api/v1/operators/{name}/rights", Right: route.Admin, StepUp: true, Do: route.Take(d.setRights),
			Doc: "Changes what a local operator may do beside what the configuration gives.",
		},
		{
			Method: "PUT", Pattern: "/api/v1/operators/{name}/password", Right: route.Known, Do: route.Take(d.setPassword),
			Doc: "Changes a password and ends the operator's sessions; for one's own it takes the old one, for others an admin.",
		},
		{
			Method: "GET", Pattern: "/api/v1/tokens", Right: route.Known, Do: route.Out(d.tokens),
			Doc: "The caller's API tokens, for an admin everybody's.",
		},
		{
			Method: "POST", Pattern: "/api/v1/tokens", Right: route.Known, StepUp: true, Do: route.Take(d.issue),
			Doc: "Makes an API token with a scope and an expiry; its secret is shown this once.",
		},
		{
			Method: "DELETE", Pattern: "/api/v1/tokens/{name}", Right: route.Known, Do: route.Out(d.revoke),
			Doc: "Ends an API token, by its name or id.",
		},
		{
			Method: "GET", Pattern: "/api/v1/operators/audit", Right: route.Viewer, Do: route.List(d.audit),
			Doc: "What operators did, newest first.",
		},
	}...)
}

func (d *Door) operators(*http.Request) (Operators, error) {
	return Operators{Local: d.Book.List(), Config: d.Named()}, nil
}

// fault tells what the book says in the words of HTTP.
func fault(err error) error {
	switch {
	case errors.Is(err, account.ErrUnknown):
		return route.NotFound("%w", err)
	case errors.Is(err, account.ErrExists):
		return route.Conflict("%w", err)
	}
	return err
}

func (d *Door) addOperator(r *http.Request, in NewOperator) (account.Operator, error) {
	if err := account.CheckName(in.Name); err != nil {
		return account.Operator{}, route.BadRequest("%w", err)
	}
	if in.Password != "" {
		if err := account.CheckPassword(in.Password); err != nil {
			return account.Operator{}, route.BadRequest("%w", err)
		}
	}
	route.Note(r, "name", in.Name)
	route.Note(r, "rights", in.Rights.String())
	o, err := d.Book.Add(r.Context(), in.Name, in.Password, in.Rights)
	return o, fault(err)
}

func (d *Door) removeOperator(r *http.Request) (route.Nothing, error) {
	name := r.PathValue("name")
	return route.Nothing{}, fault(errors.Join(d.forgotten(r, name), d.Book.Remove(r.Context(), name)))
}

// forgotten tells who else knows somebody that their logins are ended.
func (d *Door) forgotten(r *http.Request, name string) error {
	if d.Bell == nil {
		return nil
	}
	return d.Bell.Forget(r.Context(), name)
}

func (d *Door) setRights(r *http.Request, in NewRights) (account.Operator, error) {
	name := r.PathValue("name")
	route.Note(r, "rights", in.Rights.String())
	if err := d.Book.SetRights(r.Context(), name, in.Rights); err != nil {
		return account.Operator{}, fault(err)
	}
	o, _ := d.Book.Get(name)
	return o, nil
}

func (d *Door) setPassword(r *http.Request, in NewPassword) (route.Nothing, error) {
	if err := account.CheckPassword(in.Password); err != nil {
		return route.Nothing{}, route.BadRequest("%w", err)
	}
	name := r.PathValue("name")
	c, _ := route.CallerOf(r.Context())
	v, visiting := visitOf(r)
	own, _ := d.Book.Get(name)
	switch {
	case visiting && c.Person.Name == name && c.Session != "" && own.Password:
		if err := d.verify(r, v, "password change", name, in.Old); err != nil {
			return route.Nothing{}, err
		}
	case !c.Rights.Has(route.Admin):
		return route.Nothing{}, route.Forbidden("only an admin gives somebody else a password")
	default:
		if err := route.Fresh(r); err != nil {
			return route.Nothing{}, err
		}
	}
	return route.Nothing{}, fault(errors.Join(d.forgotten(r, name), d.Book.SetPassword(r.Context(), name, in.Password)))
}

func (d *Door) tokens(r *http.Request) ([]account.Token, error) {
	c, _ := route.CallerOf(r.Context())
	list := []account.Token{}
	for _, t := range d.Book.Tokens() {
		if c.Rights.Has(route.Admin) || t.Owner.Name == c.Person.Name {
			list = append(list, t)
		}
	}
	return list, nil
}

func (d *Door) issue(r *http.Request, in NewToken) (Issued, error) {
	c, _ := route.CallerOf(r.Context())
	life, err := time.ParseDuration(in.Expires)
	if err != nil || life <= 0 || life > maxTokenLife {
		return Issued{}, route.BadRequest("expires %q is no duration such as 720h, of at most a year", in.Expires)
	}
	if err := account.CheckName(in.Name); err != nil {
		return Issued{}, route.BadRequest("%w", err)
	}
	if len(in.Scope.List()) == 0 {
		return Issued{}, route.BadRequest("say in scope what the token may do: viewer, approver, editor or admin")
	}
	for _, right := range in.Scope.List() {
		if !c.Rights.Has(right) {
			return Issued{}, route.Forbidden("%s is no %s, and cannot give that on", c.Person.Name, right)
		}
	}
	route.Note(r, "name", in.Name)
	route.Note(r, "scope", in.Scope.String())
	t, secret, err := d.Book.Issue(r.Context(), c.Person, in.Name, in.Scope, life)
	return Issued{t, secret}, fault(err)
}

func (d *Door) revoke(r *http.Request) (route.Nothing, error) {
	c, _ := route.CallerOf(r.Context())
	name := r.PathValue("name")
	for _, t := range d.Book.Tokens() {
		if t.ID != name && t.Name != name {
			continue
		}
		if !c.Rights.Has(route.Admin) && t.Owner.Name != c.Person.Name {
			break
		}
		return route.Nothing{}, fault(d.Book.Revoke(r.Context(), t.ID))
	}
	return route.Nothing{}, route.NotFound("token %s: %w", name, account.ErrUnknown)
}

func (d *Door) audit(r *http.Request, p route.Page) ([]deeds.Entry, string, error) {
	var before uint64
	if p.Cursor != "" {
		var err error
		if before, err = strconv.ParseUint(p.Cursor, 10, 62); err != nil || before == 0 {
			return nil, "", route.BadRequest("cursor %q is none that the gateway gave", p.Cursor)
		}
	}
	list, err := d.Deeds.Page(r.Context(), before, p.Limit)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(list) == p.Limit && list[len(list)-1].Seq > 1 {
		next = strconv.FormatUint(list[len(list)-1].Seq, 10)
	}
	return list, next, nil
}
