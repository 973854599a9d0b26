package dashboard

import (
	"fmt"
	"net/http"
	"strconv"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/sight"
)

// actions gives one page of what a query finds. A limit in the query itself holds
// where the request states none.
func (a *API) actions(r *http.Request, p route.Page) ([]audit.Record, string, error) {
	q, err := sight.Query(r)
	if err != nil {
		return nil, "", err
	}
	if q.Limit == 0 || r.URL.Query().Has("limit") {
		q.Limit = p.Limit
	}
	if p.Cursor != "" {
		if q.Before, err = strconv.ParseUint(p.Cursor, 10, 62); err != nil || q.Before == 0 {
			return nil, "", route.BadRequest("cursor %q is none that the gateway gave", p.Cursor)
		}
	}
	got, err := a.Log.Query(r.Context(), q)
	if err != nil {
		return nil, "", fmt.Errorf("query: %w", err)
	}
	next := ""
	if len(got) == q.Limit {
		next = strconv.FormatUint(got[len(got)-1].Seq, 10)
	}
	for i := range got {
		if !q.Whole {
			got[i] = got[i].Bare()
		}
	}
	return got, next, nil
}

func (a *API) action(r *http.Request) (audit.Record, error) {
	rec, err := a.find(r)
	if !sight.All(r) {
		rec = rec.Bare()
	}
	return rec, err
}

// find looks up the action that the path names.
func (a *API) find(r *http.Request) (audit.Record, error) {
	id := r.PathValue("id")
	got, err := a.Log.Query(r.Context(), audit.Query{Terms: []audit.Term{{Field: "id", Values: []string{id}}}, Limit: 1})
	if err != nil {
		return audit.Record{}, fmt.Errorf("look up action %s: %w", id, err)
	}
	if len(got) == 0 {
		return audit.Record{}, route.NotFound("no action has the id %s", id)
	}
	return got[0], nil
}
