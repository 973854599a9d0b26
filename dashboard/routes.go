package dashboard

import (
	"fmt"
	"net/http"

	"sallyport.dev/sallyport/dashboard/inbox"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/sight"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Routes is the whole API: one row for each thing that can be asked of the
// gateway, with the right it takes. To add one, write a row in the table of its
// subject below and a handler (of *API, or of a package under dashboard whose own
// table is appended here). route.Out answers with a Go value, route.Take reads one
// first, route.May reads one that may be missing, route.Raw writes by itself.
// Everything but GET is kept in the operators' audit; route.Note adds to it.
func (a *API) Routes() route.Table {
	var t route.Table
	for _, part := range []route.Table{
		a.healthRoutes(), a.Door.Routes(), a.agentRoutes(), a.secretRoutes(), a.Connect.Routes(), inbox.Inbox{Desk: a.Desk, Drafter: a.Drafter}.Routes(), a.recordRoutes(), a.hookRoutes(), a.catalogRoutes(), a.Shelf.Routes(), a.Book.Routes(),
	} {
		t = append(t, part...)
	}
	for _, part := range a.Parts {
		t = append(t, part.Routes()...)
	}
	return t
}

// Handler serves the routes to callers that the listener has proven.
func (a *API) Handler() http.Handler { return a.Routes().Handler(a.Logger, a.Witness) }

func (a *API) healthRoutes() route.Table {
	alive := func(w http.ResponseWriter, _ *http.Request) error {
		_, err := fmt.Fprintln(w, "ok")
		return err
	}
	metrics := promhttp.HandlerFor(a.Metrics, promhttp.HandlerOpts{})
	return route.Table{
		{
			Method: "GET", Pattern: "/healthz", Right: route.None, Do: route.Raw("text/plain", alive),
			Doc: "Says ok while the process lives.",
		},
		{
			Method: "GET", Pattern: "/readyz", Right: route.None, Do: route.Raw("text/plain", a.ready),
			Doc: "Says ready, or 503 with what is missing.",
		},
		{
			Method: "GET", Pattern: "/api/v1/openapi.json", Right: route.None, Do: route.Raw("application/json", a.document()),
			Doc: "This document.",
		},
		{
			Method: "GET", Pattern: "/metrics", Right: route.Viewer, Do: route.Plain("text/plain", metrics),
			Doc: "Figures in the text format of Prometheus.",
		},
		{
			Method: "GET", Pattern: "/api/v1/status", Right: route.Viewer, Do: route.Out(a.status),
			Doc: "How the gateway stands.",
		},
		{
			Method: "GET", Pattern: "/api/v1/ca.pem", Right: route.None, Do: route.Raw("application/x-pem-file", a.caPEM),
			Doc: "The CA that agents trust.",
		},
		{
			Method: "POST", Pattern: "/api/v1/tailnet/logout", Right: route.Admin, StepUp: true, Do: route.Out(a.logout),
			Doc: "Makes the tailnet forget the gateway's node.",
		},
	}
}

func (a *API) agentRoutes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/agents", Right: route.Viewer, Do: route.Out(a.agents),
			Doc: "Every agent that is enrolled or waits.",
		},
		{
			Method: "POST", Pattern: "/api/v1/agents", Right: route.Admin, StepUp: true, Do: route.Take(a.addAgent),
			Doc: "Enrols an agent; its private key is shown this once.",
		},
		{
			Method: "POST", Pattern: "/api/v1/agents/freeze", Right: route.Editor, Do: route.Out(a.freezeAll),
			Doc: "Freezes every agent at once.",
		},
		{
			Method: "POST", Pattern: "/api/v1/agents/unfreeze", Right: route.Editor, StepUp: true, Do: route.Out(a.unfreezeAll),
			Doc: "Unfreezes every agent.",
		},
		{
			Method: "GET", Pattern: "/api/v1/agents/{name}", Right: route.Viewer, Do: route.Out(a.agent),
			Doc: "One agent, and what it may use.",
		},
		{
			Method: "DELETE", Pattern: "/api/v1/agents/{name}", Right: route.Admin, Do: route.Out(a.removeAgent),
			Doc: "Removes an agent; its connections end.",
		},
		{
			Method: "POST", Pattern: "/api/v1/agents/{name}/freeze", Right: route.Editor, Do: route.Out(a.freeze),
			Doc: "Freezes an agent; its connections end.",
		},
		{
			Method: "POST", Pattern: "/api/v1/agents/{name}/unfreeze", Right: route.Editor, StepUp: true, Do: route.Out(a.unfreeze),
			Doc: "Unfreezes an agent.",
		},
		{
			Method: "POST", Pattern: "/api/v1/agents/{name}/rekey", Right: route.Admin, StepUp: true, Do: route.May(a.rekey),
			Doc: "Gives an agent another key; it is shown this once.",
		},
		{
			Method: "POST", Pattern: "/api/v1/agents/{name}/approve", Right: route.Admin, StepUp: true, Do: route.May(a.approveAgent),
			Doc: "Lets a node of the tailnet in that waits.",
		},
	}
}

