package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
)

// An Acceptance says why records are missing.
type Acceptance struct {
	Note string `json:"note"`
}

func (a *API) acceptGaps(r *http.Request, why Acceptance) ([]audit.Gap, error) {
	note := strings.TrimSpace(why.Note)
	if note == "" {
		return nil, route.BadRequest("say in note why the records are missing")
	}
	gaps, err := a.Log.Accept(r.Context())
	if errors.Is(err, audit.ErrNoGap) || errors.Is(err, audit.ErrChanged) {
		return nil, route.Conflict("%w", err)
	}
	if err != nil {
		return nil, err
	}
	var missing, unproven []string
	for _, g := range gaps {
		missing = append(missing, fmt.Sprintf("%d to %d", g.From, g.To))
		if g.Unproven != 0 {
			unproven = append(unproven, fmt.Sprintf("%d to %d", g.Unproven, g.From-1))
		}
	}
	route.Note(r, "records", strings.Join(missing, ", "))
	if len(unproven) > 0 {
		route.Note(r, "unproven", strings.Join(unproven, ", "))
	}
	route.Note(r, "note", note)
	return gaps, nil
}
