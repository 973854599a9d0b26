package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/journal"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/audit/watch"
)

// Sizes and times of the writer. A batch is closed early enough for its commit,
// some 5 to 20 ms on a disk, to be over 50 ms after the answer.
const (
	maxQueue   = 16 << 10
	maxRunning = 4 << 10  // actions that run while the queue is full
	maxPending = 64 << 20 // bytes of the records that wait, see ended
	maxShare   = 4        // one agent may have a fourth of what all may
	maxBatch   = 1000
	maxWait    = 25 * time.Millisecond
	retryEvery = 500 * time.Millisecond
	signEvery  = time.Minute
	lateAfter  = 3 * signEvery // a crash leaves no records unsigned that were made so far apart
	pruneEvery = time.Hour
)

// ErrClosed means that the log takes no more records.
var ErrClosed = errors.New("the audit log is closed")

// Options say how a Log keeps records. The zero Options keep everything.
type Options struct {
	Strict bool          // no action runs whose record cannot be kept
	Keep   time.Duration // months older than this are dropped; 0: never
	Signer Signer        // nil: heads are not signed
	Queue  int           // how many records may wait to be written; 0: 16,384
	Now    func() time.Time
	Log    *slog.Logger
}

// A Log takes a record of every action. It owns its goroutines; Close ends them.
type Log struct {
	store   Store
	opts    Options
	methods record.Methods
	journal *journal.Journal
	queue   chan *ended
	full    chan struct{} // told when a batch waits
	intents chan *intent
	closing chan struct{}
	written chan struct{} // closed when the writer has ended
	kept    chan struct{} // closed when the keeper of intents has ended
	once    sync.Once

	down    atomic.Pointer[error] // why the store takes no records; nil: it does
	mute    atomic.Pointer[error] // why the store takes no intents; nil: it does
	pending atomic.Int64          // bytes of encoded records in the queue, see share
	counts  counts
	found   uint64 // see Stats; it stays as it was at the start
	tail    Tail   // the writer's own, as are the next three
	signed  Head
	batch   []Record // room for the records of a batch
	bodies  []byte   // and for their encoding

	mu     sync.Mutex
	open   map[string]running // by id, begun and not ended; guarded by mu
	shares map[string]*share  // by id of the agent; guarded by mu

	followers watch.Followers
}

// ended is a finished action on its way to the writer.
type ended struct {
	a      *action.Action // nil: record is made
	d      action.Decision
	res    action.Result
	record *Record
	running

	size     int64 // of the record, if End made it; else of the answer in it
	reserved bool  // size is counted in pending
}

// New opens the log over store. What had begun when an earlier gateway died
// becomes records with an unknown outcome before New returns.
func New(ctx context.Context, store Store, tables []action.FactTable, opts Options) (*Log, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Queue == 0 {
		opts.Queue = maxQueue
	}
	l := &Log{
		store: store, opts: opts, methods: record.MethodsOf(tables),
		queue: make(chan *ended, opts.Queue), full: make(chan struct{}, 1), intents: make(chan *intent, 4*maxBatch),
		closing: make(chan struct{}), written: make(chan struct{}), kept: make(chan struct{}),
		open: map[string]running{}, shares: map[string]*share{},
	}
	if err := l.start(ctx); err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	go l.write()
	go l.keepIntents()
	return l, nil
}

// start goes on where the last log ended, however it did.
func (l *Log) start(ctx context.Context) (err error) {
	if l.tail, err = l.store.Tail(ctx); err != nil {
		return err
	}
	if err := l.checkHead(ctx); err != nil {
		return err
	}
	var noted []Record
	if l.journal, noted, err = journal.Open(l.store.Journal(), l.opts.Queue+maxRunning); err != nil {
		return err
	}
	if err := l.recover(ctx, noted); err != nil {
		return errors.Join(err, l.journal.Close())
	}
	l.counts.missing.Store(l.journal.Missing())
	l.sign(ctx, l.opts.Now())
	return nil
}

