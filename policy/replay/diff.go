package replay

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
)

// A Change is a recorded action on which two policies differ.
type Change struct {
	ID      string         `json:"id"`
	Time    time.Time      `json:"time"`
	Agent   string         `json:"agent"`
	Service string         `json:"service"`
	Summary string         `json:"summary"`
	Old     action.Verdict `json:"old"`
	New     action.Verdict `json:"new"`
	Rule    string         `json:"rule,omitempty"` // that decides now
	Reason  string         `json:"reason,omitempty"`
}

// A Group is all changes from one verdict to another.
type Group struct {
	Old   action.Verdict `json:"old"`
	New   action.Verdict `json:"new"`
	Count int            `json:"count"`
}

// A Comparison is what judging recorded actions by two policies came to.
type Comparison struct {
	Replayed int      `json:"replayed"`
	Groups   []Group  `json:"groups"`  // the most frequent first
	Changes  []Change `json:"changes"` // in the order of the records
	// LeftOff are changes that Groups counts and Changes has no room for.
	LeftOff int `json:"left_off,omitempty"`
	// Untold are actions whose verdict depends on something that is not recorded.
	Untold int `json:"cannot_tell"`
	// Cut says that there are more records than were to be judged.
	Cut bool `json:"cut,omitempty"`
}

// Changed counts the actions whose verdict changes.
func (c *Comparison) Changed() int { return len(c.Changes) + c.LeftOff }

// Bounds of a comparison; zero is none.
type Bounds struct {
	Records int // to judge
	Changes int // to keep; the rest is counted
}

// Diff judges every record by two policies. It ends early with ctx, and fails
// then.
func Diff(ctx context.Context, s Source, was, is Judge, b Bounds) (*Comparison, error) {
	c := &Comparison{Groups: []Group{}, Changes: []Change{}}
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
		c.Groups = append(c.Groups, Group{pair[0], pair[1], n})
	}
	slices.SortFunc(c.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Old, a.Old), cmp.Compare(a.New, b.New))
	})
	return c, nil
}

// An outcome is one action judged by two; a change only where they differ.
type outcome struct {
	known  bool
	change Change
}

func compare(p Past, was, is Judge) outcome {
	if p.Action == nil {
		return outcome{}
	}
	before, known := was.Replay(p.Action, p.Time)
	if !known {
		return outcome{}
	}
	after, known := is.Replay(p.Action, p.Time)
	if !known || before.Verdict == after.Verdict {
		return outcome{known: known}
	}
	return outcome{known: true, change: Change{
		ID: p.ID, Time: p.Time, Agent: p.Agent, Service: p.Service, Summary: p.Summary,
		Old: before.Verdict, New: after.Verdict, Rule: after.Rule, Reason: after.Reason,
	}}
}
