package book

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
)

// A Replayer judges what was recorded by the rules of a draft, and by those in
// force. It bounds what it does and how long that takes.
type Replayer interface {
	Impact(ctx context.Context, d action.Draft, q audit.Query) (*action.Impact, error)
}

// A Question is what a draft would have changed.
type Question struct {
	action.Draft
	Since string `json:"since,omitempty"` // "24h", "7d" or a time; "": 24h
}

// impact says which recorded actions a draft would have decided otherwise.
func (b *Book) impact(r *http.Request, q Question) (*action.Impact, error) {
	query, err := audit.ParseQuery("since:" + strconv.Quote(cmp.Or(q.Since, "24h")))
	if err != nil {
		return nil, route.BadRequest("since: %w", err)
	}
	got, err := b.Replayer.Impact(r.Context(), q.Draft, query)
	return got, told(err, nil)
}
