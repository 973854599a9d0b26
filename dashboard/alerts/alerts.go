// Package alerts is the part of the API that tells what is wrong with a gateway, who
// was told of it and where that goes. It watches nothing and sends nothing itself.
package alerts

import (
	"net/http"
	"time"

	"sallyport.dev/sallyport/dashboard/outlet"
	"sallyport.dev/sallyport/dashboard/route"
)

// An Alert says that something is wrong, or is not any more. It holds names and
// times, never a value.
type Alert struct {
	What    string    `json:"what"`
	Since   time.Time `json:"since"`
	Gone    bool      `json:"gone"`
	Agent   string    `json:"agent,omitempty"`
	Service string    `json:"service,omitempty"`
	Action  string    `json:"action,omitempty"` // the id of a record
	Told    time.Time `json:"told,omitzero"`    // when it was handed over; none yet: to nobody
}

// A State is what there is to say.
type State struct {
	Standing []Alert         `json:"standing"` // what is wrong now, oldest first
	Told     []Alert         `json:"told"`     // since the start of the gateway, newest first
	To       []outlet.Outlet `json:"to"`       // where alerts go; empty: nobody is told
	Denied   int             `json:"denied,omitempty"`
	Window   int64           `json:"window_seconds,omitempty"` // within which more refusals of one agent are an alert
}

// A Page answers for one gateway.
type Page struct{ State func(*http.Request) State }

// Routes is the table of this part of the API.
func (p Page) Routes() route.Table {
	return route.Table{{
		Method: "GET", Pattern: "/api/v1/alerts", Right: route.Viewer, Do: route.Out(p.state),
		Doc: "What is wrong now and since when, the last alerts that somebody was told, where they go and whether that works.",
	}}
}

func (p Page) state(r *http.Request) (State, error) {
	s := p.State(r)
	s.Standing, s.Told, s.To = append([]Alert{}, s.Standing...), append([]Alert{}, s.Told...), append([]outlet.Outlet{}, s.To...)
	return s, nil
}
