// Package forward hands on what the audit log has kept to another system, each
// record at least once and in order: by syslog (RFC 5424) or a signed webhook. It
// reads what is on disk already, so that no action ever waits for it.
package forward

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	bucket = "forward" // of the cursors, by name

	maxBatch  = 200
	maxBytes  = 512 << 10 // of a batch; a longer record is one by itself
	maxAhead  = 5000      // records that are sent and not known to have arrived
	lookEvery = 250 * time.Millisecond
	keepEvery = time.Second // between two writes of the cursor while records flow

	firstPause = time.Second
	maxPause   = 30 * time.Second
	lastWords  = 5 * time.Second // for what is on its way at the end
	alarmAfter = time.Minute
)

// A Record is one that is handed on: its JSON on one line, with its hash.
type Record struct {
	Seq  uint64
	Line []byte
}

// A Source has the records. audit.Log is one.
type Source interface {
	Last(ctx context.Context) (uint64, error)
	After(ctx context.Context, seq uint64, f func(seq uint64, line []byte) error) error
	// Written changes whenever there are more; it costs nothing to ask.
	Written() uint64
}

// A Store keeps how far each receiver is.
type Store interface {
	Put(ctx context.Context, bucket, key string, value []byte) error
	Get(ctx context.Context, bucket, key string) (value []byte, ok bool, err error)
}

// A Sender carries records to one receiver. It is used by one goroutine.
type Sender interface {
	// Send hands a batch over, in order. After an error nothing of it counts.
	Send(ctx context.Context, batch []Record) error
	// Arrived gives the number of the last record that the receiver has; an error
	// means that what was sent behind that may be lost.
	Arrived() (uint64, error)
	// Close says goodbye, as long as ctx lasts; Arrived tells how it went.
	Close(ctx context.Context)
}

// A Forwarder hands records on to one receiver. Its fields are set before Run.
type Forwarder struct {
	Name   string
	Source Source
	Store  Store
	Sender Sender
	Now    func() time.Time
	Log    *slog.Logger

	loaded bool
	next   uint64    // the last record that was sent
	kept   time.Time // when the cursor was written last
	stale  bool      // more has arrived since then
	seen   uint64    // one more than Written was when there was nothing to send; 0: look

	mu sync.Mutex
	at Standing // guarded by mu
}

// A Standing is how far a receiver is.
type Standing struct {
	Arrived   uint64    `json:"arrived"`            // the last record that it has
	Behind    uint64    `json:"behind"`             // records that it does not have yet
	Delivered time.Time `json:"delivered,omitzero"` // when that last became more
	Problem   string    `json:"problem,omitempty"`  // why it gets nothing
	Since     time.Time `json:"since,omitzero"`     // of the problem
	Lost      uint64    `json:"lost,omitempty"`     // records that were dropped by age before it had them
}

// A cursor is what is kept of a Standing.
type cursor struct {
	Seq  uint64 `json:"seq"`
	Lost uint64 `json:"lost,omitempty"`
}

// Standing gives how far the receiver is.
func (f *Forwarder) Standing(ctx context.Context) Standing {
	last, err := f.Source.Last(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.at
	if err == nil && last > s.Arrived {
		s.Behind = last - s.Arrived
	}
	return s
}

// Alarm says what an operator must look at; "": nothing.
func (f *Forwarder) Alarm() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.at.Problem != "" && f.Now().Sub(f.at.Since) >= alarmAfter:
		return fmt.Sprintf("records are not forwarded to %s since %s: %s", f.Name, f.at.Since.UTC().Format(time.RFC3339), f.at.Problem)
	case f.at.Lost > 0:
		return fmt.Sprintf("%d records were dropped by age before %s had them", f.at.Lost, f.Name)
	}
	return ""
}

// Begin reads how far the receiver is. A new one is handed what is kept from now on.
// It comes before Run, which tries again where it fails and begins with it otherwise.
func (f *Forwarder) Begin(ctx context.Context) error {
	err := f.load(ctx)
	f.loaded = err == nil
	return err
}

