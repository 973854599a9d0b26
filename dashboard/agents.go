package dashboard

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/netstack"
)

// An Agent is an enrolled agent as operators see it.
type Agent struct {
	Name     string    `json:"name"`
	ID       string    `json:"id"`
	Roles    []string  `json:"roles,omitempty"`
	Address  string    `json:"address"`
	State    string    `json:"state"`          // "active", "waiting", "frozen", "expired"
	Node     string    `json:"node,omitempty"` // stable id of its tailnet node
	User     string    `json:"user,omitempty"` // whose node it is
	Tags     []string  `json:"tags,omitempty"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	Link     Link      `json:"link"`
	Markdown string    `json:"manifest_markdown,omitempty"`
	Manifest any       `json:"manifest,omitempty"`
}

// An Enrolment asks for a new agent.
type Enrolment struct {
	Name    string   `json:"name"`
	Roles   []string `json:"roles,omitempty"`
	Expires string   `json:"expires,omitempty"` // a duration such as "8h"
	Split   bool     `json:"split,omitempty"`
}

// An Enrolled agent and its client configuration, which is shown this once.
type Enrolled struct {
	Agent  Agent  `json:"agent"`
	Config string `json:"config"`
	Notice string `json:"notice,omitempty"` // what may keep the configuration from working
}

func (a *API) agents(*http.Request) ([]Agent, error) {
	links := a.Links()
	list := []Agent{}
	for _, ag := range a.Roster.List() {
		list = append(list, a.view(ag, links))
	}
	slices.SortFunc(list, func(x, y Agent) int { return strings.Compare(x.Name, y.Name) })
	return list, nil
}

func (a *API) agent(r *http.Request) (Agent, error) {
	ag, ok := a.Roster.Get(r.PathValue("name"))
	if !ok {
		return Agent{}, route.NotFound("no agent is called %q", r.PathValue("name"))
	}
	v := a.view(ag, a.Links())
	peer, live := a.Roster.Current(ag.ID)
	if ag.Node != "" {
		peer, live = a.Seen(ag)
		live = live && peer != nil
	}
	if !live {
		peer = &action.Peer{ID: ag.ID, Name: ag.Name, Enrolled: ag.Roles, Addr: ag.Addr}
	}
	v.Markdown, v.Manifest = a.Rules.Manifest(peer)
	return v, nil
}

func (a *API) addAgent(r *http.Request, e Enrolment) (Enrolled, error) {
	if a.Config == nil {
		return Enrolled{}, route.Conflict("the configuration has no wireguard transport; nodes of the tailnet are let in with: sallyport agent approve NODE")
	}
	if err := netstack.CheckName(e.Name); err != nil {
		return Enrolled{}, route.BadRequest("%w", err)
	}
	route.Note(r, "name", e.Name)
	roles, err := a.rolesFor(e.Name, e.Roles)
	if err != nil {
		return Enrolled{}, err
	}
	var expires time.Time
	if e.Expires != "" {
		d, err := time.ParseDuration(e.Expires)
		if err != nil || d <= 0 {
			return Enrolled{}, route.BadRequest("expires %q is no duration such as 8h", e.Expires)
		}
		expires = time.Now().Add(d)
	}
	if old, ok := a.Roster.Get(e.Name); ok && !old.Expired(time.Now()) {
		return Enrolled{}, route.Conflict("an agent called %q is enrolled already; rekey it, or remove it first", e.Name)
	}
	ag, key, err := a.Roster.Add(r.Context(), e.Name, roles, expires)
	if err != nil {
		return Enrolled{}, err
	}
	a.Logger.Info("agent added", "agent", ag.Name, "by", route.Name(r))
	return Enrolled{a.view(ag, nil), a.Config(ag, key, e.Split), a.Notice()}, nil
}

// approveAgent lets a node of the tailnet in that waits.
func (a *API) approveAgent(r *http.Request, e Enrolment) (Agent, error) {
	name := r.PathValue("name")
	ag, ok := a.Roster.Get(name)
	if !ok {
		return Agent{}, route.NotFound("no agent is called %q", name)
	}
	if ag.Node == "" {
		return Agent{}, route.Conflict("%q comes by WireGuard and was enrolled when it was added", name)
	}
	roles, err := a.rolesFor(name, e.Roles)
	if err != nil {
		return Agent{}, err
	}
	if err := a.Roster.Approve(r.Context(), name, roles); err != nil {
		return Agent{}, err
	}
	a.Logger.Info("node approved", "agent", name, "node", ag.Node, "roles", roles, "by", route.Name(r))
	ag, _ = a.Roster.Get(name)
	return a.view(ag, nil), nil
}

// rolesFor checks roles; with none stated, the only role there is. An agent that
// no role would know of is refused: it could do nothing.
func (a *API) rolesFor(name string, roles []string) ([]string, error) {
	known := a.Rules.Roles()
	switch {
	case len(known) == 0:
		return nil, route.BadRequest("the configuration has no role; an agent in none can do nothing")
	case len(roles) == 0 && len(known) == 1:
		return known, nil
	case len(roles) == 0 && len(a.Rules.RolesOf(&action.Peer{Name: name})) == 0:
		return nil, route.BadRequest("name a role for %q: the configuration has %s", name, strings.Join(known, ", "))
	}
	for _, r := range roles {
		if !slices.Contains(known, r) {
			return nil, route.BadRequest("no role is called %q; the configuration has %s", r, strings.Join(known, ", "))
		}
	}
	return roles, nil
}

func (a *API) rekey(r *http.Request, e Enrolment) (Enrolled, error) {
	ag, key, err := a.Roster.Rekey(r.Context(), r.PathValue("name"))
	if errors.Is(err, netstack.ErrNoAgent) {
		return Enrolled{}, route.NotFound("%w", err)
	}
	if err != nil {
		return Enrolled{}, err
	}
	a.Logger.Info("agent rekeyed", "agent", ag.Name, "by", route.Name(r))
	return Enrolled{a.view(ag, nil), a.Config(ag, key, e.Split), a.Notice()}, nil
}

func (a *API) removeAgent(r *http.Request) (route.Nothing, error) {
	return a.change(r, "agent removed", a.Roster.Remove(r.Context(), r.PathValue("name")))
}

func (a *API) freeze(r *http.Request) (route.Nothing, error) {
	return a.change(r, "agent frozen", a.Roster.Freeze(r.Context(), r.PathValue("name")))
}

func (a *API) unfreeze(r *http.Request) (route.Nothing, error) {
	return a.change(r, "agent unfrozen", a.Roster.Unfreeze(r.Context(), r.PathValue("name")))
}

func (a *API) freezeAll(r *http.Request) (route.Nothing, error) {
	return a.change(r, "all agents frozen", a.Roster.FreezeAll(r.Context()))
}

func (a *API) unfreezeAll(r *http.Request) (route.Nothing, error) {
	return a.change(r, "all agents unfrozen", a.Roster.UnfreezeAll(r.Context()))
}

// change logs what an operator did, or tells why not.
func (a *API) change(r *http.Request, what string, err error) (route.Nothing, error) {
	if errors.Is(err, netstack.ErrNoAgent) {
		return route.Nothing{}, route.NotFound("%w", err)
	}
	if err != nil {
		return route.Nothing{}, err
	}
	a.Logger.Info(what, "agent", r.PathValue("name"), "by", route.Name(r))
	return route.Nothing{}, nil
}

func (a *API) view(ag netstack.Agent, links map[string]Link) Agent {
	state := "active"
	switch {
	case ag.Frozen:
		state = "frozen"
	case !ag.Expires.IsZero() && !ag.Expires.After(time.Now()):
		state = "expired"
	}
	v := Agent{
		Name: ag.Name, ID: ag.ID, Roles: ag.Roles, State: state,
		Created: ag.Created, Expires: ag.Expires, Link: links[ag.ID],
	}
	if ag.Node == "" {
		v.Address = ag.Addr.String()
		return v
	}
	v.Node = ag.Node
	peer, enrolled := a.Seen(ag)
	if peer != nil {
		v.Address, v.User, v.Tags = peer.Addr.String(), peer.User, peer.Tags
	}
	if state == "active" && !ag.Approved && !enrolled {
		v.State = "waiting"
	}
	return v
}
