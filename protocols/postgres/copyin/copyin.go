// Package copyin passes the data that an agent sends for a COPY FROM STDIN, looks for
// placeholders in them, and ends the COPY where there are more than the service allows.
// It judges nothing: the statement was, before the server asked for data.
package copyin

import (
	"context"
	"fmt"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/load"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/wire"
	"sallyport.dev/sallyport/vault/placeholder"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A Copy is what the agent's pump knows of the COPY FROM STDIN at hand. The fields
// are set before use; it belongs to that pump.
type Copy struct {
	In     *wire.Stream // from the agent
	Ledger *ledger.Ledger
	Bounds *action.Session // of the service
	// Placeholders have no place in a table; nil looks for none.
	Placeholders *placeholder.Watch

	on     bool   // the server may be reading data
	simple bool   // for a simple query
	seq    uint64 // of its item
	bytes  int64  // of the data
	rows   load.Meter
	marks  placeholder.Stream
}

// On reports whether the server may be reading data: then Hear takes the messages.
func (c *Copy) On() bool {
	c.on = c.on && c.Ledger.CopyIn()
	return c.on
}

// Hear takes a message in while the server reads data. The server ignores Sync and
// Flush then, so they are not sent: it would owe no answer. Terminate is the
// caller's.
func (c *Copy) Hear(ctx context.Context, m wire.Message) error {
	switch m.Type {
	case 'd':
		return c.data(m)
	case 'c', 'f':
		return c.end(ctx)
	case 'S', 'H':
		return c.In.Drop()
	}
	return fmt.Errorf("%w: message type %q in the middle of COPY", wire.ErrMalformed, m.Type)
}

// end passes the end of the data. A simple query may ask for more, and it answers
// by itself; an Execute cannot, and answers at the next Sync.
func (c *Copy) end(ctx context.Context) error {
	c.on = false
	c.marks.End()
	copies := c.Ledger.Copies()
	if err := c.In.Pass(); err != nil || !c.simple {
		return err
	}
	return c.Await(ctx, c.simple, c.seq, copies)
}

// data passes a piece of the data, unless the service's limit is reached.
func (c *Copy) data(m wire.Message) error {
	b := c.Bounds
	if b.MaxRows == 0 && b.MaxBytes == 0 {
		if err := c.In.PassSeen(c.see(false)); err != nil {
			return err
		}
		_, more := c.In.PassAlike('d', c.see(false))
		c.Ledger.Copied(int64(m.Size + more))
		return nil
	}
	c.bytes += int64(m.Size)
	if b.MaxBytes > 0 && c.bytes > b.MaxBytes {
		if err := c.In.Drop(); err != nil {
			return err
		}
		return c.fail()
	}
	c.Ledger.Copied(int64(m.Size))
	count := b.MaxRows > 0
	if err := c.In.PassSeen(c.see(count)); err != nil {
		return err
	}
	if count && c.rows.Rows() > b.MaxRows {
		return c.fail()
	}
	return nil
}

// see gives who looks at the data; nil: nobody.
func (c *Copy) see(count bool) func([]byte) {
	switch {
	case c.Placeholders == nil && !count:
		return nil
	case c.Placeholders == nil:
		return c.rows.See
	case !count:
		return c.marks.Pass
	}
	return func(b []byte) {
		c.rows.See(b)
		c.marks.Pass(b)
	}
}

// fail ends a COPY as its agent could: the server undoes it. What the agent still
// sends of it goes nowhere.
func (c *Copy) fail() error {
	c.on = false
	c.marks.End()
	raw, err := refusal.TooMuchData().Encode(nil)
	if err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	token, msg, err := refusal.Fail()
	if err != nil || !c.Ledger.FailCopy(&ledger.Refused{Token: token, Error: raw, Code: "54000"}) {
		return err
	}
	return c.In.Insert(msg)
}

// AwaitExtended makes the server answer an Execute that may read data, so that it
// is known how the messages behind it will be read.
func (c *Copy) AwaitExtended(ctx context.Context, seq, copies uint64) error {
	flush, err := (&pgproto3.Flush{}).Encode(nil)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := c.In.Insert(flush); err != nil {
		return err
	}
	return c.Await(ctx, false, seq, copies)
}

// Await waits, where the server may ask for data, until it does or does not.
func (c *Copy) Await(ctx context.Context, simple bool, seq, copies uint64) error {
	if err := c.Ledger.AwaitCopy(ctx, seq, copies); err != nil {
		return err
	}
	c.on, c.simple, c.seq, c.bytes = true, simple, seq, 0
	c.rows, c.marks = load.Meter{Binary: c.Ledger.CopyBinary()}, c.Placeholders.Stream("copied rows")
	return nil
}
