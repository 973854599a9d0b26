// Package outlet is the part of the API that tells whom the gateway tells: systems
// that are handed every record, and channels that asks are shown in. It sends
// nothing itself, but has a message sent that says it is a trial.
package outlet

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sallyport.dev/sallyport/dashboard/route"
)

// The kinds of an Outlet.
const (
	Syslog  = "syslog"
	Records = "records" // by webhook
	Hook    = "webhook" // of an approver
	Slack   = "slack"
)

// An Outlet is somebody who is told.
type Outlet struct {
	Kind      string    `json:"kind"` // "syslog", "records", "webhook" or "slack"
	Name      string    `json:"name"`
	Target    string    `json:"target"`             // where it is; never a secret
	Of        []string  `json:"of,omitempty"`       // the approvers whose asks it shows
	Alerts    bool      `json:"alerts,omitempty"`   // it is told of alerts
	Delivered time.Time `json:"delivered,omitzero"` // when something last arrived
	Problem   string    `json:"problem,omitempty"`  // why nothing does
	Since     time.Time `json:"since,omitzero"`     // of the problem
	Records   *Progress `json:"records,omitempty"`  // of one that is handed records
	Trial     bool      `json:"can_test,omitempty"` // a message can be sent that says it is a trial
}

// Progress says how far a receiver of records is.
type Progress struct {
	Arrived uint64 `json:"arrived"` // the number of the last one that it has
	Behind  uint64 `json:"behind"`
	Lost    uint64 `json:"lost,omitempty"` // dropped by age before it had them
}

// ErrUnknown means that nobody of that name can be tried.
var ErrUnknown = errors.New("no channel of that name takes a trial")

// Outlets answers about all of them.
type Outlets struct {
	List func(context.Context) []Outlet
	// Try sends a message that says it is a trial, and waits for how that went.
	Try func(ctx context.Context, name string) error
}

// Routes are the rows of the API's table.
func (o Outlets) Routes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/outlets", Right: route.Viewer, Do: route.Out(o.list),
			Doc: "Whom the gateway tells: systems that are handed every record, and how far each is; channels that asks are shown in.",
		},
		{
			Method: "POST", Pattern: "/api/v1/outlets/{name}/test", Right: route.Editor, Do: route.Out(o.test),
			Doc: "Sends a channel of asks a message that says it is a trial.",
		},
	}
}

func (o Outlets) list(r *http.Request) ([]Outlet, error) {
	return append([]Outlet{}, o.List(r.Context())...), nil
}

func (o Outlets) test(r *http.Request) (route.Nothing, error) {
	err := o.Try(r.Context(), r.PathValue("name"))
	switch {
	case errors.Is(err, ErrUnknown):
		return route.Nothing{}, route.NotFound("%w", err)
	case err != nil:
		return route.Nothing{}, route.Conflict("the trial did not arrive: %w", err)
	}
	return route.Nothing{}, nil
}
