package book

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/pair"
	"sallyport.dev/sallyport/dashboard/route"
)

// A Pair says that an edit takes two people, and keeps those that wait for the
// second one.
type Pair struct {
	*pair.Shelf
	Wanted func() bool
	// May reports whether somebody has a right, as far as that can be known without
	// them.
	May func(who action.Person, right route.Right) bool
}

// A Pending proposal and what it would do now.
type Pending struct {
	Proposal pair.Proposal  `json:"proposal"`
	Preview  action.Preview `json:"preview"`
}

// ETag names the text that the preview is about: who applies the proposal names it.
func (p Pending) ETag() string { return p.Preview.Base }

func (b *Book) pairRoutes(at string) route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: at + "/proposals", Right: route.Viewer, Do: route.Out(b.proposals),
			Doc: "The edits that wait for a second person, oldest first.",
		},
		{
			Method: "GET", Pattern: at + "/proposals/{id}", Right: route.Editor, Do: route.Out(b.proposal),
			Doc: "An edit that waits, checked and tested against the configuration as it is now.",
		},
		{
			Method: "POST", Pattern: at + "/proposals/{id}/apply", Right: route.Editor, StepUp: true, Do: route.Out(b.second),
			Doc: "Takes an edit that somebody else wrote, through the same checks; both stand in the history.",
		},
		{
			Method: "DELETE", Pattern: at + "/proposals/{id}", Right: route.Editor, Do: route.May(b.reject),
			Doc: "Takes an edit that waits away, by its author or by who would not apply it.",
		},
	}
}

// waits reports whether an edit of the caller's waits for a second person. The host
// needs none, and that is kept.
func (b *Book) waits(c route.Caller) bool {
	return b.Pair != nil && b.Pair.Wanted() && c.Person.Via != route.HostVia
}

// propose keeps a draft for a second person to take. It is checked as if it were
// taken now.
func (b *Book) propose(r *http.Request, d action.Draft, by Author) (Taken, error) {
	c, _ := route.CallerOf(r.Context())
	if c.Person.Via == "token" {
		return Taken{}, route.Forbidden("a token is neither of two persons; log in to propose it")
	}
	t, err := b.Editor.Text(r.Context())
	if err != nil {
		return Taken{}, told(err, nil)
	}
	if err := route.IfMatch(r, t.Revision); err != nil {
		return Taken{}, err
	}
	p, err := b.Editor.Preview(r.Context(), d, func(list []action.Guarded) error { return permit(r, list) })
	switch {
	case err != nil:
		return Taken{}, told(err, nil)
	case !p.OK:
		return Taken{}, route.With(route.Fault{Status: http.StatusUnprocessableEntity, Err: errors.New("the configuration would not load, or its tests fail")}, p)
	case len(p.Files) == 0:
		return Taken{}, route.Conflict("nothing would change")
	case p.Base != t.Revision:
		return Taken{}, route.Stale(errors.New("it was changed meanwhile; look at it again"))
	case len(p.Guarded) > 0:
		if err := permit(r, p.Guarded); err != nil {
			return Taken{}, err
		}
	}
	kept, err := b.Pair.Add(r.Context(), pair.Proposal{
		By: c.Person, Note: by.Note, Base: t.Revision, Diff: p.Diff, Guarded: p.Guarded, Tests: p.Tests, Draft: d,
		Touches: pair.Touched(t, d), Granted: !b.Pair.May(c.Person, route.Editor),
	})
	if errors.Is(err, pair.ErrFull) {
		return Taken{}, route.Conflict("%w", err)
	}
	if err != nil {
		return Taken{}, err
	}
	route.Note(r, "proposal", kept.ID)
	route.Note(r, "note", kept.Note)
	return Taken{Preview: p, Waits: &kept}, nil
}

func (b *Book) proposals(r *http.Request) ([]pair.Proposal, error) {
	if b.Pair == nil {
		return []pair.Proposal{}, nil
	}
	list := b.Pair.List()
	b.drafts(r, list)
	for i := range list {
		list[i].Draft, list[i].Touches = action.Draft{}, nil // one by itself has them
	}
	return list, nil
}

