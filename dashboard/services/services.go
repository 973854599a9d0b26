// Package services is the API of what agents may reach: the presets that a service
// can be made of, and whether one can be reached as things stand. What a preset
// holds and which way leads there is for others to say.
package services

import (
	"context"
	"net/http"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
)

// A Preset is what is known of a well-known service.
type Preset struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	About       string   `json:"about"` // in a few sentences, for people
	Protocol    string   `json:"protocol"`
	Hosts       []string `json:"hosts"`             // none: they must be stated
	Auth        string   `json:"auth,omitempty"`    // as the configuration says it; "": none, or it must be stated
	Secrets     []string `json:"secrets,omitempty"` // that Auth names
	Posture     string   `json:"posture"`
	Probe       string   `json:"probe,omitempty"` // the request that tries the account
	// Operations are the names of what it knows, by effect; "" holds those whose
	// effect the request itself tells.
	Operations map[string][]string `json:"operations,omitempty"`
	HCL        string              `json:"hcl"` // the whole of it
}

// A Wish says which of several ways to a service is tried.
type Wish struct {
	Host string `json:"host,omitempty"` // with a port or without; "": the first that is declared
	Role string `json:"role,omitempty"` // whose account is used; "": the first that uses the service
}

// A Shelf answers for the presets of a build and for the services in force.
type Shelf struct {
	Presets []Preset
	// Reach tries the way to a service. It blocks for as long as that takes.
	Reach func(ctx context.Context, name string, wish Wish) (action.Contact, error)
}

// Routes is the table of this part of the API.
func (s Shelf) Routes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/presets", Right: route.Viewer, Do: route.Out(s.presets),
			Doc: "Every preset that a service can be made of.",
		},
		{
			Method: "POST", Pattern: "/api/v1/services/{name}/test", Right: route.Editor, Do: route.May(s.test),
			Doc: "Tries the way to a service with the account that an agent's action would get: look-up, connection, TLS, log-in.",
		},
	}
}

func (s Shelf) presets(*http.Request) ([]Preset, error) { return s.Presets, nil }

func (s Shelf) test(r *http.Request, wish Wish) (action.Contact, error) {
	c, err := s.Reach(r.Context(), r.PathValue("name"), wish)
	if err != nil {
		return c, err
	}
	if n := len(c.Steps); n > 0 {
		route.Note(r, "result", c.Steps[n-1].Name+" "+c.Steps[n-1].State)
	}
	return c, nil
}