func (a *API) secretRoutes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/secrets", Right: route.Viewer, Do: route.Out(a.secrets),
			Doc: "Every secret, without its value.",
		},
		{
			Method: "PUT", Pattern: "/api/v1/secrets/{name}", Right: route.Admin, StepUp: true, Do: route.Take(a.setSecret),
			Doc: "Gives a secret another value; it never comes out again.",
		},
		{
			Method: "DELETE", Pattern: "/api/v1/secrets/{name}", Right: route.Admin, StepUp: true, Do: route.Out(a.removeSecret),
			Doc: "Removes a secret.",
		},
		{
			Method: "POST", Pattern: "/api/v1/secrets/{name}/rollback", Right: route.Admin, StepUp: true, Do: route.Out(a.rollbackSecret),
			Doc: "Makes the value before the current one the next version of a secret.",
		},
		{
			Method: "POST", Pattern: "/api/v1/backup", Right: route.Admin, StepUp: true, Do: route.Into("application/octet-stream", a.backup),
			Doc: "Gives a sealed archive of everything that a gateway cannot be made again without.",
		},
		{
			Method: "POST", Pattern: "/api/v1/key/rotate", Right: route.Admin, StepUp: true, Do: route.Out(a.rotateKey),
			Doc: "Seals every secret with another key of the vault.",
		},
	}
}

func (a *API) recordRoutes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/actions", Right: route.Viewer, Do: route.List(a.actions),
			Doc: "Recorded actions that a query finds, without what was sent in bodies.", Query: []string{"q the query, in the language of the log command", sight.Of}, WatchedWith: sight.Param,
		},
		{
			Method: "GET", Pattern: "/api/v1/actions.jsonl", Right: route.Viewer, Watched: true, Do: route.Raw("application/jsonl", a.export),
			Doc:   "Every recorded action that a query finds, one a line, oldest first; its limit is not looked at, and since is by when it was written. Bodies take a fresh proof of who asks.",
			Query: []string{"q the query, in the language of the log command", sight.Of},
		},
		{
			Method: "GET", Pattern: "/api/v1/actions/{id}", Right: route.Viewer, Do: route.Out(a.action),
			Doc: "One recorded action, without what was sent in its body.",
		},
		{
			Method: "GET", Pattern: "/api/v1/actions/{id}/whole", Right: route.Viewer, StepUp: true, Watched: true, Do: route.Out(a.find),
			Doc: "One recorded action with what was sent in its body, as far as it is kept.",
		},
		{
			Method: "GET", Pattern: "/api/v1/events", Right: route.Viewer, Do: route.Raw("text/event-stream", a.events),
			Doc:   "Actions as they are recorded, as server-sent events; Last-Event-ID goes on behind that one.",
			Query: []string{"q the query, in the language of the log command", "view row: what a list shows", "with approvals: tell how many asks wait, too", sight.Of}, WatchedWith: sight.Param,
		},
		{
			Method: "GET", Pattern: "/api/v1/audit/verify", Right: route.Viewer, Do: route.Out(a.verify),
			Doc: "Reads the whole audit log and says what is not as it was written.",
		},
		{
			Method: "POST", Pattern: "/api/v1/audit/accept", Right: route.Admin, StepUp: true, Do: route.Take(a.acceptGaps),
			Doc: "Signs that the records that are missing by now are known to be, as after a restore without them, and says which records before them no signature covered. What was changed is not accepted.",
		},
	}
}
