package http

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
)

const (
	problemBase  = "https://sallyport.dev/problems/"
	askAgain     = 15 * time.Second // how long an agent waits before it asks again
	drainTimeout = 5 * time.Second  // for the rest of a refused request
)

// A problem is an answer of the gateway itself, for the agent that reads it.
type problem struct {
	status int
	kind   string
	title  string
	rule   string
	reason string
	id     string
	next   string
}

func (p *problem) Error() string { return p.reason }

func badRequest(reason string) *problem {
	return &problem{
		status: http.StatusBadRequest, kind: "not-understood", title: "Request not understood",
		reason: strings.ToUpper(reason[:1]) + reason[1:] + ".",
		next:   "Send the request in its plain form.",
	}
}

func misdirected(reason string) *problem {
	return &problem{
		status: http.StatusMisdirectedRequest, kind: "misdirected", title: "Misdirected request", reason: reason,
		next: "Open a connection to the host that the request is for.",
	}
}

func unreachable(id string) *problem {
	return &problem{
		status: http.StatusBadGateway, kind: "upstream-failed", title: "The service could not be reached",
		reason: "The request was allowed, but the service did not answer as it should.", id: id,
		next: "Try again later; if it stays, tell the operator the action_id.",
	}
}

func denied(d action.Decision, id string) *problem {
	return &problem{
		status: http.StatusForbidden, kind: "denied", title: "Denied by policy",
		rule: d.Rule, reason: d.Reason, id: id,
		next: "Do not repeat the request. Choose another way that the rules allow (http://sallyport.internal/manifest), or tell your user what was refused and why.",
	}
}

func pending(d action.Decision, id string, async bool) *problem {
	status := http.StatusConflict
	if async {
		status = http.StatusAccepted
	}
	return &problem{
		status: status, kind: "approval-pending", title: "Waiting for approval",
		rule: d.Rule, reason: d.Reason, id: id,
		next: "A person was asked. Send the very same request again after the time in Retry-After; do not change it.",
	}
}

// Refuse says why in the shape of RFC 9457.
func (x *exchange) Refuse(_ context.Context, d action.Decision) error {
	p := denied(d, x.act.ID)
	if d.Verdict == action.Ask {
		p = pending(d, x.act.ID, token(x.r.Header["Prefer"], "respond-async"))
	}
	x.answer(p)
	return nil
}

// answer writes a problem, unless an answer has begun. What the agent still sends
// is drained for a short while, or the connection closed.
func (x *exchange) answer(p *problem) {
	if x.began {
		return
	}
	x.began = true
	if x.held == nil {
		x.deadline(drainTimeout)
	}
	p.write(x.w, x.r.Method)
}

func (p *problem) write(w http.ResponseWriter, method string) {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Rule   string `json:"rule,omitempty"`
		Reason string `json:"reason,omitempty"`
		Detail string `json:"detail,omitempty"`
		ID     string `json:"action_id,omitempty"`
		Next   string `json:"next_step,omitempty"`
	}{problemBase + p.kind, p.title, p.status, p.rule, p.reason, p.reason, p.id, p.next})
	if err != nil {
		body = []byte("{}")
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	if p.kind == "approval-pending" {
		h.Set("Retry-After", strconv.Itoa(int(askAgain/time.Second)))
	}
	if p.status == http.StatusBadRequest || p.status == http.StatusMisdirectedRequest {
		h.Set("Connection", "close")
	}
	w.WriteHeader(p.status)
	if method != http.MethodHead {
		w.Write(body) //nolint:errcheck // an agent that has gone needs no answer
	}
}
