package store

import (
	"context"

	"sallyport.dev/sallyport/approval"
)

// bucketAsks holds what people are, or were, asked.
const bucketAsks = "asks"

var _ approval.Store = (*Store)(nil)

// LoadAsks gives every ask that is kept.
func (s *Store) LoadAsks(ctx context.Context) ([][]byte, error) {
	all, err := s.List(ctx, bucketAsks)
	if err != nil {
		return nil, err
	}
	asks := make([][]byte, len(all))
	for i, kv := range all {
		asks[i] = kv.Value
	}
	return asks, nil
}

// SaveAsk keeps an ask in place of what had the same id.
func (s *Store) SaveAsk(ctx context.Context, id string, ask []byte) error {
	return s.Put(ctx, bucketAsks, id, ask)
}

// DeleteAsk forgets an ask.
func (s *Store) DeleteAsk(ctx context.Context, id string) error {
	return s.Delete(ctx, bucketAsks, id)
}
