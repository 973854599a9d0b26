package audit

import (
	"context"
	"sync"
)

// followBuffer is how many records a follower may fall behind.
const followBuffer = 1024

// An Event is a record as it is written. Lost tells how many that the follower
// wanted are missing before it, because it was too slow; Query finds them.
type Event struct {
	Record Record
	Lost   uint64
}

// Follow gives the records that q wants as they are kept, from now on. The
// channel is closed when ctx or the log ends. A slow follower loses records, is
// told so, and slows nobody down.
func (l *Log) Follow(ctx context.Context, q Query) <-chan Event {
	f := &follower{query: q.Resolve(l.opts.Now()), events: make(chan Event, followBuffer)}
	if !l.followers.add(f) {
		close(f.events)
		return f.events
	}
	context.AfterFunc(ctx, func() { l.followers.remove(f) })
	return f.events
}

type follower struct {
	query  Query
	events chan Event
	lost   uint64
}

// followers are those who watch. Channels are written and closed under mu, and
// writing never waits.
type followers struct {
	mu     sync.Mutex
	all    map[*follower]struct{} // guarded by mu
	closed bool                   // guarded by mu
}

func (fs *followers) add(f *follower) bool {
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

func (fs *followers) remove(f *follower) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if _, ok := fs.all[f]; ok {
		delete(fs.all, f)
		close(f.events)
	}
}

func (fs *followers) close() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.closed = true
	for f := range fs.all {
		close(f.events)
	}
	fs.all = nil
}

func (fs *followers) publish(rs []Record) {
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
func (f *follower) send(r Record) {
	select {
	case f.events <- Event{r, f.lost}:
		f.lost = 0
	default:
		f.lost++
	}
}
