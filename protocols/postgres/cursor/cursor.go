// Package cursor judges the rows that are taken from a cursor by the statement
// behind it: the rules may have changed since it was bound or declared. It sends
// nothing and keeps nothing itself.
package cursor

import (
	"context"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/statement"
)

// Check judges once more what stands behind the cursors that parts take rows from,
// each by check. It may wait for an approval. An error means the session cannot go on.
func Check(ctx context.Context, do protocols.Do, l *ledger.Ledger, parts []action.Part, check func(context.Context, protocols.Held) action.Decision) (action.Decision, error) {
	for _, name := range statement.Fetches(parts) {
		bound, declared := l.Behind(name)
		for _, p := range bound {
			if d := check(ctx, p.Held); d.Verdict != action.Allow {
				return d, nil
			}
		}
		for _, c := range declared {
			if d, err := stands(ctx, do, c); err != nil || d.Verdict != action.Allow {
				return d, err
			}
			if d := check(ctx, c.Held); d.Verdict != action.Allow {
				return d, nil
			}
		}
	}
	return action.Decision{Verdict: action.Allow}, nil
}

// stands judges the one statement as if it came now, since some rules look at the
// clock. What it would have to ask for, the check of its message does.
func stands(ctx context.Context, do protocols.Do, c ledger.Cursor) (action.Decision, error) {
	again := &again{act: action.Action{Kind: "fetch", Summary: c.Summary, Parts: []action.Part{c.Part}, Prelude: true}}
	if err := do(ctx, again); err != nil {
		return action.Decision{}, err
	}
	if again.refused != nil {
		return *again.refused, nil
	}
	return action.Decision{Verdict: action.Allow}, nil
}

// Declare notes the cursors that are about to be made, of a message with this
// summary, whose action is held by held for as long as one of them may be open. It
// reports whether there was room for them.
func Declare(l *ledger.Ledger, parts []action.Part, summary string, held protocols.Held) bool {
	for _, p := range parts {
		shape := statement.Shape(p)
		if shape == nil {
			continue
		}
		for _, name := range shape.Declares {
			if !l.Declare(name, ledger.Cursor{Part: p, Held: held, Summary: summary, Keeps: shape.Keeps}) {
				return false
			}
		}
	}
	return true
}

// An again is a statement that was declared and whose rows are fetched now. Its
// record is closed: of the new judgement only a refusal is written down.
type again struct {
	act     action.Action
	refused *action.Decision
}

var _ protocols.Exchange = (*again)(nil)

// Action is what is judged.
func (a *again) Action() *action.Action { return &a.act }

// Learn adds what can be read from the text.
func (a *again) Learn(_ context.Context, need action.Need) error {
	if need&sql.NeedLiterals != 0 {
		a.act.Parts = sql.WithLiterals(a.act.Parts)
	}
	return nil
}

// Forward has nothing to send: the FETCH is.
func (a *again) Forward(context.Context, protocols.Upstream) (action.Result, error) {
	return action.Result{}, nil
}

// Refuse keeps the reason for whoever fetches.
func (a *again) Refuse(_ context.Context, d action.Decision) error {
	a.refused = &d
	return nil
}
