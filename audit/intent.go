package audit

import (
	"context"
)

// intent is a change of the intents on its way to their keeper: one to add, with
// somebody waiting, or some to drop.
type intent struct {
	add  Intent
	drop []string
	kept chan error // nil: nobody waits
}

// intend returns when i is on disk. Those that come together share one commit.
func (l *Log) intend(ctx context.Context, i Intent) error {
	req := &intent{add: i, kept: make(chan error, 1)}
	select {
	case l.intents <- req:
	case <-l.kept:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-req.kept:
		return err
	case <-l.kept:
		return ErrClosed
	case <-ctx.Done():
		// It may yet be kept; behind it in the queue it is dropped again.
		l.change(&intent{drop: []string{i.ID}})
		return context.Cause(ctx)
	}
}

// forget drops the intents of records that are kept.
func (l *Log) forget(rs []Record) {
	ids := make([]string, len(rs))
	for i := range rs {
		ids[i] = rs[i].ID
	}
	l.change(&intent{drop: ids})
}

// change hands a change over that nobody waits for.
func (l *Log) change(c *intent) {
	select {
	case l.intents <- c:
	case <-l.kept:
	}
}

// keepIntents is the one goroutine that changes intents. While one commit runs
// the next ones gather.
func (l *Log) keepIntents() {
	defer close(l.kept)
	ctx := context.Background()
	for open := true; open; {
		var add []Intent
		var drop []string
		var waiting []chan error
		for req := range l.gather() {
			switch {
			case req == nil:
				open = false
			case req.kept != nil:
				add, waiting = append(add, req.add), append(waiting, req.kept)
			default:
				drop = append(drop, req.drop...)
			}
		}
		if len(add)+len(drop) == 0 {
			continue
		}
		err := l.store.ChangeIntents(ctx, add, drop)
		for _, kept := range waiting {
			kept <- err
		}
		if err == nil {
			l.mute.Store(nil)
			continue
		}
		l.counts.failures.Add(1)
		if l.mute.Swap(&err) == nil { // once, not for every action that is refused
			l.opts.Log.Error("the audit log cannot note beginnings", "err", err)
		}
	}
}

// gather waits for one change and takes those that are queued behind it.
func (l *Log) gather() func(func(*intent) bool) {
	return func(yield func(*intent) bool) {
		more := yield(<-l.intents)
		for n := 1; more && n < maxBatch; n++ {
			select {
			case req := <-l.intents:
				more = yield(req)
			default:
				return
			}
		}
	}
}
