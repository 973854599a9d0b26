package book

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/sight"
)

// A Replayer judges what was recorded by the rules of a draft, and by those in
// force. It bounds what it does and how long that takes. What was sent in bodies it
// looks at only for a query that is Whole: a draft can ask anything of it.
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
	if query.Whole, err = sight.Whole(r); err != nil {
		return nil, err
	}
	if sight.Asked(r) {
		text, err := json.Marshal(q.Draft)
		if err != nil {
			return nil, fmt.Errorf("write the draft down: %w", err)
		}
		sum := sha256.Sum256(text)
		route.Note(r, "draft", hex.EncodeToString(sum[:]))
		route.Note(r, "since", q.Since)
	}
	got, err := b.Replayer.Impact(r.Context(), q.Draft, query)
	return got, told(err, nil)
}
