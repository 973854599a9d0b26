// Package replay judges again what was recorded: by two policies, to see what a
// change would have changed, or by one, to see whether it comes to what is
// expected. It reads records wherever its caller has them, on all processors, in
// bounded memory and in their order. What a rule reads and no record holds it
// cannot tell, and says so.
package replay

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
)

// A Judge decides a recorded action as if its rules had been in force at a time;
// known is false if what they would have to know was not recorded. *policy.Policy
// is one.
type Judge interface {
	Replay(a *action.Action, at time.Time) (d action.Decision, known bool)
}

// A Past is one recorded action as it is read back. It is used by one goroutine.
type Past struct {
	ID      string
	Time    time.Time
	Agent   string
	Service string
	Summary string
	Expect  action.Verdict // what the rules came to, or what is expected of them
	Action  *action.Action // nil: it cannot be judged again
	Why     string         // why not
	Passed  bool           // it was let through then
	None    bool           // this stands for no action
	// Withheld says that there is a body which Action was made without.
	Withheld bool
}

// A Source is where records come from.
type Source struct {
	// Records gives them as they are kept. The bytes need last until the next.
	Records iter.Seq2[[]byte, error]
	// Reader makes what reads a record back. Each goroutine has its own; the bytes
	// last until the record was judged.
	Reader func() func(raw []byte) (Past, error)
	// Workers bounds the goroutines that judge; 0 is one for each processor.
	Workers int
}

// batchSize is how many records a goroutine takes at a time: few enough that all
// end together, enough that handing them over costs nothing.
const batchSize = 64

// A batch is some records in a row, and what came of them.
type batch[T any] struct {
	first int    // number of the first record
	bytes []byte // of all records
	ends  []int  // of each
	out   []T
	err   error
	done  chan struct{}
}

// Each judges what source gives and hands what comes of it to take, in the order
// of the source and on the caller's goroutine, until take says that it is enough.
// judge is called by several goroutines.
func Each[T any](ctx context.Context, s Source, judge func(Past) T, take func(T) bool) error {
	workers := s.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	jobs := make(chan *batch[T], 2*workers)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { work(s.Reader(), judge, jobs) })
	}
	defer all.Wait()
	defer close(jobs)
	line := &line[T]{ctx: ctx, jobs: jobs, take: take, most: 2 * workers}
	b := &batch[T]{first: 1}
	for raw, err := range s.Records {
		if err != nil {
			return err
		}
		b.bytes = append(b.bytes, raw...)
		if b.ends = append(b.ends, len(b.bytes)); len(b.ends) < batchSize {
			continue
		}
		if enough, err := line.push(b); enough || err != nil {
			return err
		}
		b = line.fresh(b.first + len(b.ends))
	}
	if len(b.ends) > 0 {
		if enough, err := line.push(b); enough || err != nil {
			return err
		}
	}
	for len(line.ahead) > 0 {
		if enough, err := line.pop(); enough || err != nil {
			return err
		}
	}
	return ctx.Err()
}

// work judges batches until there are no more.
func work[T any](read func([]byte) (Past, error), judge func(Past) T, jobs <-chan *batch[T]) {
	for b := range jobs {
		start := 0
		for i, end := range b.ends {
			past, err := read(b.bytes[start:end:end])
			if start = end; err != nil {
				b.err = fmt.Errorf("action %d: %w", b.first+i, err)
				break
			}
			if !past.None {
				b.out = append(b.out, judge(past))
			}
		}
		close(b.done)
	}
}

// A line is the batches that are being judged, in their order.
type line[T any] struct {
	ctx   context.Context
	jobs  chan<- *batch[T]
	take  func(T) bool
	ahead []*batch[T] // at most most
	most  int
	spare []*batch[T]
}

// push hands a batch over; where too many are ahead it waits for the first.
func (l *line[T]) push(b *batch[T]) (enough bool, err error) {
	for len(l.ahead) >= l.most {
		if enough, err := l.pop(); enough || err != nil {
			return enough, err
		}
	}
	b.done = make(chan struct{})
	l.ahead = append(l.ahead, b)
	select {
	case l.jobs <- b:
		return false, nil
	case <-l.ctx.Done():
		return false, l.ctx.Err()
	}
}

// pop takes what came of the first batch.
func (l *line[T]) pop() (enough bool, err error) {
	b := l.ahead[0]
	select {
	case <-b.done:
	case <-l.ctx.Done():
		return false, l.ctx.Err()
	}
	l.ahead = l.ahead[1:]
	for _, t := range b.out {
		if !l.take(t) {
			return true, nil
		}
	}
	if b.err != nil {
		return false, b.err
	}
	clear(b.out)
	l.spare = append(l.spare, b)
	return false, nil
}

// fresh gives an empty batch, with the memory of one that is over.
func (l *line[T]) fresh(first int) *batch[T] {
	n := len(l.spare)
	if n == 0 {
		return &batch[T]{first: first}
	}
	b := l.spare[n-1]
	l.spare = l.spare[:n-1]
	return &batch[T]{first: first, bytes: b.bytes[:0], ends: b.ends[:0], out: b.out[:0]}
}
