package dashboard

import (
	"net/http"
	"time"

	"sallyport.dev/sallyport/dashboard/route"
)

// Status is how the gateway stands.
type Status struct {
	Version     string         `json:"version"`
	Started     time.Time      `json:"started"`
	Ready       string         `json:"ready"` // "ready", or what is missing
	Config      string         `json:"config"`
	Loaded      time.Time      `json:"loaded"`                 // when the rules in force were read
	ConfigError string         `json:"config_error,omitempty"` // why a later change was not taken
	Services    int            `json:"services"`
	Rules       int            `json:"rules"`
	Agents      int            `json:"agents"`
	Open        map[string]int `json:"open_connections,omitempty"` // by agent
	Pending     int            `json:"pending_approvals"`
	WireGuard   string         `json:"wireguard,omitempty"`  // where it listens
	PublicKey   string         `json:"public_key,omitempty"` // WireGuard's
	Address     string         `json:"address,omitempty"`    // inside the tunnel
	Tailnet     *Tailnet       `json:"tailnet,omitempty"`
	Dashboard   []string       `json:"dashboard,omitempty"` // where people come in, best first
	Warnings    []string       `json:"warnings,omitempty"`
	Alerts      []string       `json:"alerts_to,omitempty"` // where they go; nothing: nobody is told

	// Accounts lists what is wrong with the accounts of services, by service, as
	// their last sessions showed it.
	Accounts map[string][]string `json:"account_warnings,omitempty"`
}

// A Tailnet is how the gateway stands as a node of one.
type Tailnet struct {
	State     string    `json:"state"` // "Running", or what it waits for
	Name      string    `json:"name,omitempty"`
	Tailnet   string    `json:"tailnet,omitempty"`
	Addresses []string  `json:"addresses,omitempty"`
	Hostname  string    `json:"hostname"`
	Tags      []string  `json:"tags,omitempty"`
	Wanted    []string  `json:"wanted_tags,omitempty"` // what the configuration asks for
	Members   []string  `json:"members,omitempty"`     // tags and users that roles name
	Routes    []string  `json:"routes,omitempty"`      // advertised
	Refused   []string  `json:"refused,omitempty"`     // of these, not approved
	Expiry    time.Time `json:"expiry,omitzero"`
	HTTPS     bool      `json:"https"`
	Problems  []string  `json:"problems,omitempty"`

	Control     string       `json:"control_url,omitempty"` // "": Tailscale's own
	Nameservers []Nameserver `json:"nameservers,omitempty"` // that the tailnet names to its nodes
	Wide        []string     `json:"wide_open,omitempty"`   // agents whom the tailnet lets reach every address
}

// A Nameserver is one that a tailnet tells its nodes to ask.
type Nameserver struct {
	Address  string `json:"address"`
	Suffix   string `json:"suffix,omitempty"`    // for names below it; "": for all
	ExitNode bool   `json:"exit_node,omitempty"` // also by nodes that use an exit node
}

func (a *API) logout(r *http.Request) (route.Nothing, error) {
	if a.Logout == nil {
		return route.Nothing{}, route.Conflict("the configuration has no tailnet transport")
	}
	if err := a.Logout(r.Context()); err != nil {
		return route.Nothing{}, err
	}
	a.Logger.Warn("logged out of the tailnet", "by", route.Name(r))
	return route.Nothing{}, nil
}

func (a *API) status(*http.Request) (Status, error) {
	s := a.Status()
	s.Version, s.Started, s.Ready = a.Version, a.Started, "ready"
	if err := a.Ready(); err != nil {
		s.Ready = err.Error()
	}
	s.Agents, s.Pending = len(a.Roster.List()), a.Desk.Pending()
	return s, nil
}