// Run hands records on until ctx ends.
func (f *Forwarder) Run(ctx context.Context) {
	defer f.end()
	pause := time.Duration(0)
	for {
		var more bool
		var err error
		if !f.loaded {
			err = f.Begin(ctx)
			more = f.loaded
		} else {
			more, err = f.step(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		wait := lookEvery
		switch {
		case err != nil:
			f.failed(err)
			pause = min(max(2*pause, firstPause), maxPause)
			wait = pause
		case more:
			pause = 0
			continue
		default:
			pause = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// load reads how far the receiver is. A new one begins behind what there is, and
// that is kept at once.
func (f *Forwarder) load(ctx context.Context) error {
	raw, ok, err := f.Store.Get(ctx, bucket, f.Name)
	if err != nil {
		return err
	}
	var c cursor
	if ok {
		if err := json.Unmarshal(raw, &c); err != nil {
			return fmt.Errorf("how far %s is: %w", f.Name, err)
		}
	} else if c.Seq, err = f.Source.Last(ctx); err != nil {
		return err
	}
	f.next = c.Seq
	f.mu.Lock()
	f.at.Arrived, f.at.Lost = c.Seq, c.Lost
	f.mu.Unlock()
	if ok {
		return nil
	}
	return f.keep(ctx)
}

// step sends one batch and notes what has arrived; more says whether to go on at
// once.
func (f *Forwarder) step(ctx context.Context) (more bool, err error) {
	if err := f.note(ctx); err != nil {
		return false, err
	}
	if f.next-f.arrived() >= maxAhead {
		return false, nil
	}
	batch, err := f.read(ctx)
	if err != nil || len(batch) == 0 {
		return false, err
	}
	if err := f.Sender.Send(ctx, batch); err != nil {
		return false, err
	}
	f.next = batch[len(batch)-1].Seq
	return true, f.note(ctx)
}

var errEnough = errors.New("enough")

// read gives what is to be sent next. It looks into the store only if something
// was written.
func (f *Forwarder) read(ctx context.Context) ([]Record, error) {
	written := f.Source.Written()
	if f.seen == written+1 {
		return nil, nil
	}
	var batch []Record
	size := 0
	err := f.Source.After(ctx, f.next, func(seq uint64, line []byte) error {
		if len(batch) == maxBatch || size > 0 && size+len(line) > maxBytes {
			return errEnough
		}
		batch = append(batch, Record{seq, bytes.Clone(line)})
		size += len(line)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	f.seen = 0
	if len(batch) == 0 {
		f.seen = written + 1
		return nil, nil
	}
	if first := batch[0].Seq; first > f.next+1 {
		f.lost(first - f.next - 1)
		f.next = first - 1
	}
	return batch, nil
}

// lost counts what was dropped before it could be sent.
func (f *Forwarder) lost(n uint64) {
	f.Log.Error("records were dropped by age before they could be forwarded", "to", f.Name, "records", n)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at.Lost += n
}

func (f *Forwarder) arrived() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at.Arrived
}

// note takes down what has arrived.
func (f *Forwarder) note(ctx context.Context) error {
	done, err := f.Sender.Arrived()
	f.mu.Lock()
	moved := done > f.at.Arrived
	if moved {
		f.at.Arrived, f.at.Delivered = done, f.Now().UTC()
	}
	well := f.at.Problem
	if moved && err == nil {
		f.at.Problem, f.at.Since = "", time.Time{}
	}
	f.mu.Unlock()
	if well != "" && moved && err == nil {
		f.Log.Info("records are forwarded again", "to", f.Name)
	}
	if err != nil {
		return err
	}
	f.stale = f.stale || moved
	if f.stale && f.Now().Sub(f.kept) >= keepEvery {
		return f.keep(ctx)
	}
	return nil
}

// keep writes down how far the receiver is.
func (f *Forwarder) keep(ctx context.Context) error {
	f.mu.Lock()
	c := cursor{f.at.Arrived, f.at.Lost}
	f.mu.Unlock()
	raw, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("how far %s is: %w", f.Name, err)
	}
	if err := f.Store.Put(ctx, bucket, f.Name, raw); err != nil {
		return err
	}
	f.kept, f.stale = f.Now(), false
	return nil
}

// failed begins again behind what has arrived.
func (f *Forwarder) failed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.seen = f.at.Arrived, 0
	if f.at.Problem == "" {
		f.at.Since = f.Now().UTC()
		f.Log.Error("records are not forwarded", "to", f.Name, "err", err)
	}
	f.at.Problem = err.Error()
}

// end waits for what is on its way and keeps how far that came.
func (f *Forwarder) end() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	f.Sender.Close(ctx)
	done, _ := f.Sender.Arrived() //nolint:errcheck // what it does not count is sent again
	f.mu.Lock()
	f.stale = f.stale || done > f.at.Arrived
	f.at.Arrived = max(f.at.Arrived, done)
	f.mu.Unlock()
	if !f.stale {
		return
	}
	if err := f.keep(ctx); err != nil {
		f.Log.Warn("some records will be forwarded twice", "to", f.Name, "err", err)
	}
}
