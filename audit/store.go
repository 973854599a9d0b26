package audit

import (
	"context"
	"time"

	"sallyport.dev/sallyport/audit/record"
)

// A Store keeps everything that a Log needs kept; internal/store is one.
type Store interface {
	Sink
	Intents
	Heads
	Reader
}

// A Sink takes finished records.
type Sink interface {
	// Append keeps all of rs, durably, or none. They belong to the month of the
	// first one's Recorded, follow each other, and are only lent.
	Append(ctx context.Context, rs []Record) error
	// Tail gives the last record that was kept; a zero Seq if there is none.
	Tail(ctx context.Context) (Tail, error)
	// Room says why no new action should be begun, such as a disk that fills up.
	// It is asked often and must be cheap.
	Room() error
	// Journal names a file of this store, and of no other, for audit/journal. ""
	// keeps the journal in memory: then a crash loses what was being done.
	Journal() string
}

// Intents keeps what has begun and is not known to have ended.
type Intents interface {
	// ChangeIntents keeps add and forgets the ids in drop, durably, in one step.
	ChangeIntents(ctx context.Context, add []Intent, drop []string) error
	LoadIntents(ctx context.Context) ([]Intent, error)
}

// Heads keeps signed heads by name.
type Heads interface {
	SaveHead(ctx context.Context, name string, h Head) error
	LoadHeads(ctx context.Context) (map[string]Head, error)
}

// A Reader reads records back, and drops old ones.
type Reader interface {
	// Select gives the records that q.Match accepts, newest first, at most q.Limit.
	Select(ctx context.Context, q Query) ([]Record, error)
	// Scan calls f with every row in the order of Seq, beginning at from. The rows
	// are as found: they may contradict their bodies.
	Scan(ctx context.Context, from uint64, f func(Row) error) error
	// FirstSince gives the Seq of the first record that was written at a time or
	// later; if there is none, one that no record has yet.
	FirstSince(ctx context.Context, at time.Time) (uint64, error)
	// Months lists the months there are, oldest first.
	Months(ctx context.Context) ([]Month, error)
	// DropMonth removes the records of a month.
	DropMonth(ctx context.Context, name string) error
}

type (
	// Intent is a record without its end.
	Intent = record.Intent
	// Tail is where the chain ends.
	Tail = record.Tail
	// Row is a record as it is kept.
	Row = record.Row
	// Month is what one file of records holds.
	Month = record.Month
)

// MonthOf names the month that a time belongs to.
func MonthOf(t time.Time) string { return t.UTC().Format("2006-01") }
