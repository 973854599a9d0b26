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
	wants := Query{Terms: q.Terms, Before: q.Before}
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
		hash := sha256.Sum256(row.Body)
		line = append(line[:0], row.Body[:len(row.Body)-1]...)
		line = append(line, `,"hash":"`...)
		line = append(hex.AppendEncode(line, hash[:]), `"}`...)
		return f(line)
	})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}
