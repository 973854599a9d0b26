package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/dns"
	"sallyport.dev/sallyport/vault/seal"
)

// The buckets that this package fills.
const (
	bucketAgents = "agents"
	bucketNames  = "names"
	bucketSealed = "secrets"
	bucketHeads  = "heads"
)

// A KV is one value of a bucket.
type KV struct {
	Key     string
	Value   []byte
	Updated time.Time
}

// Put keeps value under key, in place of what was there. It is on disk when Put
// returns.
func (s *Store) Put(ctx context.Context, bucket, key string, value []byte) error {
	err := s.reserve.retry(func() error {
		_, err := s.state.write.ExecContext(ctx,
			"INSERT INTO kv VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, updated = excluded.updated",
			bucket, key, value, time.Now().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("store %s %q: %w", bucket, key, err)
	}
	return nil
}

// PutAll is Put for several values of a bucket, all of them or none.
func (s *Store) PutAll(ctx context.Context, bucket string, values []KV) error {
	err := s.reserve.retry(func() error {
		tx, err := s.state.write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
		put, err := tx.PrepareContext(ctx,
			"INSERT INTO kv VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, updated = excluded.updated")
		if err != nil {
			return err
		}
		defer put.Close() //nolint:errcheck // the transaction tells
		for _, v := range values {
			if _, err := put.ExecContext(ctx, bucket, v.Key, v.Value, time.Now().UnixMicro()); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
	if err != nil {
		return fmt.Errorf("store %d of %s: %w", len(values), bucket, err)
	}
	return nil
}

// Get gives the value of key; ok is false if there is none.
func (s *Store) Get(ctx context.Context, bucket, key string) (value []byte, ok bool, err error) {
	err = s.state.read.QueryRowContext(ctx, "SELECT value FROM kv WHERE bucket = ? AND key = ?", bucket, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s %q: %w", bucket, key, err)
	}
	return value, true, nil
}

// List gives everything in bucket, by key.
func (s *Store) List(ctx context.Context, bucket string) ([]KV, error) {
	rows, err := s.state.read.QueryContext(ctx, "SELECT key, value, updated FROM kv WHERE bucket = ? ORDER BY key", bucket)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", bucket, err)
	}
	defer rows.Close()
	var all []KV
	for rows.Next() {
		var kv KV
		var updated int64
		if err := rows.Scan(&kv.Key, &kv.Value, &updated); err != nil {
			return nil, fmt.Errorf("read %s: %w", bucket, err)
		}
		kv.Updated = time.UnixMicro(updated).UTC()
		all = append(all, kv)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", bucket, err)
	}
	return all, nil
}

// Delete removes key; it may be missing.
func (s *Store) Delete(ctx context.Context, bucket, key string) error {
	err := s.reserve.retry(func() error {
		_, err := s.state.write.ExecContext(ctx, "DELETE FROM kv WHERE bucket = ? AND key = ?", bucket, key)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", bucket, key, err)
	}
	return nil
}

// putJSON keeps value as JSON.
func putJSON(ctx context.Context, s *Store, bucket, key string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("store %s %q: %w", bucket, key, err)
	}
	return s.Put(ctx, bucket, key, b)
}

// listJSON reads a bucket of JSON.
func listJSON[T any](ctx context.Context, s *Store, bucket string) ([]T, error) {
	all, err := s.List(ctx, bucket)
	if err != nil {
		return nil, err
	}
	list := make([]T, len(all))
	for i, kv := range all {
		if err := json.Unmarshal(kv.Value, &list[i]); err != nil {
			return nil, fmt.Errorf("read %s %q: %w", bucket, kv.Key, err)
		}
	}
	return list, nil
}

// LoadAgents gives every agent, removed ones too.
func (s *Store) LoadAgents(ctx context.Context) ([]netstack.Agent, error) {
	return listJSON[netstack.Agent](ctx, s, bucketAgents)
}

// SaveAgent inserts or replaces an agent by its ID.
func (s *Store) SaveAgent(ctx context.Context, a netstack.Agent) error {
	return putJSON(ctx, s, bucketAgents, a.ID, a)
}

// LoadNames gives every name that has a virtual address.
func (s *Store) LoadNames(ctx context.Context) ([]dns.Name, error) {
	return listJSON[dns.Name](ctx, s, bucketNames)
}

// SaveName keeps a name in place of what had the same ID.
func (s *Store) SaveName(ctx context.Context, n dns.Name) error {
	return putJSON(ctx, s, bucketNames, strconv.FormatUint(uint64(n.ID), 10), n)
}

// LoadSealed gives every sealed secret.
func (s *Store) LoadSealed(ctx context.Context) ([]seal.Sealed, error) {
	return listJSON[seal.Sealed](ctx, s, bucketSealed)
}

// SaveSealed inserts or replaces sealed secrets by their names, all or none.
func (s *Store) SaveSealed(ctx context.Context, sealed ...seal.Sealed) error {
	values := make([]KV, len(sealed))
	for i, one := range sealed {
		b, err := json.Marshal(one)
		if err != nil {
			return fmt.Errorf("store %s %q: %w", bucketSealed, one.Name, err)
		}
		values[i] = KV{Key: one.Name, Value: b}
	}
	return s.PutAll(ctx, bucketSealed, values)
}

// DeleteSealed removes a sealed secret.
func (s *Store) DeleteSealed(ctx context.Context, name string) error {
	return s.Delete(ctx, bucketSealed, name)
}

// SaveHead keeps a head of the audit log under name.
func (s *Store) SaveHead(ctx context.Context, name string, h audit.Head) error {
	return putJSON(ctx, s, bucketHeads, name, h)
}

// LoadHeads gives the heads of the audit log by name.
func (s *Store) LoadHeads(ctx context.Context) (map[string]audit.Head, error) {
	all, err := s.List(ctx, bucketHeads)
	if err != nil {
		return nil, err
	}
	heads := make(map[string]audit.Head, len(all))
	for _, kv := range all {
		var h audit.Head
		if err := json.Unmarshal(kv.Value, &h); err != nil {
			return nil, fmt.Errorf("read %s %q: %w", bucketHeads, kv.Key, err)
		}
		heads[kv.Key] = h
	}
	return heads, nil
}

// Snapshot writes state.db, as it is at one moment, to a new file at path. The
// gateway goes on meanwhile.
func (s *Store) Snapshot(ctx context.Context, path string) error {
	if _, err := s.state.write.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("copy state.db: %w", err)
	}
	return nil
}
