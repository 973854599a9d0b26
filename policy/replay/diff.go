package replay

import (
	"cmp"
	"context"
	"slices"

	"sallyport.dev/sallyport/action"
)

// Bounds of a comparison; zero is none.
type Bounds struct {
	Records int // to judge
	Changes int // to keep; the rest is counted
}

// Diff judges every record by two policies. It ends early with ctx, and fails
// then.
func Diff(ctx context.Context, s Source, was, is Judge, b Bounds) (*action.Impact, error) {
	c := &action.Impact{Groups: []action.ImpactGroup{}, Changes: []action.Change{}}
	groups := map[[2]action.Verdict]int{}
	err := Each(ctx, s, func(p Past) outcome { return compare(p, was, is) }, func(o outcome) bool {
		if b.Records > 0 && c.Replayed == b.Records {
			c.Cut = true
			return false
		}
		c.Replayed++
		switch {
		case !o.known:
			c.Untold++
			if o.withheld {
				c.Withheld++
			}
		case o.change.Old == o.change.New:
		case b.Changes > 0 && len(c.Changes) == b.Changes:
			c.LeftOff++
			groups[[2]action.Verdict{o.change.Old, o.change.New}]++
		default:
			c.Changes = append(c.Changes, o.change)
			groups[[2]action.Verdict{o.change.Old, o.change.New}]++
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	for pair, n := range groups {
		c.Groups = append(c.Groups, action.ImpactGroup{Old: pair[0], New: pair[1], Count: n})
	}
	slices.SortFunc(c.Groups, func(a, b action.ImpactGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Old, a.Old), cmp.Compare(a.New, b.New))
	})
	return c, nil
}

// An outcome is one action judged by two; a change only where they differ.
type outcome struct {
	known, withheld bool
	change          action.Change
}

func compare(p Past, was, is Judge) outcome {
	if p.Action == nil {
		return outcome{}
	}
	before, known := was.Replay(p.Action, p.Time)
	if !known {
		return outcome{withheld: p.Withheld}
	}
	after, known := is.Replay(p.Action, p.Time)
	if !known || before.Verdict == after.Verdict {
		return outcome{known: known, withheld: p.Withheld}
	}
	return outcome{known: true, change: action.Change{
		ID: p.ID, Time: p.Time, Agent: p.Agent, Service: p.Service, Summary: p.Summary,
		Old: before.Verdict, New: after.Verdict, Rule: after.Rule, Reason: after.Reason,
	}}
}
