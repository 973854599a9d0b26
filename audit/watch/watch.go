// Package watch hands records on to those who watch them being kept. A slow one
// loses some, is told so, and slows nobody down.
package watch

import (
	"context"
	"sync"

	"sallyport.dev/sallyport/audit/query"
	"sallyport.dev/sallyport/audit/record"
)

// followBuffer is how many records a follower may fall behind.
const followBuffer = 1024

// An Event is a record as it is written. Lost tells how many that the follower
// wanted are missing before it, because it was too slow; Query finds them.
type Event struct {
	Record record.Record
	Lost   uint64
}

// Follow gives the records that q, which is resolved, wants from now on. The channel
// is closed when ctx or Followers end.
func (fs *Followers) Follow(ctx context.Context, q query.Query) <-chan Event {
	f := &follower{query: q, events: make(chan Event, followBuffer)}
	if !fs.add(f) {
		close(f.events)
		return f.events
	}
	context.AfterFunc(ctx, func() { fs.remove(f) })
	return f.events
}

type follower struct {
	query  query.Query
	events chan Event
	lost   uint64
}

// Followers are those who watch. The zero value has none. Channels are written and
// closed under mu, and writing never waits.
type Followers struct {
	mu     sync.Mutex
	all    map[*follower]struct{} // guarded by mu
	closed bool                   // guarded by mu
}

func (fs *Followers) add(f *follower) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed {
		return false
	}
	if fs.all == nil {
		fs.all = map[*follower]struct{}{}
	}
	fs.all[f] = struct{}{}
	return true
}

func (fs *Followers) remove(f *follower) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if _, ok := fs.all[f]; ok {
		delete(fs.all, f)
		close(f.events)
	}
}

// Close ends every channel, and those to come.
func (fs *Followers) Close() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.closed = true
	for f := range fs.all {
		close(f.events)
	}
	fs.all = nil
}

// Publish hands records to whoever wants them. They are only lent.
func (fs *Followers) Publish(rs []record.Record) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for f := range fs.all {
		for i := range rs {
			if f.query.Match(&rs[i]) {
				f.send(rs[i].Keep())
			}
		}
	}
}

// send hands r over, or counts it as lost.
func (f *follower) send(r record.Record) {
	select {
	case f.events <- Event{r, f.lost}:
		f.lost = 0
	default:
		f.lost++
	}
}