// waiting gives the proposal that a request names.
func (b *Book) waiting(r *http.Request) (pair.Proposal, error) {
	if b.Pair == nil {
		return pair.Proposal{}, route.NotFound("proposal %s: %w", r.PathValue("id"), pair.ErrNone)
	}
	p, err := b.Pair.Get(r.PathValue("id"))
	if err != nil {
		return p, gone(r.PathValue("id"), err)
	}
	return p, nil
}

func (b *Book) proposal(r *http.Request) (Pending, error) {
	p, err := b.waiting(r)
	if err != nil {
		return Pending{}, err
	}
	now, err := b.Editor.Preview(r.Context(), p.Draft, func(list []action.Guarded) error { return permit(r, list) })
	return Pending{p, now}, told(err, nil)
}

// second takes a proposal on behalf of another person than its author.
func (b *Book) second(r *http.Request) (Taken, error) {
	p, err := b.waiting(r)
	if err != nil {
		return Taken{}, err
	}
	tag := strings.Trim(r.Header.Get("If-Match"), `"`)
	if err := route.IfMatch(r, tag); err != nil {
		return Taken{}, err
	}
	c, _ := route.CallerOf(r.Context())
	route.Note(r, "author", p.By.Name)
	if err := b.mayPair(c, p); err != nil {
		return Taken{}, err
	}
	t, err := b.Editor.Text(r.Context())
	if err != nil {
		return Taken{}, told(err, nil)
	}
	if err := p.Fits(t); err != nil {
		return Taken{}, route.Stale(err)
	}
	by := Author{Name: p.By.Name, Base: tag, Note: p.Note, Approved: c.Person.Name, BreakGlass: c.Person.Via == route.HostVia}
	back, err := b.Pair.Take(p.ID)
	if err != nil {
		return Taken{}, gone(p.ID, err)
	}
	rev, preview, err := b.Editor.Apply(r.Context(), p.Draft, by, func(list []action.Guarded) error {
		for _, g := range list {
			if !slices.Contains(p.Guarded, g) || !p.Granted && !b.Pair.May(p.By, route.Admin) {
				return route.Forbidden("%s, who wrote it, was not permitted: %s %q %s", p.By.Name, g.Kind, g.Name, g.What)
			}
		}
		return permit(r, list)
	})
	ctx := context.WithoutCancel(r.Context()) // what was applied must not wait any more
	if err != nil {
		back(ctx, false) //nolint:errcheck // nothing is written
		return Taken{}, told(err, preview)
	}
	noteTaken(r, rev)
	rev.Files = nil
	return Taken{Revision: rev, Preview: preview}, back(ctx, true)
}

// gone says that a proposal is not there to be had, and why.
func gone(id string, err error) error {
	switch {
	case errors.Is(err, pair.ErrNone):
		return route.NotFound("proposal %s: %w", id, err)
	case errors.Is(err, pair.ErrBusy):
		return route.Conflict("proposal %s: %w", id, err)
	}
	return err
}

// mayPair says why the caller cannot be the second person; nil if they can.
func (b *Book) mayPair(c route.Caller, p pair.Proposal) error {
	if err := p.Second(c.Person); err != nil {
		return route.Forbidden("%w", err)
	}
	if c.Person.Via == "token" {
		return route.Forbidden("a token is no second person; log in to apply it")
	}
	if !p.Granted && !b.Pair.May(p.By, route.Editor) {
		return route.Forbidden("%s, who wrote it, may not edit any more", p.By.Name)
	}
	return nil
}

func (b *Book) reject(r *http.Request, why Reason) (route.Nothing, error) {
	p, err := b.waiting(r)
	if err != nil {
		return route.Nothing{}, err
	}
	route.Note(r, "author", p.By.Name)
	route.Note(r, "note", strings.TrimSpace(why.Note))
	return route.Nothing{}, gone(p.ID, b.Pair.Drop(r.Context(), p.ID))
}
