package recorded

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/internal/past"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/edit"
	"sallyport.dev/sallyport/policy/replay"
)

// What one look at the impact of a draft may cost beside the agents' traffic.
const (
	impactRecords = 200_000
	impactChanges = 200 // that are listed; the rest is counted
	impactTime    = 30 * time.Second
)

// A Replayer judges what was recorded by drafts, one at a time.
type Replayer struct {
	Draft   func(context.Context, action.Draft) (*policy.Policy, error)
	Current func() *policy.Policy
	Export  func(ctx context.Context, q audit.Query, f func(line []byte) error) error
	Tables  []action.FactTable

	turn chan struct{}
}

var _ book.Replayer = (*Replayer)(nil)

// New makes r ready.
func New(r Replayer) *Replayer {
	r.turn = make(chan struct{}, 1)
	return &r
}

// Impact judges what q finds, at most impactRecords of it, by a draft and by the
// rules in force, on half of the processors. Bodies are judged where q is Whole.
func (r *Replayer) Impact(ctx context.Context, d action.Draft, q audit.Query) (*action.Impact, error) {
	ctx, stop := context.WithTimeout(ctx, impactTime)
	defer stop()
	is, err := r.Draft(ctx, d)
	if err != nil {
		return nil, err
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, late(ctx)
	}
	read := past.Bare
	if q.Whole {
		read = past.Reader
	}
	source := replay.Source{
		Reader: read(r.Tables), Workers: max(1, runtime.GOMAXPROCS(0)/2),
		Records: past.Exported(func(f func([]byte) error) error { return r.Export(ctx, q, f) }),
	}
	got, err := replay.Diff(ctx, source, r.Current(), is, replay.Bounds{Records: impactRecords, Changes: impactChanges})
	if ctx.Err() != nil {
		return nil, late(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("judge again what was recorded: %w", err)
	}
	return got, nil
}

// late tells one who waited too long from one who went away.
func late(ctx context.Context) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	return &edit.Refusal{Status: http.StatusServiceUnavailable, Err: fmt.Errorf("there is more than can be judged again in %s; look at a shorter time", impactTime)}
}
