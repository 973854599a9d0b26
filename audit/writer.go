package audit

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
)

// write is the one goroutine that appends records.
func (l *Log) write() {
	defer close(l.written)
	ctx := context.Background() // a batch that was taken is written, whoever leaves
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var pruned time.Time
	batch := make([]*ended, 0, maxBatch)
	for open := true; open; {
		batch, open = l.collect(batch[:0], tick.C)
		if l.commit(ctx, l.records(batch)) {
			l.release(batch)
		}
		clear(batch)
		clear(l.batch)
		l.tellGap(ctx)
		now := l.opts.Now()
		if since := now.Sub(l.signed.Time); !open || since >= signEvery || since < 0 { // the clock may go back
			l.sign(ctx, now)
		}
		if l.opts.Keep > 0 && now.Sub(pruned) >= pruneEvery {
			pruned = now
			if err := l.prune(ctx, now); err != nil {
				l.opts.Log.Error("old audit records stay", "err", err)
			}
		}
	}
}

// collect waits for records and gives at most one batch of them; none at a tick.
// open is false when the log is closing and the queue is empty.
func (l *Log) collect(batch []*ended, tick <-chan time.Time) (_ []*ended, open bool) {
	select {
	case e := <-l.queue:
		batch = append(batch, e)
	case <-tick:
		return batch, true
	case <-l.closing:
		return l.rest(batch)
	}
	// A commit and its sync cost the same for few records and for many.
	wait := maxWait + 3*maxWait*time.Duration(len(l.batch))/maxBatch
	// Not the queue: a receiver that waits there is woken once for each record.
	select {
	case <-time.After(wait):
	case <-l.full:
	case <-l.closing: // the rest of them next time
	}
	batch, _ = l.rest(batch)
	return batch, true
}

// rest takes what is queued without waiting.
func (l *Log) rest(batch []*ended) ([]*ended, bool) {
	for len(batch) < maxBatch {
		select {
		case e := <-l.queue:
			batch = append(batch, e)
		default:
			return batch, false
		}
	}
	return batch, true
}

// records makes the records of a batch that are not made yet. What it gives is
// good until the next batch.
func (l *Log) records(batch []*ended) []Record {
	l.batch = l.batch[:0]
	for _, e := range batch {
		l.unreserve(e)
		if e.record == nil {
			l.batch = append(l.batch, e.finished(l.methods))
			continue
		}
		l.batch = append(l.batch, *e.record)
	}
	return l.batch
}

// release gives back what the actions of a batch held until it was kept.
func (l *Log) release(batch []*ended) {
	runs := make([]running, len(batch))
	for i, e := range batch {
		runs[i] = e.running
	}
	l.leave(runs...)
}

// commit chains rs to the tail and appends them. It tries until the store takes
// them or the log closes, and reports whether they are kept.
func (l *Log) commit(ctx context.Context, rs []Record) bool {
	if len(rs) == 0 {
		return true
	}
	rs = l.chain(rs)
	for {
		err := l.append(ctx, rs)
		if err == nil {
			break
		}
		l.counts.failures.Add(1)
		if l.down.Swap(&err) == nil {
			l.opts.Log.Error("the audit log cannot be written", "err", err, "strict", l.opts.Strict)
		}
		select {
		case <-l.closing:
			l.counts.missing.Add(uint64(len(rs))) // not for good: they stay in the journal
			return false
		case <-time.After(retryEvery):
		}
	}
	if l.down.Swap(nil) != nil {
		l.opts.Log.Info("the audit log can be written again")
	}
	last := rs[len(rs)-1]
	l.tail = Tail{Seq: last.Seq, Hash: last.Hash, Recorded: last.Recorded}
	l.counts.batches.Add(1)
	if l.opts.Strict {
		l.forget(rs)
	}
	l.followers.Publish(rs)
	l.counts.written.Add(uint64(len(rs)))
	return true
}

// chain gives every record its place behind the tail. Recorded never goes back,
// so that months and time ranges follow the order of the chain.
func (l *Log) chain(rs []Record) []Record {
	at := l.opts.Now().UTC().Truncate(time.Microsecond)
	if at.Before(l.tail.Recorded) {
		at = l.tail.Recorded
	}
	seq, prev := l.tail.Seq, l.tail.Hash
	b := l.bodies[:0]
	for i := range rs {
		seq++
		b = rs[i].SealIn(b, seq, prev, at)
		prev = rs[i].Hash
	}
	l.bodies = nil
	if cap(b) <= 2*maxBatch*record.UsualBody { // a batch of fat ones leaves nothing behind
		l.bodies = b
	}
	return rs
}

// append is one try. A commit whose answer got lost may have succeeded: then the
// store's tail is the batch's last record.
func (l *Log) append(ctx context.Context, rs []Record) error {
	if l.down.Load() != nil {
		tail, err := l.store.Tail(ctx)
		if err != nil {
			return err
		}
		if last := rs[len(rs)-1]; tail.Seq == last.Seq && tail.Hash == last.Hash {
			return nil
		}
	}
	return l.store.Append(ctx, rs)
}

// tellGap writes the one record that stands for those that were lost while the
// store did not work.
func (l *Log) tellGap(ctx context.Context) {
	if l.down.Load() != nil {
		return
	}
	n := l.counts.missing.Swap(0)
	if n == 0 {
		return
	}
	l.counts.lost.Add(n)
	now := l.opts.Now()
	if l.commit(ctx, []Record{{
		ID: action.NewID(now), Time: now.UTC(), Kind: record.KindGap, Missing: n,
		Summary: fmt.Sprintf("%d records are missing: the audit log could not be written", n),
	}}) {
		l.journal.Miss(-int64(n)) // a crash before this has the gap told of twice: better than never
	}
}

// prune drops the months that are older than Keep, and leaves their last hash.
func (l *Log) prune(ctx context.Context, now time.Time) error {
	months, err := l.store.Months(ctx)
	if err != nil {
		return err
	}
	for _, m := range months {
		begin, err := time.Parse("2006-01", m.Name)
		if err != nil || begin.AddDate(0, 1, 0).After(now.Add(-l.opts.Keep)) || m.Last.Seq >= l.tail.Seq {
			continue
		}
		last := l.head(m.Last, now, droppedPrefix+m.Name)
		if err := l.store.SaveHead(ctx, droppedPrefix+m.Name, last); err != nil {
			return fmt.Errorf("month %s: %w", m.Name, err)
		}
		if err := l.store.DropMonth(ctx, m.Name); err != nil {
			return fmt.Errorf("month %s: %w", m.Name, err)
		}
		l.opts.Log.Info("audit month dropped", "month", m.Name, "last", m.Last.Seq)
	}
	return nil
}
