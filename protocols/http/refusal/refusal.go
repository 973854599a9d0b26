// Package refusal is what the gateway answers itself, for the agent that reads it and
// for the library that it reads with: a problem of RFC 9457, which to the client of a
// language model is an error of that model's API as well. It decides nothing.
package refusal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
)

const (
	problemBase = "https://sallyport.dev/problems/"
	askAgain    = 2 * time.Second // how long an agent waits before it asks again; then it is held again
)

// A Problem is an answer of the gateway itself, for the agent that reads it.
type Problem struct {
	Status int
	Kind   string
	Title  string
	Rule   string
	Reason string
	ID     string // of the action
	Next   string // what the agent may do now
	Ask    string // id of the ask that waits for an answer

	Location string // where the request belongs
	Shape    Shape
}

func (p *Problem) Error() string { return p.Reason }

// Unclear is for a request that has no one meaning.
func Unclear(reason string) *Problem {
	return &Problem{
		Status: http.StatusBadRequest, Kind: "not-understood", Title: "Request not understood",
		Reason: strings.ToUpper(reason[:1]) + reason[1:] + ".",
		Next:   "Send the request in its plain form.",
	}
}

// Misdirected is for a request on a connection to somewhere else.
func Misdirected(reason string) *Problem {
	return &Problem{
		Status: http.StatusMisdirectedRequest, Kind: "misdirected", Title: "Misdirected request", Reason: reason,
		Next: "Open a connection to the host that the request is for.",
	}
}

// Elsewhere sends a plain request of a service with a secret to TLS.
func Elsewhere(location string) *Problem {
	return &Problem{
		Status: http.StatusPermanentRedirect, Kind: "tls-required", Title: "TLS required", Location: location,
		Reason: "This service takes a credential, which does not travel in the clear.",
		Next:   "Send the request to the https URL in Location.",
	}
}

// Crowded is for an agent that has too many requests open.
func Crowded() *Problem {
	return &Problem{
		Status: http.StatusTooManyRequests, Kind: "too-many-requests", Title: "Too many open requests",
		Reason: "The agent has too many requests open at once.",
		Next:   "Wait until some of them are answered, then send the request again.",
	}
}

// Unreachable is for an allowed request that got no answer, for a cause in words of
// protocols.Cause.
func Unreachable(id, cause string) *Problem {
	p := &Problem{
		Status: http.StatusBadGateway, Kind: "upstream-failed", Title: "No answer from the service",
		Reason: "The request was allowed, but no usable answer came from the service.", ID: id,
		Next: "Try again later; if it stays, tell the operator the action_id.",
	}
	if cause != "" {
		p.Reason = "The request was allowed, but the service was not reached: " + cause + "."
	}
	return p
}

// Penniless is for an allowed request to a service whose secret has no value.
func Penniless(id string) *Problem {
	return &Problem{
		Status: http.StatusBadGateway, Kind: "secret-missing", Title: "The gateway has no credential for this service",
		Reason: "The request was allowed, but the secret of this service has no value, so nothing was sent.", ID: id,
		Next: "Tell the operator to set it (sallyport status names it); then send the request again.",
	}
}

// Unshown is for an allowed request without the placeholder that stands for the key.
func Unshown(id string) *Problem {
	return &Problem{
		Status: http.StatusUnauthorized, Kind: "placeholder-missing", Title: "The placeholder is missing",
		Reason: "The request was allowed, but it does not show this agent's placeholder where the key belongs, so nothing was sent.", ID: id,
		Next: "Set the variable that http://sallyport.internal/manifest names for this service, as it stands there, and send the request with it.",
	}
}

// Denied says what the rules said.
func Denied(d action.Decision, id string) *Problem {
	return &Problem{
		Status: http.StatusForbidden, Kind: "denied", Title: "Denied by policy",
		Rule: d.Rule, Reason: d.Reason, ID: id,
		Next: "Do not repeat the request. Choose another way that the rules allow (http://sallyport.internal/manifest), or tell your user what was refused and why.",
	}
}

// Pending tells an agent to come back when people have answered.
func Pending(d action.Decision, id string, async bool) *Problem {
	status := http.StatusConflict
	if async {
		status = http.StatusAccepted
	}
	return &Problem{
		Status: status, Kind: "approval-pending", Title: "Waiting for approval",
		Rule: d.Rule, Reason: d.Reason, ID: id, Ask: d.Approval,
		Next: "A person was asked. Send the very same request again after the time in Retry-After; do not change it. approval_url says how it stands.",
	}
}

// Unaskable is for a request that would have to be approved and is larger than what
// can wait for that, in MiB.
func Unaskable(d action.Decision, id string, most int) *Problem {
	return &Problem{
		Status: http.StatusRequestEntityTooLarge, Kind: "too-large", Title: "Too large to be approved", Rule: d.Rule, ID: id,
		Reason: fmt.Sprintf("This must be approved before it is sent, and its body is larger than the %d MiB that can wait for an answer.", most),
		Next:   "Send it in smaller pieces.",
	}
}

// Unheld is for one for which those that wait leave no room.
func Unheld(d action.Decision, id string) *Problem {
	return &Problem{
		Status: http.StatusTooManyRequests, Kind: "too-many-requests", Title: "Too much waits for an answer", Rule: d.Rule, ID: id,
		Reason: "This must be approved before it is sent, and the bodies that wait for an answer leave no room for it.",
		Next:   "Wait until some of them are answered, then send it again.",
	}
}

// askURL is where an agent sees how its ask stands.
const askURL = "http://sallyport.internal/approvals/"

// operation is the URL of the ask that waits; "" without one.
func (p *Problem) operation() string {
	if p.Ask == "" {
		return ""
	}
	return askURL + p.Ask
}

// A document is a Problem as it is written.
type document struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Rule    string `json:"rule,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Detail  string `json:"detail,omitempty"`
	ID      string `json:"action_id,omitempty"`
	Next    string `json:"next_step,omitempty"`
	Ask     string `json:"approval_id,omitempty"`
	URL     string `json:"approval_url,omitempty"`
	Problem string `json:"problem,omitempty"` // the type of RFC 9457, where Type is another's
	Error   any    `json:"error,omitempty"`   // see Shape
}

// Write answers a request with p, in the shape of RFC 9457 and of p.
func (p *Problem) Write(w http.ResponseWriter, method string) {
	d := document{
		Type: problemBase + p.Kind, Title: p.Title, Status: p.Status, Rule: p.Rule, Reason: p.Reason, Detail: p.detail(),
		ID: p.ID, Next: p.Next, Ask: p.Ask, URL: p.operation(),
	}
	media := p.shape(&d)
	body, err := json.Marshal(d)
	if err != nil {
		body = []byte("{}")
	}
	body = append(body, '\n') // what a person reads with curl ends before the prompt
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	if p.Location != "" {
		h.Set("Location", p.Location)
	}
	if p.Ask != "" {
		h.Set("Operation-Location", p.operation())
	}
	if p.Kind == "approval-pending" {
		h.Set("Retry-After", strconv.Itoa(int(askAgain/time.Second)))
	}
	if p.Status == http.StatusTooManyRequests {
		h.Set("Retry-After", "1")
	}
	if p.Status == http.StatusBadRequest || p.Status == http.StatusMisdirectedRequest {
		h.Set("Connection", "close")
	}
	w.WriteHeader(p.Status)
	if method != http.MethodHead {
		w.Write(body) //nolint:errcheck // an agent that has gone needs no answer
	}
}
