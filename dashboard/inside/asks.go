package inside

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
)

const (
	askAgain    = 5 * time.Second // how long an agent waits before it looks again
	maxProposal = 4 << 10
)

// A Desk is what agents may know and wish of the approvals.
type Desk interface {
	// Of gives an ask of that very agent.
	Of(agent, id string) (approval.Request, bool)
	Propose(ctx context.Context, p *action.Peer, host, why, draft string) (approval.Request, error)
}

// A Standing is how an ask stands, for the agent that waits for it.
type Standing struct {
	ID      string         `json:"id"`
	State   approval.State `json:"state"`
	Action  string         `json:"action"`
	Expires time.Time      `json:"expires"`
	By      string         `json:"by,omitempty"`
	Note    string         `json:"note,omitempty"`
	Used    bool           `json:"used,omitempty"`
	Next    string         `json:"next_step"`
}

func standing(r approval.Request) Standing {
	s := Standing{
		ID: r.ID, State: r.State, Action: r.Summary, Expires: r.Expires, By: r.By, Note: r.Note, Used: !r.Used.IsZero(),
	}
	switch {
	case !r.Fulfilled.IsZero():
		s.Next = "You may use it now; http://sallyport.internal/manifest tells how."
	case r.State == approval.Pending && r.Kind == approval.KindService:
		s.Next = "Nobody has looked at it yet."
	case r.State == approval.Pending:
		s.Next = "Nobody has answered yet. Look again after the time in Retry-After, or send the very same request again."
	case r.State == approval.Approved && r.Kind == approval.KindService:
		s.Next = "Somebody has taken it up. http://sallyport.internal/manifest tells when you may use it."
	case r.State == approval.Approved && s.Used:
		s.Next = "The answer was used. What you send now is asked anew."
	case r.State == approval.Approved:
		s.Next = "Send the very same request again; it passes once."
	default:
		s.Next = "Do not repeat the request. Tell your user what was refused and why."
	}
	return s
}

// asks serves what an agent has asked, to that agent and no other.
func (in *Pages) asks(mux *http.ServeMux, p *action.Peer) {
	if in.Desk == nil {
		return
	}
	mux.HandleFunc("GET /approvals/{id}", func(w http.ResponseWriter, r *http.Request) {
		got, ok := in.Desk.Of(p.ID, r.PathValue("id"))
		if !ok {
			in.problem(w, http.StatusNotFound, "You have asked nothing of that id, or it was long ago.")
			return
		}
		if got.State == approval.Pending {
			w.Header().Set("Retry-After", strconv.Itoa(int(askAgain/time.Second)))
		}
		w.Header().Set("Cache-Control", "no-store")
		in.json(w, standing(got))
	})
	mux.HandleFunc("POST /requests", func(w http.ResponseWriter, r *http.Request) { in.propose(w, r, p) })
}

// propose files the wish of an agent for a service.
func (in *Pages) propose(w http.ResponseWriter, r *http.Request, p *action.Peer) {
	var wish struct{ Host, Reason string }
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxProposal))
	d.DisallowUnknownFields()
	if err := d.Decode(&wish); err != nil || d.Decode(&struct{}{}) != io.EOF {
		in.problem(w, http.StatusBadRequest, `Send {"host": "api.example.com", "reason": "what you need it for"}.`)
		return
	}
	host, ok := hostName(wish.Host)
	if !ok {
		in.problem(w, http.StatusBadRequest, "host is the full name of a host, such as api.example.com.")
		return
	}
	if in.Serves != nil && in.Serves(p, host) {
		in.problem(w, http.StatusConflict, "You have a service for "+host+" already; http://sallyport.internal/manifest says how to use it.")
		return
	}
	got, err := in.Desk.Propose(r.Context(), p, host, wish.Reason, Draft(host, in.Roles(p)))
	if err != nil {
		w.Header().Set("Retry-After", "3600")
		in.problem(w, http.StatusTooManyRequests, "Not filed: "+err.Error()+".")
		return
	}
	w.Header().Set("Location", "/approvals/"+got.ID)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	json.NewEncoder(w).Encode(standing(got)) //nolint:errcheck // whoever asked has gone
}

// Draft is what an operator would write for a service at host, which is a name and
// holds nothing else.
func Draft(host string, roles []string) string {
	label := strings.NewReplacer(".", "_", "-", "_").Replace(host)
	if label[0] >= '0' && label[0] <= '9' {
		label = "host_" + label
	}
	draft := fmt.Sprintf("service %q {\n  hosts = [%q]\n}\n", label, host)
	for _, role := range roles {
		draft += fmt.Sprintf("# role %q: add service.%s to use\n", role, label)
	}
	return draft
}

// hostName brings the name of a host to its form. Addresses and single words are
// none: nobody could tell whose they are.
func hostName(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(s), "."))
	labels := strings.Split(s, ".")
	if len(s) > 253 || len(labels) < 2 {
		return "", false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return "", false
		}
	}
	top := labels[len(labels)-1]
	return s, strings.Trim(top, "0123456789") != ""
}

func (in *Pages) problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // whoever asked has gone
		"title": http.StatusText(status), "status": status, "detail": detail,
	})
}
