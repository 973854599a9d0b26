package dashboard

import (
	"errors"
	"net/http"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/route"
)

// A Vote is what an operator says to an ask.
type Vote struct {
	Note string `json:"note,omitempty"`
}

func (a *API) approvals(*http.Request) ([]approval.Request, error) { return a.Desk.List(), nil }

func (a *API) approval(r *http.Request) (approval.Request, error) {
	req, ok := a.Desk.Get(r.PathValue("id"))
	if !ok {
		return approval.Request{}, route.NotFound("approval %s: %w", r.PathValue("id"), approval.ErrUnknown)
	}
	return req, nil
}

func (a *API) approve(r *http.Request, v Vote) (approval.Request, error) { return a.vote(r, v, true) }

func (a *API) deny(r *http.Request, v Vote) (approval.Request, error) { return a.vote(r, v, false) }

func (a *API) vote(r *http.Request, v Vote, yes bool) (approval.Request, error) {
	req, err := a.Desk.Answer(r.PathValue("id"), yes, action.Person{Name: route.Name(r), Via: "admin.sock"}, v.Note, approval.Scope{})
	switch {
	case errors.Is(err, approval.ErrUnknown):
		return approval.Request{}, route.NotFound("%w", err)
	case errors.Is(err, approval.ErrAnswered):
		return approval.Request{}, route.Conflict("%w", err)
	case err != nil:
		return approval.Request{}, err
	}
	return req, nil
}
