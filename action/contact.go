package action

import "time"

// A Contact is what came of the gateway trying to reach a service by itself, as
// it would for an agent: the way there, step by step, until one fails. It holds
// nothing secret.
type Contact struct {
	Service     string       `json:"service"`
	Host        string       `json:"host"` // that was asked for, with its port
	Role        string       `json:"role"` // whose account was used
	OK          bool         `json:"ok"`   // no step failed
	Steps       []Step       `json:"steps"`
	Certificate *Certificate `json:"certificate,omitempty"`
}

// A Step is one part of the way to a service.
type Step struct {
	Name  string        `json:"name"`  // "dns", "tcp", "tls", "account"
	State string        `json:"state"` // "ok", "failed", "unsure" or "skipped"
	Says  string        `json:"says"`
	Took  time.Duration `json:"took_ns,omitempty"`
}

// A Certificate is what the other end proved itself by.
type Certificate struct {
	Name    string    `json:"name"` // that it was verified for
	Issuer  string    `json:"issuer"`
	Expires time.Time `json:"expires"`
}

// Failed gives the step that something went wrong in.
func Failed(name string, err error) Step { return Step{Name: name, State: "failed", Says: err.Error()} }
