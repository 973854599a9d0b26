// Package holding is the API of what the state directory holds: how much, since when,
// how long it is kept, and up to where the end is signed.
package holding

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
)

// Records are the audit log as it is kept.
type Records interface {
	// Scan calls f with every record in order, beginning at from.
	Scan(ctx context.Context, from uint64, f func(audit.Row) error) error
	Tail(context.Context) (audit.Tail, error)
}

// A Store is the state directory.
type Store interface {
	Dir() string
	LoadHeads(context.Context) (map[string]audit.Head, error)
}

// A Page answers for one gateway.
type Page struct {
	Store   Store
	Records Records
	Keep    time.Duration // months of records older than this are dropped
	Strict  bool          // what cannot be recorded is not begun
	Stats   func() audit.Stats
}

// A Mark is one record's place in the log.
type Mark struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
}

// A Holding is what there is.
type Holding struct {
	Directory    string `json:"directory"`
	Bytes        int64  `json:"bytes"`         // of every file in it
	RecordBytes  int64  `json:"record_bytes"`  // of these, of the records
	JournalBytes int64  `json:"journal_bytes"` // of these, of what runs and must not be lost
	Keep         int64  `json:"keep_seconds"`
	Strict       bool   `json:"strict"`
	Oldest       *Mark  `json:"oldest,omitempty"` // nothing: there is no record
	Newest       *Mark  `json:"newest,omitempty"`
	Checkpoint   *Mark  `json:"checkpoint,omitempty"` // the end that was signed last
	Running      int    `json:"running"`              // actions that have begun and not ended
	Waiting      int    `json:"waiting"`              // records that wait to be written
	Lost         uint64 `json:"lost"`                 // since the start, that gap records stand for
	Failures     uint64 `json:"failures"`             // writes since the start that failed
}

// Routes is the table of this part of the API.
func (p Page) Routes() route.Table {
	return route.Table{{
		Method: "GET", Pattern: "/api/v1/store", Right: route.Viewer, Do: route.Out(p.state),
		Doc: "What the state directory holds: size, oldest record, last signed end, and how long records are kept.",
	}}
}

// errSeen ends a look at the first record.
var errSeen = errors.New("seen")

func (p Page) state(r *http.Request) (Holding, error) {
	ctx := r.Context()
	stats := p.Stats()
	h := Holding{
		Directory: p.Store.Dir(), Keep: int64(p.Keep / time.Second), Strict: p.Strict,
		Running: stats.Open, Waiting: stats.Queued, Lost: stats.Lost, Failures: stats.Failures,
	}
	err := p.Records.Scan(ctx, 0, func(row audit.Row) error {
		h.Oldest = &Mark{row.Seq, row.Recorded.UTC()}
		return errSeen
	})
	if err != nil && !errors.Is(err, errSeen) {
		return h, fmt.Errorf("the oldest record: %w", err)
	}
	tail, err := p.Records.Tail(ctx)
	if err != nil {
		return h, fmt.Errorf("the newest record: %w", err)
	}
	if tail.Seq > 0 {
		h.Newest = &Mark{tail.Seq, tail.Recorded}
	}
	heads, err := p.Store.LoadHeads(ctx)
	if err != nil {
		return h, fmt.Errorf("the signed end: %w", err)
	}
	if head, ok := heads["latest"]; ok {
		h.Checkpoint = &Mark{head.Seq, head.Time}
	}
	return h, h.weigh()
}

// weigh adds up the sizes of the files; one that goes meanwhile counts nothing.
func (h *Holding) weigh() error {
	err := filepath.WalkDir(h.Directory, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		h.Bytes += info.Size()
		switch name, _ := filepath.Rel(h.Directory, path); {
		case name == "journal":
			h.JournalBytes += info.Size()
		case strings.HasPrefix(name, "audit"+string(filepath.Separator)) && filepath.Base(name) != "reserve":
			h.RecordBytes += info.Size()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("the size of the state directory: %w", err)
	}
	return nil
}
