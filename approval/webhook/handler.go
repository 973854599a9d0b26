package webhook

import (
	"encoding/json"
	"errors"
	"net/http"

	"sallyport.dev/sallyport/approval"
)

// ServeHTTP takes a signed answer to the ask that the path names as {id}. Who
// has no key learns nothing of what there is to answer.
func (in *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got, err := in.Take(r.PathValue("id"), r.Header, r.Body)
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		status := statusOf(err)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": err.Error()}) //nolint:errcheck // the sender has gone
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"id": got.ID, "state": got.State, "needs": got.Needs}) //nolint:errcheck // as above
}

func statusOf(err error) int {
	for _, c := range []struct {
		err    error
		status int
	}{
		{ErrSignature, http.StatusUnauthorized},
		{ErrKey, http.StatusUnauthorized},
		{ErrForm, http.StatusBadRequest},
		{ErrReplay, http.StatusConflict},
		{approval.ErrAnswered, http.StatusConflict},
		{approval.ErrUnknown, http.StatusNotFound},
		{ErrNotForHooks, http.StatusForbidden},
		{approval.ErrNotYours, http.StatusForbidden},
		{approval.ErrStepUp, http.StatusForbidden},
		{approval.ErrScope, http.StatusBadRequest},
	} {
		if errors.Is(err, c.err) {
			return c.status
		}
	}
	return http.StatusInternalServerError
}
