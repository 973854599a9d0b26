// Package hold keeps an agent and its transaction company while somebody is asked
// about a statement: the agent hears soon and again that it waits, and a
// transaction whose locks others need is not kept open for ever. It asks nobody
// and reads no connection.
package hold

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/ledger"
)

// Reminder is how often an agent that waits is told so; it also keeps its
// connection from looking dead.
const Reminder = 30 * time.Second

// Grace is how long nothing is said: the answer may be there already.
const Grace = 100 * time.Millisecond

var (
	// ErrTooLong ends a wait inside a transaction.
	ErrTooLong = errors.New("the transaction was open for too long")
	// ErrMoot ends a wait whose answer changes nothing any more.
	ErrMoot = errors.New("a statement before it has failed")
)

// A Wait is one statement's. All fields are set before Run.
type Wait struct {
	Tell func() error  // tells the agent that it waits
	Open func() bool   // a transaction is open on the server
	Moot func() bool   // the server would skip the statement
	Most time.Duration // how long one stays open
}

// Run keeps company until ctx ends, which is nil, or until the wait must end: a
// transaction has been open for too long, or the agent cannot be told.
func (w Wait) Run(ctx context.Context) error {
	if w.Moot() {
		return ErrMoot
	}
	first := time.NewTimer(Grace)
	defer first.Stop()
	remind := time.NewTicker(Reminder)
	defer remind.Stop()
	look := time.NewTicker(min(time.Second, w.Most/10+1))
	defer look.Stop()
	var since time.Time // a transaction is open
	if w.Open() {
		since = time.Now()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-first.C:
			if err := w.tell(ctx); err != nil {
				return err
			}
		case <-remind.C:
			if err := w.tell(ctx); err != nil {
				return err
			}
		case now := <-look.C:
			switch {
			case w.Moot():
				return ErrMoot
			case !w.Open():
				since = time.Time{}
			case since.IsZero():
				since = now
			case now.Sub(since) >= w.Most:
				return fmt.Errorf("%w: %s", ErrTooLong, w.Most)
			}
		}
	}
}

// tell says that it waits, unless it does no longer: both may have come at once.
func (w Wait) tell(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	if err := w.Tell(); err != nil {
		return fmt.Errorf("the agent hung up: %w", err)
	}
	return nil
}

// InWords tells an approver whether others may have to wait for the answer.
func InWords(s ledger.Standing, most time.Duration) string {
	switch s {
	case ledger.Inside:
		return fmt.Sprintf("open, what it has locked stays locked until the answer, for at most %s", most)
	case ledger.Unsure:
		return fmt.Sprintf("perhaps open, what it has locked stays locked until the answer, for at most %s", most)
	}
	return ""
}
