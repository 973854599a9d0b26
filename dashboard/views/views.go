// Package views keeps the views that people have saved: a name for what the list
// of actions shows. Each person has their own; what a view finds is not kept.
package views

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
)

// Bounds of what one person keeps.
const (
	maxViews = 50
	maxName  = 60   // letters
	maxState = 2000 // bytes
)

// bucket is where they are kept, by the name of the person.
const bucket = "views"

// A Store keeps one value for each person.
type Store interface {
	Get(ctx context.Context, bucket, key string) (value []byte, ok bool, err error)
	Put(ctx context.Context, bucket, key string, value []byte) error
}

// A View is what the list of actions shows, under a name.
type View struct {
	Name  string    `json:"name"`
	State string    `json:"state"` // the query of its address: "q=verdict%3Adeny&since=24h"
	Saved time.Time `json:"saved"`
}

// A State is what a view becomes.
type State struct {
	State string `json:"state"`
}

// A Shelf keeps views. Every field is set before the first request.
type Shelf struct {
	Store Store
	Now   func() time.Time

	mu sync.Mutex // one change at a time
}

// Routes is the table of this part of the API.
func (s *Shelf) Routes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/views", Right: route.Viewer, Do: route.Out(s.list),
			Doc: "The caller's saved views of the recorded actions.",
		},
		{
			Method: "PUT", Pattern: "/api/v1/views/{name}", Right: route.Known, Do: route.Take(s.put),
			Doc: "Saves a view of the caller's, in place of the one of that name.",
		},
		{
			Method: "DELETE", Pattern: "/api/v1/views/{name}", Right: route.Known, Do: route.Out(s.remove),
			Doc: "Removes a saved view of the caller's.",
		},
	}
}

// of gives the key of the caller's views: their name as it is. Two names that differ
// in a capital only may be of two people.
func of(r *http.Request) string { return route.Name(r) }

func (s *Shelf) read(ctx context.Context, key string) ([]View, error) {
	b, ok, err := s.Store.Get(ctx, bucket, key)
	list := []View{}
	if err != nil || !ok {
		return list, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("the saved views of %s: %w", key, err)
	}
	return list, nil
}

func (s *Shelf) write(ctx context.Context, key string, list []View) error {
	b, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("the saved views of %s: %w", key, err)
	}
	return s.Store.Put(ctx, bucket, key, b)
}

func (s *Shelf) list(r *http.Request) ([]View, error) { return s.read(r.Context(), of(r)) }

// looks fails for somebody who may not see what a view shows; a view is their own
// otherwise, and no right to change something is needed to keep it.
func looks(r *http.Request) error {
	if c, _ := route.CallerOf(r.Context()); !c.Rights.Has(route.Viewer) {
		return route.Forbidden("a view is of the recorded actions, and they need the right %q", route.Viewer)
	}
	return nil
}

func (s *Shelf) put(r *http.Request, to State) (View, error) {
	if err := looks(r); err != nil {
		return View{}, err
	}
	v := View{Name: strings.TrimSpace(r.PathValue("name")), State: strings.TrimPrefix(to.State, "?"), Saved: s.Now().UTC()}
	if err := check(v); err != nil {
		return View{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.read(r.Context(), of(r))
	if err != nil {
		return View{}, err
	}
	list = slices.DeleteFunc(list, func(o View) bool { return o.Name == v.Name })
	if len(list) >= maxViews {
		return View{}, route.Conflict("you have %d saved views, which is all there may be; remove one first", maxViews)
	}
	list = append(list, v)
	slices.SortFunc(list, func(a, b View) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return v, s.write(r.Context(), of(r), list)
}

// check refuses names that cannot be read and states that no list can show.
func check(v View) error {
	unseen := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case v.Name == "" || utf8.RuneCountInString(v.Name) > maxName || strings.ContainsFunc(v.Name, unseen) || !utf8.ValidString(v.Name):
		return route.BadRequest("a view has a name of 1 to %d letters", maxName)
	case len(v.State) > maxState:
		return route.BadRequest("a view of more than %d bytes cannot be saved", maxState)
	}
	q, err := url.ParseQuery(v.State)
	if err != nil {
		return route.BadRequest("%q is no state of a list: %w", v.State, err)
	}
	for key := range q {
		if key != "q" && key != "since" && key != "until" {
			return route.BadRequest("a view holds q, since and until; %q is none of them", key)
		}
	}
	if _, err := audit.ParseQuery(q.Get("q")); err != nil {
		return route.BadRequest("q: %w", err)
	}
	return nil
}

func (s *Shelf) remove(r *http.Request) (route.Nothing, error) {
	if err := looks(r); err != nil {
		return route.Nothing{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.read(r.Context(), of(r))
	if err != nil {
		return route.Nothing{}, err
	}
	left := slices.DeleteFunc(slices.Clone(list), func(o View) bool { return o.Name == r.PathValue("name") })
	if len(left) == len(list) {
		return route.Nothing{}, route.NotFound("you have no view %q", r.PathValue("name"))
	}
	return route.Nothing{}, s.write(r.Context(), of(r), left)
}
