// Package paper writes down what an ask is about, so that the edit which would answer
// it for good can be drafted later, by the rules of that time. It keeps nothing itself.
package paper

import (
	"context"
	"errors"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/dashboard/inbox"
	"sallyport.dev/sallyport/internal/past"
	"sallyport.dev/sallyport/policy/replay"
	"sallyport.dev/sallyport/policy/sketch"
)

// Of writes an action down, without what people read of it.
func Of(a *action.Action, d action.Decision) []byte {
	r := record.New(nil, a, d)
	r.Sample, r.Trace = "", nil
	return r.AppendJSON(nil)
}

// Peer gives the agent of a paper as it was then.
func Peer(paper []byte) (*action.Peer, bool) {
	r, err := record.Decode(paper)
	if err != nil || r.Agent.ID == "" {
		return nil, false
	}
	return &action.Peer{ID: r.Agent.ID, Name: r.Agent.Name, User: r.Agent.User, Tags: r.Agent.Tags, Enrolled: r.Agent.Roles}, true
}

// A Desk has the papers of the asks.
type Desk interface {
	Written(id string) (paper []byte, ok bool)
}

// A Drafter drafts from papers.
type Drafter struct {
	Desk     Desk
	Sketcher *sketch.Sketcher
	// Current gives an agent as it is now; ok is false where only the paper knows it.
	Current func(id string) (*action.Peer, bool)
}

var _ inbox.Drafter = (*Drafter)(nil)

// errUnread means that a paper cannot be read.
var errUnread = errors.New("what is kept of it cannot be read")

// Sketch drafts what would answer an ask for good, from its body too if whole.
func (d *Drafter) Sketch(ctx context.Context, r approval.Request, whole bool) (action.Sketch, error) {
	paper, ok := d.Desk.Written(r.ID)
	if !ok {
		return action.Sketch{Notes: []string{"Nothing is kept of it that a rule could be drafted from; write one by hand."}}, nil
	}
	if r.Kind == approval.KindService {
		p, ok := Peer(paper)
		if !ok {
			return action.Sketch{}, errUnread
		}
		if now, ok := d.Current(p.ID); ok {
			p = now
		}
		return d.Sketcher.Service(ctx, p, r.Host)
	}
	read := past.Bare
	if whole {
		read = past.Reader
	}
	was, err := read(d.Sketcher.Tables)()(paper)
	if err != nil {
		return action.Sketch{}, errors.Join(errUnread, err)
	}
	return d.rule(ctx, was)
}

func (d *Drafter) rule(ctx context.Context, was replay.Past) (action.Sketch, error) {
	if was.Action == nil {
		return action.Sketch{Notes: []string{"What is kept of it cannot be judged again: " + was.Why}}, nil
	}
	if now, ok := d.Current(was.Action.Peer.ID); ok {
		was.Action.Peer = now
	}
	return d.Sketcher.Rule(ctx, was.Action, was.Time)
}
