package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"sallyport.dev/sallyport/audit/record"
)

// Export is the function of that name, of the log's own records.
func (l *Log) Export(ctx context.Context, q Query, f func(line []byte) error) error {
	return Export(ctx, l.store, q.Resolve(l.opts.Now()), f)
}

// Export gives the records that q asks for as they are kept, oldest first: each is
// the JSON of a Record with its hash. Its since and until are of when a record was
// written, so that one without terms need not be read to be found; its limit is
// not looked at, and it is Resolved. f may use the bytes until it returns; its error ends the export.
func Export(ctx context.Context, store Reader, q Query, f func(line []byte) error) error {
	from, err := store.FirstSince(ctx, q.Since)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	wants := Query{Terms: q.Terms, Before: q.Before, Whole: q.Whole}
	var line []byte
	err = store.Scan(ctx, from, func(row Row) error {
		if !q.Until.IsZero() && row.Recorded.After(q.Until) || row.Recorded.Before(q.Since) || q.Before > 0 && row.Seq >= q.Before {
			return nil
		}
		if len(wants.Terms) > 0 {
			r, err := record.Decode(row.Body)
			if err != nil || !wants.Match(&r) {
				return nil // Verify tells of what is damaged
			}
		}
		if len(row.Body) == 0 {
			return nil
		}
		line = withHash(line[:0], row.Body)
		return f(line)
	})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// withHash appends a record, as it is kept, with its hash.
func withHash(line, body []byte) []byte {
	hash := sha256.Sum256(body)
	line = append(line, body[:len(body)-1]...)
	line = append(line, `,"hash":"`...)
	return append(hex.AppendEncode(line, hash[:]), `"}`...)
}

// After gives every record behind a number, as Export does, until f fails.
func (l *Log) After(ctx context.Context, seq uint64, f func(seq uint64, line []byte) error) error {
	var line []byte
	return l.store.Scan(ctx, seq+1, func(row Row) error {
		if len(row.Body) == 0 {
			return nil
		}
		line = withHash(line[:0], row.Body)
		return f(row.Seq, line)
	})
}

// Last gives the number of the last record that is kept.
func (l *Log) Last(ctx context.Context) (uint64, error) {
	t, err := l.store.Tail(ctx)
	return t.Seq, err
}

// Written counts the records that were kept since the log was opened.
func (l *Log) Written() uint64 { return l.counts.written.Load() }
