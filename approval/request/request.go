// Package request is one ask as people see it: what would be sent, who must answer,
// what they said and what came of it. It is plain data that whoever is told of an ask
// may hold; it asks nobody and keeps nothing.
package request

import (
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/scope"
)

// A State is where an ask stands.
type State string

// The states of a Request.
const (
	Pending   State = "pending"
	Approved  State = "approved"
	Denied    State = "denied"
	TimedOut  State = "timed out"
	Cancelled State = "cancelled" // the agent hung up, or lost its access
)

// KindService is the Kind of a Request by which an agent proposes a service.
const KindService = "service"

// A Request is one ask as people see it. It is a copy; changing it changes
// nothing.
type Request struct {
	ID      string   `json:"id"` // of the action that asked first
	State   State    `json:"state"`
	Agent   string   `json:"agent"`
	User    string   `json:"user,omitempty"` // whose agent it is, who may not answer
	Session string   `json:"session,omitempty"`
	Service string   `json:"service"`
	Host    string   `json:"host,omitempty"`
	Kind    string   `json:"kind"`
	Summary string   `json:"summary"`
	Sample  string   `json:"sample,omitempty"`       // what would be sent, see action.Action
	Hidden  int64    `json:"hidden_bytes,omitempty"` // bytes of it that Sample leaves out
	Digest  string   `json:"digest,omitempty"`       // SHA-256 of all of it, in hex
	Alike   string   `json:"alike,omitempty"`        // what a yes of scope similar is for; "": none can be given
	Rules   []string `json:"rules,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	Judges  []string `json:"judges,omitempty"` // what they said
	Needs   []Need   `json:"needs,omitempty"`  // who must answer
	Votes   []Vote   `json:"votes,omitempty"`
	StepUp  bool     `json:"step_up,omitempty"` // a yes takes a fresh proof of who gives it

	// Whole: all of it can be read, however long it is. Kept: what it was is kept, so
	// that a rule for its likes can be drafted.
	Whole bool `json:"whole,omitempty"`
	Kept  bool `json:"kept,omitempty"`

	Brief   bool `json:"brief,omitempty"` // in a long list: the Sample is left out
	Waiting int  `json:"waiting"`         // connections of the agent that are held for the answer
	Again   bool `json:"again"`           // the agent was told to come back: only the same action, sent again, gets the answer

	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires"`
	Answered   time.Time `json:"answered,omitzero"`
	By         string    `json:"by,omitempty"`
	Note       string    `json:"note,omitempty"`
	BreakGlass bool      `json:"break_glass,omitempty"` // answered on the host, by nobody who was asked
	Used       time.Time `json:"used,omitzero"`         // when the yes was given to an action
	UsedBy     string    `json:"used_by,omitempty"`     // that action
	Grant      *Grant    `json:"grant,omitempty"`       // the yes is for longer
	Fulfilled  time.Time `json:"fulfilled,omitzero"`    // of a proposal: since when the agent has such a service
}

// A Need is one approver that must answer.
type Need struct {
	Approver string   `json:"approver"` // "" is any operator who may approve
	Require  int      `json:"require"`
	Have     []string `json:"have,omitempty"` // who said yes for it
}

// A Vote is one person's answer.
type Vote struct {
	Person action.Person `json:"person"`
	Yes    bool          `json:"yes"`
	Note   string        `json:"note,omitempty"`
	Time   time.Time     `json:"time"`
	Scope  scope.Scope   `json:"scope,omitzero"`
}

// A Grant is a yes for longer. It answers later asks of the same rules by the same
// agent, as long as those who gave it may still answer them, and lifts no deny.
type Grant struct {
	Kind    scope.Kind `json:"kind"`
	Until   time.Time  `json:"until"`
	Left    int        `json:"left,omitempty"` // uses; 0 with Counted: none
	Counted bool       `json:"counted,omitempty"`
	Revoked string     `json:"revoked,omitempty"` // by whom
}

// Live reports whether the grant answers anything at now.
func (g *Grant) Live(now time.Time) bool {
	return g != nil && g.Revoked == "" && now.Before(g.Until) && (!g.Counted || g.Left > 0)
}

// Masked gives the request with what mask makes of every text that an agent, or
// who was told of it, may have written: for those who are told beside the line.
func (r Request) Masked(mask func(string) string) Request {
	for _, s := range []*string{&r.Host, &r.Summary, &r.Sample, &r.Alike, &r.Note} {
		*s = mask(*s)
	}
	list := func(of []string) []string {
		out := slices.Clone(of)
		for i := range out {
			out[i] = mask(out[i])
		}
		return out
	}
	r.Judges, r.Reasons = list(r.Judges), list(r.Reasons)
	return r
}

// Own reports whether the agent is the person's own.
func (r Request) Own(who action.Person) bool {
	return r.User != "" && strings.EqualFold(r.User, who.Name)
}

// Enough reports whether every need is met, of which there must be one.
func Enough(needs []Need) bool {
	for _, n := range needs {
		if len(n.Have) < n.Require {
			return false
		}
	}
	return len(needs) > 0
}

// Voters names those who said yes.
func (r Request) Voters() string {
	var list []string
	for _, v := range r.Votes {
		if v.Yes {
			list = append(list, v.Person.Name)
		}
	}
	return strings.Join(list, ", ")
}

// Approval is the sentence that tells who said yes.
func (r Request) Approval() string {
	s := "Approved by " + r.By
	if r.BreakGlass {
		s += ", who broke the glass"
	}
	return s + "."
}

// Denial is the sentence that tells who said no, and why.
func (r Request) Denial() string {
	if r.Note == "" {
		return "Denied by " + r.By + "."
	}
	return "Denied by " + r.By + ": " + r.Note
}
