// Package history keeps what a configuration was: every revision with its text,
// who made it and why. It is told of revisions and makes none by itself.
package history

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sallyport.dev/sallyport/action"
)

// A Store keeps values by bucket and key. A value is on disk when Put returns.
type Store interface {
	Put(ctx context.Context, bucket, key string, value []byte) error
	Get(ctx context.Context, bucket, key string) (value []byte, ok bool, err error)
	Delete(ctx context.Context, bucket, key string) error
}

// bucket is where revisions are, and the key of the numbers there are.
const (
	bucket  = "revisions"
	headKey = "head"
)

// Keep is how many revisions there are at most; older ones go.
const Keep = 1000

// maxPage bounds one listing, and maxValue what one revision unpacks to.
const (
	maxPage  = 100
	maxValue = 256 << 20
)

// ErrNone means that there is no such revision.
var ErrNone = errors.New("there is no such revision")

// A Log is the history of one configuration. Its methods must not be called
// concurrently with Begin, Commit and Abandon.
type Log struct{ Store Store }

// head says which numbers there are: from First to Last, none if Last is zero.
type head struct {
	First, Last int
	Open        bool // Last has begun, and nobody said yet that it came to be
}

func (l *Log) head(ctx context.Context) (h head, err error) {
	b, ok, err := l.Store.Get(ctx, bucket, headKey)
	if err != nil || !ok {
		return head{First: 1}, err
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return h, fmt.Errorf("read the history: %w", err)
	}
	return h, nil
}

func (l *Log) setHead(ctx context.Context, h head) error {
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return l.Store.Put(ctx, bucket, headKey, b)
}

func key(number int) string { return fmt.Sprintf("%09d", number) }

// Begin keeps a revision that is about to come to be, and gives its number.
func (l *Log) Begin(ctx context.Context, r action.Revision) (int, error) {
	h, err := l.head(ctx)
	if err != nil {
		return 0, err
	}
	if !h.Open {
		h.Last++ // one that was left open gives its number up
	}
	r.Number, h.Open = h.Last, true
	b, err := pack(r)
	if err != nil {
		return 0, err
	}
	if err := l.Store.Put(ctx, bucket, key(h.Last), b); err != nil {
		return 0, err
	}
	return h.Last, l.setHead(ctx, h)
}

// Commit says that the last revision came to be, and lets the oldest go.
func (l *Log) Commit(ctx context.Context) error {
	h, err := l.head(ctx)
	if err != nil || !h.Open {
		return err
	}
	h.Open = false
	old := h.First
	h.First = max(h.First, h.Last-Keep+1)
	if err := l.setHead(ctx, h); err != nil {
		return err
	}
	for ; old < h.First; old++ {
		if err := l.Store.Delete(ctx, bucket, key(old)); err != nil {
			return err
		}
	}
	return nil
}

// Abandon says that the last revision did not come to be.
func (l *Log) Abandon(ctx context.Context) error {
	h, err := l.head(ctx)
	if err != nil || !h.Open {
		return err
	}
	gone := h.Last
	h.Last, h.Open = h.Last-1, false
	if err := l.setHead(ctx, h); err != nil {
		return err
	}
	return l.Store.Delete(ctx, bucket, key(gone))
}

// Last gives the newest revision; open means that nobody said yet whether it came
// to be. The error is ErrNone if there is none.
func (l *Log) Last(ctx context.Context) (r action.Revision, open bool, err error) {
	h, err := l.head(ctx)
	if err != nil {
		return r, false, err
	}
	r, err = l.get(ctx, h.Last)
	return r, h.Open, err
}

// Get gives one revision, with its files.
func (l *Log) Get(ctx context.Context, number int) (action.Revision, error) {
	h, err := l.head(ctx)
	if err != nil {
		return action.Revision{}, err
	}
	if number < h.First || number > h.Last || h.Open && number == h.Last {
		return action.Revision{}, fmt.Errorf("%w: %d", ErrNone, number)
	}
	return l.get(ctx, number)
}

func (l *Log) get(ctx context.Context, number int) (r action.Revision, err error) {
	b, ok, err := l.Store.Get(ctx, bucket, key(number))
	if err == nil && !ok {
		err = fmt.Errorf("%w: %d", ErrNone, number)
	}
	if err != nil {
		return r, err
	}
	return unpack(b)
}

// List gives up to limit revisions before a number, the newest first and without
// their files; before zero are all.
func (l *Log) List(ctx context.Context, before, limit int) ([]action.Revision, error) {
	h, err := l.head(ctx)
	if err != nil {
		return nil, err
	}
	if h.Open {
		h.Last--
	}
	if before <= 0 || before > h.Last+1 {
		before = h.Last + 1
	}
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	list := []action.Revision{}
	for n := before - 1; n >= h.First && len(list) < limit; n-- {
		r, err := l.get(ctx, n)
		if err != nil {
			return nil, err
		}
		r.Files = nil
		list = append(list, r)
	}
	return list, nil
}

// pack makes a revision small: texts repeat themselves.
func pack(r action.Revision) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	err := json.NewEncoder(z).Encode(r)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("write revision %d: %w", r.Number, err)
	}
	return b.Bytes(), nil
}

func unpack(b []byte) (r action.Revision, err error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		err = json.NewDecoder(io.LimitReader(z, maxValue)).Decode(&r)
	}
	if err != nil {
		return r, fmt.Errorf("read a revision: %w", err)
	}
	return r, nil
}
