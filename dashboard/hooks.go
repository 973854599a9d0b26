package dashboard

import "sallyport.dev/sallyport/dashboard/route"

// hookRoutes are for programs that prove themselves by the signature of what they
// send, not by who they are.
func (a *API) hookRoutes() route.Table {
	return route.Table{
		{Method: "POST", Pattern: "/api/v1/approvals/{id}/answer", Right: route.None, Do: route.Plain("application/json", a.Answers),
			Doc: "Answers an ask with a message signed by the key of a webhook."},
	}
}
