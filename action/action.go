// Package action holds the words that every part of the gateway speaks: what an
// agent wants to do, to which service, what the rules said and how it ended. It
// imports nothing but the standard library, decides nothing and reaches nothing.
package action

import (
	"net/netip"
	"time"
)

// An Action is what an agent sends as one: a request, a SQL message, a
// connection. The protocol fills what it read; the gateway fills the rest before
// the rules see it. After it has begun to run nothing in it changes.
type Action struct {
	ID      string // sortable by time, unique, see NewID
	Time    time.Time
	Session string // groups the actions of one agent on every protocol

	Peer    *Peer
	Service *Service
	Host    string         // the name the agent used; "" when it dialled an address
	Dst     netip.AddrPort // where the agent's connection went

	Kind    string // "request", "connect", "query", "execute", "call", "cancel", "catalog", "alarm"
	Summary string // one line for people, at most MaxSummary bytes, never a secret
	Parts   []Part // judged one by one, the strictest verdict stands for all
	Prelude bool   // judged, but only a refusal is recorded; an ask, and what needs Later, is left to what follows

	// Shown lists the placeholders that stand where keys stand.
	Shown []Shown

	// Spent names the rules whose limit had no room for the action. The gateway
	// adds to it between two rounds of judging; zero counters leave it empty.
	Spent []string

	// Digest is the SHA-256 of all that Forward will send. Sample is it as a person
	// reads it: a line for each named thing, bodies and texts line by line behind
	// SampleMargin, so that nothing the agent chose can pass for another part of
	// it; Hidden counts the bytes that it leaves out. Learn(Whole) sets all three.
	Digest []byte
	Sample []byte
	Hidden int64
	// Transcript is all of it; nil where the Sample is. Learn(Whole) sets it.
	Transcript Transcript
	// Alike is what the action does without its values, such as "POST /v1/refunds"
	// or "update public.users": two actions with the same do the same kind of thing.
	// Learn(Whole) sets it; "" where that cannot be told.
	Alike string
}

// A Shown is a placeholder of the agent for this very service, in a place for keys.
type Shown struct {
	Variable string // the environment variable that the agent has it from
	Slot     string // see Auth.Slot
}

// SampleMargin stands before every line of a Sample that the agent wrote.
const SampleMargin = "| "

// MaxSummary bounds Action.Summary in bytes.
const MaxSummary = 512

// A Part is one statement, or one member of a batch.
type Part struct {
	Facts   Facts   // a pointer to the protocol's own struct, described by its FactTable
	Effects Effects // as the protocol knows them; a service's operations replace them
	Control bool    // only steers the conversation: passes every posture
}

// A Result is how an allowed action ended.
type Result struct {
	Status   string // the protocol's own word: "200", "SELECT 3", "42P01"
	Failed   bool   // the upstream, or the way to it, failed
	Err      string // for the operator; never a secret
	Upstream string // address that was dialled
	Injected bool   // a credential went out with it
	Secret   string // which, and its version: "github@3"
	Sent     int64  // bytes to the upstream
	Received int64  // bytes from the upstream
	Rows     int64  // rows in the answer, where the protocol has them
	Duration time.Duration
	Usage    *Usage  // what a language model's answer took; nil: none answered
	Answer   *Answer // what the record holds of the answer; nil: nothing
}
