package dashboard

import (
	"net/http"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/sight"
)

// A Service is somewhere agents may go, as operators see it.
type Service struct {
	Name        string   `json:"name"`
	Protocol    string   `json:"protocol"`
	Description string   `json:"description,omitempty"`
	Hosts       []string `json:"hosts"`
	Databases   []string `json:"databases,omitempty"`
	Secrets     []string `json:"secrets,omitempty"` // of its accounts
	Roles       []string `json:"roles,omitempty"`   // that use it
	Allowed     []string `json:"allowed,omitempty"` // effects, where no rule says more
	Asked       []string `json:"asked,omitempty"`
	Denied      []string `json:"denied,omitempty"`
}

// A Role says who may use what.
type Role struct {
	Name     string    `json:"name"`
	Members  []string  `json:"members,omitempty"` // that the configuration names
	Services []string  `json:"services"`
	Until    time.Time `json:"until,omitzero"`
}

// A Why tells how the rules in force judge a recorded action.
type Why struct {
	Now any `json:"now"` // every rule tried, the facts used and what decided
}

// A Row is a recorded action in a list: what only its own page shows is left out.
type Row struct {
	Seq      uint64        `json:"seq"`
	ID       string        `json:"id"`
	Time     time.Time     `json:"time"`
	Session  string        `json:"session,omitempty"`
	Agent    RowAgent      `json:"agent"`
	Service  string        `json:"service,omitempty"`
	Protocol string        `json:"protocol,omitempty"`
	Host     string        `json:"host,omitempty"`
	Dst      string        `json:"dst,omitempty"`
	Kind     string        `json:"kind"`
	Method   string        `json:"method,omitempty"`
	Summary  string        `json:"summary,omitempty"`
	Verdict  string        `json:"verdict,omitempty"`
	Rule     string        `json:"rule,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Would    []string      `json:"would,omitempty"`
	Outcome  string        `json:"outcome,omitempty"`
	Status   string        `json:"status,omitempty"`
	Error    string        `json:"error,omitempty"`
	Sent     int64         `json:"sent,omitempty"`
	Received int64         `json:"received,omitempty"`
	Rows     int64         `json:"rows,omitempty"`
	Duration time.Duration `json:"duration_ns,omitempty"`
	Usage    *action.Usage `json:"usage,omitempty"` // of a language model
	Asked    bool          `json:"asked,omitempty"` // somebody was, before it came to its verdict
	Turn     *Turn         `json:"turn,omitempty"`  // what its body asks for
	Kept     bool          `json:"kept,omitempty"`  // some of what was sent or came back is recorded, and takes a fresh proof to be read
	Missing  uint64        `json:"missing,omitempty"`
}

// A RowAgent is who acted.
type RowAgent struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	User string `json:"user,omitempty"`
}

// rowOf leaves out of a record what a list does not show.
func rowOf(r *audit.Record) Row {
	return Row{
		Seq: r.Seq, ID: r.ID, Time: r.Time, Session: r.Session, Agent: RowAgent{r.Agent.ID, r.Agent.Name, r.Agent.User},
		Service: r.Service, Protocol: r.Protocol, Host: r.Host, Dst: r.Dst, Kind: r.Kind, Method: r.Method, Summary: r.Summary,
		Verdict: r.Verdict, Rule: r.Rule, Reason: r.Reason, Would: r.Would, Outcome: r.Outcome, Status: r.Status, Error: r.Error,
		Sent: r.Sent, Received: r.Received, Rows: r.Rows, Duration: r.Duration, Usage: r.Usage, Asked: len(r.Asks) > 0, Turn: turnOf(r), Kept: r.Keeps(), Missing: r.Missing,
	}
}

// catalogRoutes are what the pages show beside the records themselves.
func (a *API) catalogRoutes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/services", Right: route.Viewer, Do: route.Out(a.services),
			Doc: "Every service of the rules in force, with the secrets it needs and the roles that use it.",
		},
		{
			Method: "GET", Pattern: "/api/v1/roles", Right: route.Viewer, Do: route.Out(a.roles),
			Doc: "Every role of the rules in force.",
		},
		{
			Method: "GET", Pattern: "/api/v1/actions/rows", Right: route.Viewer, Do: route.List(a.rows),
			Doc:   "Recorded actions that a query finds, without what only a page of their own shows.",
			Query: []string{"q the query, in the language of the log command", sight.Of}, WatchedWith: sight.Param,
		},
		{
			Method: "GET", Pattern: "/api/v1/actions/{id}/why", Right: route.Viewer, Do: route.Out(a.why),
			Doc:   "How the rules in force judge a recorded action: every rule tried, the facts used and what decided. Without bodies=1 they see nothing of its body.",
			Query: []string{sight.Param + " 1: let the rules read what is recorded of the body; it takes a fresh proof of who asks"}, WatchedWith: sight.Param,
		},
	}
}

func (a *API) services(*http.Request) ([]Service, error) { return a.Rules.Services(), nil }

func (a *API) roles(*http.Request) ([]Role, error) { return a.Rules.RoleList(), nil }

func (a *API) rows(r *http.Request, p route.Page) ([]Row, string, error) {
	found, next, err := a.actions(r, p)
	if err != nil {
		return nil, "", err
	}
	list := make([]Row, len(found))
	for i := range found {
		list[i] = rowOf(&found[i])
	}
	return list, next, nil
}

func (a *API) why(r *http.Request) (Why, error) {
	rec, err := a.find(r)
	if err != nil {
		return Why{}, err
	}
	whole, err := sight.Whole(r)
	if err != nil {
		return Why{}, err
	}
	if !whole {
		rec = rec.Bare()
	}
	now, err := a.Rules.Explain(&rec)
	if err != nil && !whole && rec.Keeps() {
		return Why{}, route.Conflict("cannot tell without the body, which bodies=1 and a fresh proof show: %w", err)
	}
	if err != nil {
		return Why{}, route.Conflict("cannot tell: %w", err)
	}
	return Why{now}, nil
}
