package gateway

import (
	"context"
	"slices"

	"sallyport.dev/sallyport/action"
)

// Limits counts actions for the rules that have a limit. What Reserve takes is on
// disk when it returns; full names the rules that have no room, and then nothing is
// taken. back gives the room of one rule back, for an action of which nothing was
// sent; it belongs to one goroutine.
type Limits interface {
	Reserve(ctx context.Context, counts []action.Count) (back func(rule string), full []string, err error)
}

// A Tracer is a Policy that tells in a short form how it judged an action, for the
// record.
type Tracer interface {
	Trace(a *action.Action) []byte
}

// room is what a pass holds of the limits of rules.
type room struct {
	met   []action.Count // by the rules that judged last
	taken map[string]func(rule string)
}

func (r *room) keep(counts []action.Count, back func(rule string)) {
	if r.taken == nil {
		r.taken = map[string]func(string){}
	}
	for _, n := range counts {
		r.taken[n.Rule] = back
	}
}

// count takes room for the action with every rule that it met and that has a limit,
// before anybody is asked. Where there is none the rules judge again, knowing that.
// A prelude is left to what follows.
func (p *pass) count(ctx context.Context, d action.Decision, again func() action.Decision) action.Decision {
	if p.act.Prelude {
		return d
	}
	for d.Verdict != action.Deny && d.Need == 0 {
		p.room.met = d.Counts
		missing := slices.DeleteFunc(slices.Clone(d.Counts), func(n action.Count) bool { return p.room.taken[n.Rule] != nil })
		if len(missing) == 0 {
			break
		}
		if p.g.Limits == nil {
			return action.Decision{Rule: missing[0].Rule, Reason: "This gateway cannot count, and its rule has a limit."}
		}
		back, full, err := p.g.Limits.Reserve(ctx, missing)
		if err != nil {
			return action.Decision{Rule: missing[0].Rule, Reason: "This cannot be counted now, and its rule has a limit."}
		}
		if len(full) == 0 {
			p.room.keep(missing, back)
			break
		}
		p.facts.Lock()
		p.act.Spent = append(p.act.Spent, full...)
		p.facts.Unlock()
		d = again()
	}
	return d
}

// giveBack returns the room that the action does not use: all of it if it is not
// sent, but for the rules that had somebody asked who said no; else what rules took
// that do not speak about it any more.
func (p *pass) giveBack() {
	uses := func(rule string) bool {
		switch p.decision.Verdict {
		case action.Allow:
			return slices.ContainsFunc(p.room.met, func(n action.Count) bool { return n.Rule == rule })
		case action.Deny:
			return slices.ContainsFunc(p.asked, func(a action.Asking) bool { return a.Rule == rule })
		}
		return false
	}
	for rule, back := range p.room.taken {
		if !uses(rule) {
			back(rule)
			delete(p.room.taken, rule)
		}
	}
}

// explain adds to a refusal how the rules came to it.
func (p *pass) explain(rules Policy) {
	if t, ok := rules.(Tracer); ok && p.decision.Verdict != action.Allow {
		p.decision.Trace = t.Trace(p.act)
	}
}
