package audit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/journal"
	"sallyport.dev/sallyport/audit/record"
)

// running is an action that holds a slot of the journal: from Begin until its
// record is kept.
type running struct {
	slot  journal.Slot
	share *share
}

// A share is what one agent holds of what all have to share. Who is over it waits
// alone.
type share struct {
	slots atomic.Int64
	bytes atomic.Int64 // of encoded records in the queue
}

// Begin notes that a is about to be done, or refused. The note outlives the
// process; with Options.Strict it is on disk when Begin returns, and outlives a
// loss of power. While the log is full, or holds too much of the same agent,
// Begin waits. An error means that a cannot be recorded: then nothing may be
// done, and End need not be called. Without Options.Strict that is only so if
// ctx or the log ends.
func (l *Log) Begin(ctx context.Context, a *action.Action, d action.Decision) error {
	select {
	case <-l.closing:
		return ErrClosed
	default:
	}
	l.counts.begun.Add(1)
	run, err := l.enter(ctx, a, d)
	if err == nil && l.opts.Strict {
		if err = l.beginStrict(ctx, a, d); err != nil {
			l.leave(run)
		}
	}
	if err != nil {
		l.counts.refused.Add(1)
		l.miss()
		return fmt.Errorf("record %s: %w", a.ID, err)
	}
	l.mu.Lock()
	l.open[a.ID] = run
	l.mu.Unlock()
	return nil
}

// enter takes a slot. While the store does not work and none is free, strict mode
// refuses; otherwise a becomes part of the gap, and has none.
func (l *Log) enter(ctx context.Context, a *action.Action, d action.Decision) (running, error) {
	run := running{share: l.shareOf(a.Peer)}
	var tick *time.Ticker
	for {
		if l.opts.Strict {
			if err := l.able(); err != nil {
				return run, err
			}
		}
		freed, err := l.note(&run, a, d)
		if !errors.Is(err, journal.ErrFull) {
			return run, err
		}
		if !l.opts.Strict && l.down.Load() != nil {
			l.miss()
			return running{slot: journal.None}, nil
		}
		if tick == nil {
			l.counts.blocked.Add(1)
			tick = time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
		}
		select {
		case <-freed:
		case <-tick.C:
		case <-l.closing:
			return run, ErrClosed
		case <-ctx.Done():
			return run, context.Cause(ctx)
		}
	}
}

// note is one try. If it fails for want of a slot, freed tells when to try again.
func (l *Log) note(run *running, a *action.Action, d action.Decision) (freed <-chan struct{}, err error) {
	if n := run.share.slots.Add(1); n <= int64(l.opts.Queue+maxRunning)/maxShare {
		run.slot, err = l.journal.Begin(a, d)
		if errors.Is(err, journal.ErrFull) {
			freed = l.journal.Freed()
			run.slot, err = l.journal.Begin(a, d) // one may have come free before freed was there
		}
		if err == nil {
			return nil, nil
		}
	} else {
		freed, err = l.journal.Freed(), journal.ErrFull
	}
	run.share.slots.Add(-1)
	return freed, err
}

// able says why strict mode begins nothing.
func (l *Log) able() error {
	if err := l.down.Load(); err != nil {
		return *err
	}
	return l.store.Room()
}

func (l *Log) beginStrict(ctx context.Context, a *action.Action, d action.Decision) error {
	r := record.New(l.methods, a, d)
	return l.intend(ctx, Intent{ID: a.ID, Body: r.AppendJSON(nil)})
}

// leave gives slots back that nothing is to be recovered from any more.
func (l *Log) leave(runs ...running) {
	slots := make([]journal.Slot, len(runs))
	for i, run := range runs {
		slots[i] = run.slot
		run.share.slots.Add(-1)
	}
	l.journal.Free(slots...)
}

// closed takes id out of the open ones and reports whether it was there.
func (l *Log) closed(id string) (running, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	run, ok := l.open[id]
	delete(l.open, id)
	return run, ok
}

// miss counts a record that will not be there, for the gap record.
func (l *Log) miss() {
	l.journal.Miss(1)
	l.counts.missing.Add(1)
}

func (l *Log) shareOf(p *action.Peer) *share {
	id := ""
	if p != nil {
		id = p.ID
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.shares[id]
	if s == nil {
		s = new(share)
		l.shares[id] = s
	}
	return s
}

// reserve counts e among what waits, and reports whether there is room for it.
// An agent of which nothing waits always has room for one.
func (l *Log) reserve(e *ended) bool {
	all, own := l.pending.Add(e.size), e.share.bytes.Add(e.size)
	if own > e.size && (all > maxPending || own > maxPending/maxShare) {
		l.unreserve(e)
		return false
	}
	e.reserved = true
	return true
}

func (l *Log) unreserve(e *ended) {
	l.pending.Add(-e.size)
	e.share.bytes.Add(-e.size)
}
