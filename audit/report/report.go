// Package report says how a check found the records of what agents did. It checks
// nothing itself.
package report

import "time"

// A Report is what a check found.
type Report struct {
	Records  uint64    `json:"records"`
	First    uint64    `json:"first"`
	Last     uint64    `json:"last"`
	Months   []string  `json:"months"`
	Dropped  []string  `json:"dropped,omitempty"`  // months that retention removed
	Accepted []Gap     `json:"accepted,omitempty"` // records that are not there, which an operator has signed for
	Signed   uint64    `json:"signed"`             // the signed head is at this record
	SignedAt time.Time `json:"signed_at,omitzero"`
	Problems []Problem `json:"problems,omitempty"`
}

// OK reports whether the log is as it was written, but for what was accepted.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// A Problem is one thing that is not as it was written.
type Problem struct {
	Seq  uint64 `json:"seq,omitempty"`
	What string `json:"what"`
}

// A Gap is records that are not there, by their numbers.
type Gap struct {
	From uint64    `json:"from"`
	To   uint64    `json:"to"`
	At   time.Time `json:"at,omitzero"` // it was accepted
}
