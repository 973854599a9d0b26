package node

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

// Records is the audit log of a state directory in which no gateway runs. While it
// is open none can start.
type Records struct{ store *store.Store }

// ErrNoRecords means that a directory holds no audit log that may be read here.
var ErrNoRecords = errors.New("it holds no audit log")

// OpenRecords opens the audit log below dir. One that is another user's is left
// alone: whoever opens it leaves files of their own.
func OpenRecords(ctx context.Context, dir string) (*Records, error) {
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
	return &Records{s}, nil
}

// Export gives the records that q asks for, see audit.Export.
func (r *Records) Export(ctx context.Context, q audit.Query, f func(line []byte) error) error {
	return audit.Export(ctx, r.store, q.Resolve(time.Now()), f)
}

// Close lets a gateway start again.
func (r *Records) Close() error { return r.store.Close() }
