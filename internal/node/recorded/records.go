// Package recorded is what a gateway has recorded, to be judged again: by drafts of
// its configuration while it runs, in bounded time and beside the agents' traffic,
// and by others where they are kept while it is stopped. It changes no record.
package recorded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/internal/store"
)

// A Log is the audit log of a state directory in which no gateway runs. While it
// is open none can start.
type Log struct{ store *store.Store }

// ErrNoRecords means that a directory holds no audit log that may be read here.
var ErrNoRecords = errors.New("it holds no audit log")

// Open opens the audit log below dir. One that is another user's is left
// alone: whoever opens it leaves files of their own.
func Open(ctx context.Context, dir string) (*Log, error) {
	info, err := os.Stat(filepath.Join(dir, "audit"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoRecords)
	}
	if err != nil {
		return nil, fmt.Errorf("look for an audit log: %w", err)
	}
	if !owned(info) {
		return nil, fmt.Errorf("%s: %w of this user", dir, ErrNoRecords)
	}
	s, err := store.Open(ctx, dir, nil)
	if err != nil {
		return nil, err
	}
	return &Log{s}, nil
}

// Export gives the records that q asks for, see audit.Export.
func (r *Log) Export(ctx context.Context, q audit.Query, f func(line []byte) error) error {
	return audit.Export(ctx, r.store, q.Resolve(time.Now()), f)
}

// Close lets a gateway start again.
func (r *Log) Close() error { return r.store.Close() }
