package dashboard

import (
	"net/http"
	"time"
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
	Warnings    []string       `json:"warnings,omitempty"`

	// Accounts lists what is wrong with the accounts of services, by service, as
	// their last sessions showed it.
	Accounts map[string][]string `json:"account_warnings,omitempty"`
}

func (a *API) status(*http.Request) (any, error) {
	s := a.Status()
	s.Version, s.Started, s.Ready = a.Version, a.Started, "ready"
	if err := a.Ready(); err != nil {
		s.Ready = err.Error()
	}
	s.Agents, s.Pending = len(a.Roster.List()), len(a.Desk.List())
	return s, nil
}
