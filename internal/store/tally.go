package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"sallyport.dev/sallyport/audit/tally"
)

var _ tally.Store = (*Store)(nil)

// SaveTally puts entries in place of what was there, all or none.
func (s *Store) SaveTally(ctx context.Context, entries []tally.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	err := s.reserve.retry(func() error {
		tx, err := s.state.write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
		for _, e := range entries {
			if err := saveEntry(ctx, tx, e); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
	if err != nil {
		return fmt.Errorf("store counters: %w", err)
	}
	return nil
}

func saveEntry(ctx context.Context, tx *sql.Tx, e tally.Entry) error {
	if e.N == 0 {
		_, err := tx.ExecContext(ctx, "DELETE FROM tally WHERE rule = ? AND of = ? AND at = ?", e.Rule, e.Of, e.At.UnixNano())
		return err
	}
	_, err := tx.ExecContext(ctx,
		"INSERT INTO tally VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = excluded.n",
		e.Rule, e.Of, e.At.UnixNano(), e.N)
	return err
}

// LoadTally gives every entry, by time, and forgets those before oldest.
func (s *Store) LoadTally(ctx context.Context, oldest time.Time) ([]tally.Entry, error) {
	if _, err := s.state.write.ExecContext(ctx, "DELETE FROM tally WHERE at < ?", oldest.UnixNano()); err != nil {
		return nil, fmt.Errorf("forget old counters: %w", err)
	}
	rows, err := s.state.read.QueryContext(ctx, "SELECT rule, of, at, n FROM tally ORDER BY at")
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	defer rows.Close()
	var all []tally.Entry
	for rows.Next() {
		var e tally.Entry
		var at int64
		if err := rows.Scan(&e.Rule, &e.Of, &at, &e.N); err != nil {
			return nil, fmt.Errorf("read counters: %w", err)
		}
		e.At = time.Unix(0, at).UTC()
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	return all, nil
}
