package route

import (
	"net/http"
	"reflect"
	"strconv"
)

// How many items of a list one answer has.
const (
	defaultLimit = 100
	// MaxLimit is the most that can be asked for.
	MaxLimit = 500
)

// A Page is which part of a list is asked for, by ?limit= and ?cursor=.
type Page struct {
	Limit  int    // at most 500
	Cursor string // where the part before ended; "": the beginning
}

// List answers with one page of a list. next, if there is more, is the cursor of
// the page after, which the answer gives as a Link header (RFC 8288) and, by
// itself, as Next-Cursor.
func List[T any](f func(*http.Request, Page) (items []T, next string, err error)) Endpoint {
	return Endpoint{Out: reflect.TypeFor[[]T](), Media: "application/json", Paged: true, serve: func(w http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		p := Page{Limit: defaultLimit, Cursor: q.Get("cursor")}
		if text := q.Get("limit"); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > MaxLimit {
				return BadRequest("limit %q is no number from 1 to %d", text, MaxLimit)
			}
			p.Limit = n
		}
		items, next, err := f(r, p)
		if err != nil {
			return err
		}
		if next != "" {
			q.Set("cursor", next)
			w.Header().Set("Link", "<"+r.URL.Path+"?"+q.Encode()+`>; rel="next"`)
			w.Header().Set("Next-Cursor", next)
		}
		if items == nil {
			items = []T{}
		}
		return answer(w, r, items)
	}}
}
