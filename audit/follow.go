package audit

import (
	"context"

	"sallyport.dev/sallyport/audit/watch"
)

// An Event is a record as it is written.
type Event = watch.Event

// Follow gives the records that q wants as they are kept, from now on. The channel
// is closed when ctx or the log ends. A slow follower loses records, and is told so.
func (l *Log) Follow(ctx context.Context, q Query) <-chan Event {
	return l.followers.Follow(ctx, q.Resolve(l.opts.Now()))
}
