package store

import (
	"context"
	"fmt"
)

// The head of the operators' audit, and where it stands.
const (
	bucketDeeds = "deeds"
	deedHead    = "head"
)

// AppendDeed keeps an entry of the operators' audit with the head that covers it.
func (s *Store) AppendDeed(ctx context.Context, seq uint64, body, head []byte) error {
	err := s.reserve.retry(func() error {
		tx, err := s.state.write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
		if _, err := tx.ExecContext(ctx, "INSERT INTO deeds VALUES (?, ?)", int64(seq), body); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx,
			"INSERT INTO kv VALUES (?, ?, ?, 0) ON CONFLICT DO UPDATE SET value = excluded.value", bucketDeeds, deedHead, head); err != nil {
			return err
		}
		return tx.Commit()
	})
	if err != nil {
		return fmt.Errorf("store deed %d: %w", seq, err)
	}
	return nil
}

// DeedHead gives the head of the operators' audit; nil if there is none.
func (s *Store) DeedHead(ctx context.Context) ([]byte, error) {
	head, _, err := s.Get(ctx, bucketDeeds, deedHead)
	return head, err
}

// Deeds calls f with every entry of the operators' audit after a number, in order.
func (s *Store) Deeds(ctx context.Context, after uint64, f func(seq uint64, body []byte) error) error {
	rows, err := s.state.read.QueryContext(ctx, "SELECT seq, body FROM deeds WHERE seq > ? ORDER BY seq", int64(after))
	if err != nil {
		return fmt.Errorf("read deeds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var body []byte
		if err := rows.Scan(&seq, &body); err != nil {
			return fmt.Errorf("read deeds: %w", err)
		}
		if err := f(uint64(seq), body); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read deeds: %w", err)
	}
	return nil
}

// DeedsBefore gives the last entries of the operators' audit before a number,
// newest first.
func (s *Store) DeedsBefore(ctx context.Context, before uint64, limit int) ([][]byte, error) {
	rows, err := s.state.read.QueryContext(ctx, "SELECT body FROM deeds WHERE seq < ? ORDER BY seq DESC LIMIT ?", int64(before), limit)
	if err != nil {
		return nil, fmt.Errorf("read deeds: %w", err)
	}
	defer rows.Close()
	var list [][]byte
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("read deeds: %w", err)
		}
		list = append(list, body)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read deeds: %w", err)
	}
	return list, nil
}

// Each calls f with everything in a bucket, by key.
func (s *Store) Each(ctx context.Context, bucket string, f func(key string, value []byte) error) error {
	all, err := s.List(ctx, bucket)
	if err != nil {
		return err
	}
	for _, kv := range all {
		if err := f(kv.Key, kv.Value); err != nil {
			return err
		}
	}
	return nil
}
