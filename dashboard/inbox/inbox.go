// Package inbox is where operators answer: the asks that wait, yeses for longer,
// and what agents propose. Who may answer what the desk decides; this says it in
// the API's words.
package inbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/route"
)

const (
	mostListed = 200       // asks of one list, unless it says otherwise
	answered   = 20        // settled asks behind those that wait
	wholeList  = 512 << 10 // bytes of samples in one list; of more there are none
	atMost     = 10_000    // asks that one list may hold
)

// A Desk is what the inbox needs of the approvals.
type Desk interface {
	First(n int) []approval.Request
	Past(n int) []approval.Request
	Grants() []approval.Request
	Get(id string) (approval.Request, bool)
	MayAnswer(r approval.Request, who action.Person) bool
	Answer(id string, yes bool, who action.Person, note string, scope approval.Scope) (approval.Request, error)
	Revoke(id string, who action.Person) (approval.Request, error)
	Transcript(id string, w io.Writer) error
}

// Inbox answers operators about the asks of a Desk.
type Inbox struct {
	Desk    Desk
	Drafter Drafter // nil: nothing is drafted
}

// An Answer is what an operator says to an ask.
type Answer struct {
	Note  string `json:"note,omitempty"`  // for the agent and the record
	Scope string `json:"scope,omitempty"` // "once" (default), "exact" or "similar"
	For   string `json:"for,omitempty"`   // of the other two, such as "15m"
	Times int    `json:"times,omitempty"` // of similar: uses; 0 is any number
}

// Routes are the rows of the API's table. Members of an approver may look at and
// answer what they are asked without any other right, so the rows let in whoever is
// known and the handlers look closer.
func (b Inbox) Routes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/approvals", Right: route.Known, Do: route.Out(b.list),
			Doc: "The asks that wait and, with past=N, the last ones that were settled; of a very long list without samples (brief).",
		},
		{
			Method: "GET", Pattern: "/api/v1/approvals/{id}", Right: route.Known, Do: route.Out(b.one),
			Doc: "One ask.",
		},
		{
			Method: "GET", Pattern: "/api/v1/approvals/{id}/whole", Right: route.Known, StepUp: true, Watched: true, Do: route.Out(b.whole),
			Doc:   "A piece of all that an ask would send, escaped as its sample is, with nothing left out for its length.",
			Query: []string{"offset of the piece, in bytes of the text", "limit of the piece, in bytes; at most a MiB"},
		},
		{
			Method: "GET", Pattern: "/api/v1/approvals/{id}/draft", Right: route.Viewer, Do: route.Out(b.sketch),
			Doc: "The edit that would answer an ask for good: a rule for the likes of the action, or the service that an agent proposes. An editor takes it with /policy/apply.",
		},
		{
			Method: "POST", Pattern: "/api/v1/approvals/{id}/approve", Right: route.Known, Do: route.May(b.approve),
			Doc: "Says yes to an ask: once, to exactly this again, or to what is similar to it.",
		},
		{
			Method: "POST", Pattern: "/api/v1/approvals/{id}/deny", Right: route.Known, Do: route.May(b.deny),
			Doc: "Says no to an ask.",
		},
		{
			Method: "GET", Pattern: "/api/v1/grants", Right: route.Known, Do: route.Out(b.grants),
			Doc: "The yeses for longer that are in force.",
		},
		{
			Method: "DELETE", Pattern: "/api/v1/grants/{id}", Right: route.Known, Do: route.Out(b.revoke),
			Doc: "Ends a yes for longer.",
		},
	}
}

// list gives what the caller may see.
func (b Inbox) list(r *http.Request) ([]approval.Request, error) {
	limit, err := number(r, "limit", mostListed)
	if err != nil {
		return nil, err
	}
	past, err := number(r, "past", answered)
	if err != nil {
		return nil, err
	}
	first := -1 // whoever does not see all of them
	if c, _ := route.CallerOf(r.Context()); c.Rights.Has(route.Viewer) {
		first = limit
	}
	list := b.visible(r, b.Desk.First(first))
	list = append(list[:min(len(list), limit)], b.visible(r, b.Desk.Past(past))...)
	total := 0
	for i := range list {
		total += len(list[i].Sample)
	}
	if total > wholeList {
		for i := range list {
			list[i].Sample, list[i].Brief = "", true
		}
	}
	return list, nil
}

func number(r *http.Request, name string, usual int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > atMost {
		return 0, route.BadRequest("%s is a number from 0 to %d", name, atMost)
	}
	return n, nil
}

