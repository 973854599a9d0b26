package dashboard

import (
	"errors"
	"net/http"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
)

// A Vote is what an operator says to an ask.
type Vote struct {
	Note string `json:"note,omitempty"`
}

func (a *API) approvals(*http.Request) (any, error) { return a.Desk.List(), nil }

func (a *API) approval(r *http.Request) (any, error) {
	req, ok := a.Desk.Get(r.PathValue("id"))
	if !ok {
		return nil, notFound("approval %s: %w", r.PathValue("id"), approval.ErrUnknown)
	}
	return req, nil
}

func (a *API) approve(r *http.Request) (any, error) { return a.vote(r, true) }

func (a *API) deny(r *http.Request) (any, error) { return a.vote(r, false) }

func (a *API) vote(r *http.Request, yes bool) (any, error) {
	var v Vote
	if r.ContentLength != 0 {
		if err := decode(r, &v); err != nil {
			return nil, err
		}
	}
	req, err := a.Desk.Answer(r.PathValue("id"), yes, action.Person{Name: operator(r), Via: "admin.sock"}, v.Note, approval.Scope{})
	switch {
	case errors.Is(err, approval.ErrUnknown):
		return nil, notFound("%w", err)
	case errors.Is(err, approval.ErrAnswered):
		return nil, conflict("%w", err)
	case err != nil:
		return nil, err
	}
	return req, nil
}