// End queues the record of an action that is over. It blocks while the queue is
// full, or holds too much of the same agent. The log keeps a until it is written: neither it nor its facts may change
// or be used again. An End without a Begin, or a second one, is counted and
// ignored.
func (l *Log) End(a *action.Action, d action.Decision, res action.Result) {
	run, ok := l.closed(a.ID)
	if !ok {
		l.counts.stray.Add(1)
		return
	}
	if run.slot == journal.None {
		return // Begin has counted it as missing
	}
	_ = l.journal.End(run.slot, d, res) // the record itself is on its way
	e := &ended{a: a, d: d, res: res, running: run, size: res.Answer.Held()}
	waiting := len(l.queue)
	if waiting >= min(maxBatch, cap(l.queue)/2) {
		l.hurry()
	}
	if waiting >= maxBatch {
		l.encode(e)
	}
	if l.reserve(e) {
		select {
		case l.queue <- e:
			return
		default:
		}
	}
	l.counts.blocked.Add(1)
	l.wait(e)
}

// hurry lets the writer take what waits before its time is over.
func (l *Log) hurry() {
	select {
	case l.full <- struct{}{}:
	default: // it was told
	}
}

// wait queues e once there is room for it. While the store does not work, strict
// mode waits, because the intent is kept; otherwise e becomes part of the gap.
func (l *Log) wait(e *ended) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var queue chan *ended // nil, which takes nothing, while too many bytes wait
		if e.reserved || l.reserve(e) {
			queue = l.queue
		}
		select {
		case queue <- e:
			return
		case <-l.closing:
			l.counts.missing.Add(1) // not for good: it stays in the journal
			return
		case <-tick.C:
		}
		if l.down.Load() != nil && !l.opts.Strict {
			l.miss()
			if e.reserved {
				l.unreserve(e)
			}
			l.leave(e.running)
			return
		}
	}
}

func (e *ended) finished(methods record.Methods) Record {
	r := record.New(methods, e.a, e.d)
	r.Finish(e.d, e.res)
	return r
}

// encode makes the record in the caller's time. That is where it is made once
// the writer has fallen behind: it catches up sooner, and what waits is of a
// known size.
func (l *Log) encode(e *ended) {
	r := e.finished(l.methods)
	e.record, e.a = &r, nil
	e.size = int64(record.UsualBody+len(r.Sample)+len(r.Trace)) + r.Answer.Held()
	for _, p := range r.Parts {
		e.size += int64(len(p.Facts))
	}
}

// Query gives the records that q asks for, newest first.
func (l *Log) Query(ctx context.Context, q Query) ([]Record, error) {
	return l.store.Select(ctx, q.Resolve(l.opts.Now()))
}

// Close writes what is queued, signs the head, and ends the log. Call it when no
// action runs any more: an End that comes later is lost.
func (l *Log) Close() error {
	l.once.Do(func() {
		close(l.closing)
		<-l.written
		l.intents <- nil // the keeper ends behind what is queued
		<-l.kept
		l.followers.Close()
		if err := l.journal.Close(); err != nil {
			l.opts.Log.Error("the audit journal is not closed", "err", err)
		}
	})
	if n := l.counts.missing.Load(); n > 0 {
		return fmt.Errorf("%d records could not be written", n)
	}
	return nil
}

// Health gives the reason why the log takes no records now; nil if it does.
func (l *Log) Health() error {
	for _, p := range []*atomic.Pointer[error]{&l.down, &l.mute} {
		if err := p.Load(); err != nil {
			return *err
		}
	}
	return l.store.Room()
}

// counts are what the log has done since it was opened.
type counts struct {
	begun, written, batches, blocked, stray, refused, failures, lost atomic.Uint64
	// missing records are lost and not yet told of by a gap record.
	missing atomic.Uint64
}

// Stats are the counts of a log, for metrics.
type Stats struct {
	Begun    uint64 // actions
	Written  uint64 // records that are kept
	Batches  uint64
	Queued   int    // records that wait
	Open     int    // actions that run
	Blocked  uint64 // times that End had to wait
	Stray    uint64 // Ends without a Begin
	Refused  uint64 // actions that strict mode refused
	Failures uint64 // commits that failed
	Lost     uint64 // records that gap records stand for, or will
	Found    uint64 // the last record for which no valid signature stood at the start; 0: there was one, or no record
}

// Stats gives the counts as they stand.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	open := len(l.open)
	l.mu.Unlock()
	c := &l.counts
	return Stats{
		Begun: c.begun.Load(), Written: c.written.Load(), Batches: c.batches.Load(),
		Queued: len(l.queue), Open: open, Blocked: c.blocked.Load(), Stray: c.stray.Load(),
		Refused: c.refused.Load(), Failures: c.failures.Load(), Lost: c.lost.Load() + c.missing.Load(), Found: l.found,
	}
}
