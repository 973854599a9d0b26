// Package spend shows operators what language models took: tokens, requests and
// money, by whom and by what, over time. It adds up what the store has summed; what
// a call costs was worked out when it was recorded.
package spend

import (
	"context"
	"net/http"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/usage"
	"sallyport.dev/sallyport/dashboard/route"
)

// Of what is asked for.
const (
	defaultSince = "7d"
	maxSpan      = 400 * 24 * time.Hour
	maxBy        = 3
)

// A Store gives sums.
type Store interface {
	Usage(ctx context.Context, q usage.Query) ([]usage.Row, error)
}

// A Page is the part of the API that is about usage.
type Page struct {
	Store Store
	// Roles lists the roles that an agent is in now.
	Roles func(*action.Peer) []string
}

// Routes are the rows of the API's table.
func (p Page) Routes() route.Table {
	return route.Table{{
		Method: "GET", Pattern: "/api/v1/usage", Right: route.Viewer, Do: route.Out(p.usage),
		Doc: "What language models took, in groups: tokens, requests and money.",
		Query: []string{
			"since when: 24h, 7d, today (UTC), a date or a time; 7d unless stated", "until when: a date or a time; now unless stated",
			"by what, with commas: " + strings.Join(usage.Dimensions(), ", ") + "; agent unless stated, total for nothing", "step hour or day: with a line over time",
		},
	}}
}

func (p Page) usage(r *http.Request) (*usage.Report, error) {
	params := r.URL.Query()
	q, err := span(params.Get("since"), params.Get("until"), time.Now().UTC())
	if err != nil {
		return nil, err
	}
	switch step := params.Get("step"); step {
	case "":
	case "hour":
		q.Step = time.Hour
	case "day":
		q.Step = 24 * time.Hour
	default:
		return nil, route.BadRequest("step %q is neither hour nor day", step)
	}
	if q.Step > 0 && q.Until.Sub(q.Since)/q.Step >= usage.MaxSteps-1 {
		return nil, route.BadRequest("that are more than %d steps: take longer ones, or less time", usage.MaxSteps)
	}
	by, err := dimensions(params.Get("by"))
	if err != nil {
		return nil, err
	}
	rows, err := p.Store.Usage(r.Context(), q)
	if err != nil {
		return nil, err
	}
	report, err := usage.Fold(q, by, rows, p.roles)
	if err != nil {
		return nil, route.BadRequest("by: %w", err)
	}
	return report, nil
}

func (p Page) roles(a usage.Agent) []string {
	return p.Roles(&action.Peer{ID: a.ID, Name: a.Name, User: a.User, Tags: a.Tags, Enrolled: a.Roles})
}

func dimensions(text string) ([]string, error) {
	switch text {
	case "":
		return []string{"agent"}, nil
	case "total":
		return []string{}, nil
	}
	by := strings.Split(text, ",")
	if len(by) > maxBy {
		return nil, route.BadRequest("by: more than %d are not told apart at once", maxBy)
	}
	return by, nil
}

// span reads the time that is asked for, in the words of the query language.
func span(since, until string, now time.Time) (usage.Query, error) {
	if since == "" {
		since = defaultSince
	}
	text := "since:" + since
	if since == "today" {
		text = "since:" + now.Format(time.DateOnly)
	}
	if until != "" {
		text += " until:" + until
	}
	parsed, err := audit.ParseQuery(text)
	if err != nil || len(parsed.Terms) > 0 {
		return usage.Query{}, route.BadRequest("since %q until %q is no time: %w", since, until, err)
	}
	parsed = parsed.Resolve(now)
	q := usage.Query{Since: parsed.Since, Until: parsed.Until}
	if q.Until.IsZero() {
		q.Until = now.Add(time.Second) // with what was asked this very second
	}
	switch length := q.Until.Sub(q.Since); {
	case length <= 0:
		return usage.Query{}, route.BadRequest("until is not after since")
	case length > maxSpan:
		return usage.Query{}, route.BadRequest("that is more than %d days", maxSpan/(24*time.Hour))
	}
	return q, nil
}
