package ledger

import "context"

// A Standing tells whether a transaction is open on the server.
type Standing uint8

// The standings. Unsure is while something is under way that may begin or end one.
const (
	Outside Standing = iota
	Unsure
	Inside
)

// A stage is how far the implicit transaction has come that messages begin which
// no Sync has followed yet.
type stage uint8

const (
	none    stage = iota
	readied       // texts were read: tables are locked against changes of their schema
	ran
)

// advance notes what an item does to the implicit transaction.
func (l *Ledger) advance(k Kind) {
	switch k {
	case Parse, Describe, Close:
		l.stage = max(l.stage, readied)
	case Bind, Execute:
		l.stage = ran
	default:
		l.stage = none
	}
}

// Transaction tells where the session stands. What Loosen can end does not count.
func (l *Ledger) Transaction() Standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.loose():
		return Outside
	case l.stage == ran:
		return Inside
	case l.answered < l.segment:
		return Unsure
	case l.status != 'I', l.stage == readied:
		return Inside
	}
	return Outside
}

// Idle reports whether the server has answered everything and is in no transaction,
// nor in one that only a Sync will end.
func (l *Ledger) Idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first == len(l.items) && l.status == 'I' && l.stage == none
}

// Saved reports whether the transaction at hand may have a savepoint: an error then
// gives back what was locked after it, and no more.
func (l *Ledger) Saved() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.saved
}

// loose reports whether nothing holds the implicit transaction together.
func (l *Ledger) loose() bool {
	return l.stage == readied && l.status == 'I' && l.answered == l.segment
}

// A Fence is a Sync of ours that the agent knows nothing of.
type Fence struct {
	set      bool
	seq      uint64
	failures uint64 // before
}

// Loosen notes a Sync of ours, which the caller then sends, if nothing was done in
// the implicit transaction at hand but to prepare: the transaction ends with it.
func (l *Ledger) Loosen() (f Fence, ok bool) {
	l.mu.Lock()
	ok = l.loose()
	failures := l.failures
	l.mu.Unlock()
	if !ok {
		return Fence{}, false
	}
	seq, _ := l.Push(Item{Kind: Sync, Quiet: true})
	return Fence{set: true, seq: seq, failures: failures}, true
}

// Rejoin waits for the server's answer to a fence, if there is one.
func (l *Ledger) Rejoin(ctx context.Context, f Fence) error {
	return l.wait(ctx, func() bool { return !f.set || l.popped > f.seq })
}

// Moot reports whether the server skips what stands behind a fence, which is zero
// where there is none: something before it has failed.
func (l *Ledger) Moot(f Fence) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed || f.set && l.failures > f.failures
}

// Quiet reports whether the next ReadyForQuery is for nobody but us.
func (l *Ledger) Quiet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range l.items[l.first:] {
		if it.Kind >= Sync {
			return it.Quiet
		}
	}
	return false
}

// A Step is one piece of work of the server: a message, or one statement of a
// simple query.
type Step struct{ item, statement uint64 }

// Busy gives the step that the server works on.
func (l *Ledger) Busy() (s Step, busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == len(l.items) {
		return Step{}, false
	}
	return Step{l.items[l.first].seq, l.completed}, true
}
