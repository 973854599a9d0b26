package approval

import (
	"context"

	"sallyport.dev/sallyport/action"
)

// A Judgement is what a judge says. The zero Judgement denies, so that a judge
// that fails opens nothing.
type Judgement uint8

// The judgements.
const (
	Deny  Judgement = iota
	Pass            // the rule's approvers are asked, or, where it names none, the operators
	Allow           // settles the rules that name the judge; others still need their answer
)

func (j Judgement) String() string {
	switch j {
	case Allow:
		return "allow"
	case Pass:
		return "pass"
	}
	return "deny"
}

// An Opinion is a judgement and its reason: a sentence for the agent and the
// record.
type Opinion struct {
	Judgement Judgement
	Reason    string
}

// A Judge says what it makes of an action, whose Sample and Digest are set. It
// blocks at most as long as its own timeout, or until ctx ends; then it denies.
type Judge interface {
	Judge(ctx context.Context, a *action.Action) Opinion
}

// An EventKind says what happened to an ask.
type EventKind string

// The kinds of an Event.
const (
	Asked    EventKind = "asked"
	Voted    EventKind = "voted"    // one of several needed answers is there
	Answered EventKind = "answered" // approved or denied, see Request.State
	Expired  EventKind = "expired"  // nobody may answer any more: timed out or cancelled
)

// An Event is something that a channel may show.
type Event struct {
	Kind    EventKind
	Request Request
}

// A Channel shows asks to people elsewhere; their answers come back by
// Desk.Answer. Tell never blocks the desk: it queues, and drops what it has no
// room for. ctx ends with the desk.
type Channel interface {
	Tell(ctx context.Context, e Event)
}
