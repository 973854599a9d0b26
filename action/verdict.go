package action

import (
	"fmt"
	"slices"
)

// A Verdict is what the rules say. The zero Verdict is Deny, so that whatever
// was not decided is refused.
type Verdict uint8

// The verdicts, from the strictest to the loosest.
const (
	Deny Verdict = iota
	Ask
	Allow
)

var verdictNames = [...]string{Deny: "deny", Ask: "ask", Allow: "allow"}

func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// ParseVerdict reads deny, ask or allow.
func ParseVerdict(s string) (Verdict, bool) {
	for v, name := range verdictNames {
		if s == name {
			return Verdict(v), true
		}
	}
	return Deny, false
}

// MarshalText gives the name of the verdict.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads the name of a verdict.
func (v *Verdict) UnmarshalText(b []byte) error {
	got, ok := ParseVerdict(string(b))
	if !ok {
		return fmt.Errorf("%q is no verdict", b)
	}
	*v = got
	return nil
}

// A Decision is what the rules say about one action, and why.
type Decision struct {
	Verdict Verdict  `json:"verdict"`
	Rule    string   `json:"rule,omitempty"`   // the rule that decided; "" when the posture or a default did
	Reason  string   `json:"reason,omitempty"` // for the agent that reads it; a sentence, no secret, no internals
	Asks    []Asking `json:"asks,omitempty"`   // each must be answered; only with Ask
	Would   []string `json:"would,omitempty"`  // rules in observe mode that would have made it stricter
	Counts  []Count  `json:"counts,omitempty"` // rules whose limit it needs room in before it is sent
	// Effects are all that the action may have, as the operations of its service tell
	// them; 0 where nobody has judged it so far as that.
	Effects Effects `json:"-"`
	// Approval is the id of the ask that waits for an answer, or had one; "" where
	// nobody was asked.
	Approval string `json:"approval,omitempty"`
	// Trace is how the rules came to it, in a short form in JSON, where it is not
	// Allow and the gateway keeps it with the record.
	Trace []byte `json:"-"`
	Need  Need   `json:"-"` // not decided yet: these facts must be learned first
}

// An Asking is one ask rule that an action met.
type Asking struct {
	Rule      string   `json:"rule,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	Approvers []string `json:"approvers,omitempty"` // "approver.oncall", "judge.pii"; none: any operator who may approve
	// Terms tells one declaration of these approvers from another: who they are and
	// how many must agree. A yes given on other terms is none.
	Terms string `json:"terms,omitempty"`
}

// Same reports whether b asks the same people for the same reason, so that a yes
// to one is a yes to the other.
func (a Asking) Same(b Asking) bool {
	return a.Rule == b.Rule && a.Reason == b.Reason && a.Terms == b.Terms && slices.Equal(a.Approvers, b.Approvers)
}
