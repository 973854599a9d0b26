package store

import (
	"context"
	"fmt"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/usage"
	"sallyport.dev/sallyport/internal/store/spending"
)

// CheckUsage holds what Usage adds up against the records.
func (s *Store) CheckUsage(ctx context.Context) ([]spending.Difference, error) {
	var all []spending.Difference
	for _, mo := range s.months.all() {
		found, err := spending.Check(ctx, mo.read)
		if err != nil {
			return nil, fmt.Errorf("usage of %s: %w", mo.name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// Usage adds up what language models took within q.
func (s *Store) Usage(ctx context.Context, q usage.Query) ([]usage.Row, error) {
	var all []usage.Row
	for _, mo := range s.months.all() {
		if mo.name < audit.MonthOf(q.Since) { // a record is never older than its action
			continue
		}
		rows, err := spending.Sums(ctx, mo.read, q)
		if err != nil {
			return nil, fmt.Errorf("usage of %s: %w", mo.name, err)
		}
		all = append(all, rows...)
	}
	return all, nil
}