// visible leaves what the caller may look at: a viewer everything but what would be
// sent, others what they may answer.
func (b Inbox) visible(r *http.Request, list []approval.Request) []approval.Request {
	c, _ := route.CallerOf(r.Context())
	if !c.Rights.Has(route.Viewer) {
		list = slices.DeleteFunc(list, func(a approval.Request) bool { return !b.Desk.MayAnswer(a, c.Person) })
	}
	for i := range list {
		list[i] = b.shown(r, list[i])
	}
	return list
}

// shown is an ask as the caller may read it.
func (b Inbox) shown(r *http.Request, a approval.Request) approval.Request {
	if !b.reads(r, a) {
		a.Hidden += int64(len(a.Sample))
		a.Sample, a.Digest = "", ""
	}
	return a
}

// reads reports whether the caller may read, without a proof, what an ask would send;
// beside an agent nobody may. Whoever may not gets no digest of it either, against which
// a short text is soon guessed.
func (b Inbox) reads(r *http.Request, a approval.Request) bool {
	c, _ := route.CallerOf(r.Context())
	if c.Shared {
		return false
	}
	return c.Rights.Has(route.Approver) || c.Person.Via != "token" && b.Desk.MayAnswer(a, c.Person)
}

func (b Inbox) one(r *http.Request) (approval.Request, error) {
	got, ok := b.Desk.Get(r.PathValue("id"))
	seen := b.visible(r, []approval.Request{got})
	if !ok || len(seen) == 0 {
		return approval.Request{}, route.NotFound("approval %s: %w", r.PathValue("id"), approval.ErrUnknown)
	}
	return seen[0], nil
}

func (b Inbox) approve(r *http.Request, a Answer) (approval.Request, error) {
	scope := approval.Scope{Kind: approval.ScopeKind(a.Scope), Times: a.Times}
	if a.For != "" {
		d, err := time.ParseDuration(a.For)
		if err != nil {
			return approval.Request{}, route.BadRequest("for is a duration such as 15m: %w", err)
		}
		scope.For = d
	}
	if got, ok := b.Desk.Get(r.PathValue("id")); ok && got.StepUp {
		if err := route.Fresh(r); err != nil {
			return approval.Request{}, err
		}
	}
	return b.answer(r, true, a.Note, scope)
}

func (b Inbox) deny(r *http.Request, a Answer) (approval.Request, error) {
	if a.Scope != "" || a.For != "" || a.Times != 0 {
		return approval.Request{}, route.BadRequest("a no has no scope")
	}
	return b.answer(r, false, a.Note, approval.Scope{})
}

func (b Inbox) answer(r *http.Request, yes bool, note string, scope approval.Scope) (approval.Request, error) {
	c, _ := route.CallerOf(r.Context())
	if c.Person.Via == "token" && !c.Rights.Has(route.Approver) {
		return approval.Request{}, route.Forbidden("this token was not made to approve")
	}
	got, err := b.Desk.Answer(r.PathValue("id"), yes, c.Person, note, scope)
	if err == nil {
		route.Note(r, "state", string(got.State))
		route.Note(r, "action", got.Summary)
		if got.BreakGlass {
			route.Note(r, "break_glass", "yes")
		}
		if got.Grant != nil {
			route.Note(r, "until", got.Grant.Until.UTC().Format(time.RFC3339))
		}
	}
	return b.shown(r, got), fault(err)
}

func (b Inbox) grants(r *http.Request) ([]approval.Request, error) {
	return append([]approval.Request{}, b.visible(r, b.Desk.Grants())...), nil
}

func (b Inbox) revoke(r *http.Request) (approval.Request, error) {
	c, _ := route.CallerOf(r.Context())
	if c.Person.Via == "token" && !c.Rights.Has(route.Approver) {
		return approval.Request{}, route.Forbidden("this token was not made to approve")
	}
	got, err := b.Desk.Revoke(r.PathValue("id"), c.Person)
	return b.shown(r, got), fault(err)
}

// fault gives an error of the desk its status.
func fault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, approval.ErrUnknown):
		return route.NotFound("%w", err)
	case errors.Is(err, approval.ErrAnswered):
		return route.Conflict("%w", err)
	case errors.Is(err, approval.ErrNotYours), errors.Is(err, approval.ErrStepUp):
		return route.Forbidden("%w", err)
	case errors.Is(err, approval.ErrScope):
		return route.BadRequest("%w", err)
	}
	return fmt.Errorf("answer: %w", err)
}
