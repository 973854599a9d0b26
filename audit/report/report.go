// Package report says how a check found the records of what agents did. It checks
// nothing itself.
package report

import (
	"fmt"
	"time"
)

// A Report is what a check found.
type Report struct {
	Records  uint64    `json:"records"`
	First    uint64    `json:"first"`
	Last     uint64    `json:"last"`
	Months   []string  `json:"months"`
	Dropped  []string  `json:"dropped,omitempty"`  // months that retention removed
	Accepted []Gap     `json:"accepted,omitempty"` // records that are not there, which an operator has signed for
	Found    []Found   `json:"found,omitempty"`    // records that no signature vouched for at a start
	Signed   uint64    `json:"signed"`             // the signed head is at this record
	SignedAt time.Time `json:"signed_at,omitzero"`
	Problems []Problem `json:"problems,omitempty"`
}

// OK reports whether the log is as it was written, but for what was accepted, see
// Gap.Doubt.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// A Problem is one thing that is not as it was written.
type Problem struct {
	Seq  uint64 `json:"seq,omitempty"`
	What string `json:"what"`
}

// Found is records that were there when a gateway began over them, and that it took as
// they were: no signature of its own told how they should be.
type Found struct {
	To uint64    `json:"to"` // the last of them
	At time.Time `json:"at"` // it began
}

// A Gap is records that are not there, by their numbers.
type Gap struct {
	From uint64    `json:"from"`
	To   uint64    `json:"to"`
	At   time.Time `json:"at,omitzero"` // it was accepted
	// Unproven is the first of the records before From that no signature covered
	// when the gap was accepted; 0 if one covered all of them.
	Unproven uint64 `json:"unproven,omitempty"`
}

// Doubt says which records before the gap may have been changed, unseen, before it
// was accepted; "" if none.
func (g Gap) Doubt() string {
	if g.Unproven == 0 {
		return ""
	}
	return fmt.Sprintf("no signature covered the records %d to %d before them", g.Unproven, g.From-1)
}
