// Package usage adds up what language models took: the tokens and the money of
// records, by whom and by what, over time. It reads what a store has summed and
// keeps nothing; what a call costs was worked out when it was recorded.
package usage

import (
	"math"
	"time"

	"sallyport.dev/sallyport/audit/record"
)

// An Agent is who asked, as records have it.
type Agent = record.Agent

// A Query says of which time sums are wanted.
type Query struct {
	Since, Until time.Time     // by when the agent asked
	Step         time.Duration // how much time makes one sum; 0: all of it
}

// A Row is the sum of the calls that are alike, in one step of time.
type Row struct {
	At       time.Time // when the step begins; zero: there is one only
	Agent    Agent
	Service  string
	Provider string
	Model    string
	Sum
}

// A Sum is what calls took. Nothing in it ever goes below zero or over.
type Sum struct {
	Requests   int64 `json:"requests"`
	Estimated  int64 `json:"estimated,omitempty"` // requests whose tokens are an estimate
	Unpriced   int64 `json:"unpriced,omitempty"`  // requests that have no price
	Input      int64 `json:"input"`               // tokens that no cache had
	CacheRead  int64 `json:"cache_read"`
	CacheWrite int64 `json:"cache_write"`
	Output     int64 `json:"output"`
	Reasoning  int64 `json:"reasoning"` // part of output
	Cost       int64 `json:"cost_nano"` // billionths of a US dollar, of the requests that have a price
}

// Add puts o into s.
func (s *Sum) Add(o Sum) {
	for _, n := range []struct {
		to   *int64
		more int64
	}{
		{&s.Requests, o.Requests},
		{&s.Estimated, o.Estimated},
		{&s.Unpriced, o.Unpriced},
		{&s.Input, o.Input},
		{&s.CacheRead, o.CacheRead},
		{&s.CacheWrite, o.CacheWrite},
		{&s.Output, o.Output},
		{&s.Reasoning, o.Reasoning},
		{&s.Cost, o.Cost},
	} {
		*n.to = plus(*n.to, n.more)
	}
}

// plus stays at the largest number there is.
func plus(a, b int64) int64 {
	if b = max(b, 0); a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Prompt is every token that went in.
func (s *Sum) Prompt() int64 { return plus(plus(s.Input, s.CacheRead), s.CacheWrite) }

// Tokens is every token.
func (s *Sum) Tokens() int64 { return plus(s.Prompt(), s.Output) }
