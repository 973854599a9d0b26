package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sallyport.dev/sallyport/audit/query"
	"sallyport.dev/sallyport/audit/record"
)

// recover makes records of what had begun when the last gateway died: of its
// intents, which have all facts, and of what its journal noted, which may tell how
// it ended. What was kept before it could be forgotten is not made again.
func (l *Log) recover(ctx context.Context, noted []Record) error {
	intents, err := l.store.LoadIntents(ctx)
	if err != nil || len(intents)+len(noted) == 0 {
		return err
	}
	begun := map[string]Record{}
	for _, r := range noted {
		begun[r.ID] = r
	}
	dropped := make([]string, len(intents))
	for i, in := range intents {
		dropped[i] = in.ID
		r := l.intended(in)
		if n, ok := begun[in.ID]; ok {
			r.Verdict, r.Outcome, r.Status = n.Verdict, n.Outcome, n.Status
			r.Sent, r.Received, r.Rows, r.Duration = n.Sent, n.Received, n.Rows, n.Duration
		}
		begun[in.ID] = r
	}
	if err := l.forgetKept(ctx, begun); err != nil {
		return err
	}
	if len(begun) > 0 {
		rs := l.chain(slices.SortedFunc(maps.Values(begun), func(a, b Record) int {
			return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
		}))
		if err := l.store.Append(ctx, rs); err != nil {
			return fmt.Errorf("recover %d records: %w", len(rs), err)
		}
		last := rs[len(rs)-1]
		l.tail = Tail{Seq: last.Seq, Hash: last.Hash, Recorded: last.Recorded}
		l.opts.Log.Warn("the last gateway died: what it was doing is recorded, in part with an unknown outcome", "records", len(rs))
	}
	if len(dropped) > 0 {
		if err := l.store.ChangeIntents(ctx, nil, dropped); err != nil {
			return err
		}
	}
	l.journal.Clear()
	return nil
}

func (l *Log) intended(in Intent) Record {
	r := Record{}
	if err := json.Unmarshal(in.Body, &r); err != nil {
		r = Record{ID: in.ID, Time: l.opts.Now().UTC(), Summary: "an intent that could not be read"}
	}
	r.Outcome = record.Lost
	return r
}

// forgetKept takes out of begun what the store has already, by id: after a loss
// of power the journal may be older than the store.
func (l *Log) forgetKept(ctx context.Context, begun map[string]Record) error {
	for ids := range slices.Chunk(slices.Collect(maps.Keys(begun)), query.MaxTerms) {
		known, err := l.store.Select(ctx, Query{Terms: []Term{{Field: "id", Values: ids}}, Limit: MaxLimit})
		if err != nil {
			return err
		}
		for _, r := range known {
			delete(begun, r.ID)
		}
	}
	return nil
}
