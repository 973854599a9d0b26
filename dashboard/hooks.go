package dashboard

import (
	"net/http"

	"sallyport.dev/sallyport/dashboard/route"
)

// A Judge is a model that is asked before people are, and what it has cost today
// (UTC).
type Judge struct {
	Name    string `json:"name"`
	Service string `json:"service"`
	Model   string `json:"model"`
	Decides bool   `json:"decides"` // its yes settles a rule
	Calls   int64  `json:"calls_today"`
	Input   int64  `json:"input_tokens_today"`
	Output  int64  `json:"output_tokens_today"`
}

// hookRoutes are about whom the gateway turns to for answers. A program proves
// itself by the signature of what it sends, not by who it is.
func (a *API) hookRoutes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/judges", Right: route.Viewer, Do: route.Out(a.judges),
			Doc: "The judges of the rules in force, and what they have cost today.",
		},
		{
			Method: "POST", Pattern: "/api/v1/approvals/{id}/answer", Right: route.None, Do: route.Plain("application/json", a.Answers),
			Doc: "Answers an ask with a message signed by the key of a webhook.",
		},
	}
}

func (a *API) judges(r *http.Request) ([]Judge, error) {
	if a.Judges == nil {
		return []Judge{}, nil
	}
	return a.Judges(r.Context())
}
