package postgres

import (
	"context"
	"fmt"

	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/load"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
)

// copying is what the agent's pump knows of a COPY FROM STDIN.
type copying struct {
	on     bool   // the server may be reading data
	simple bool   // for a simple query
	seq    uint64 // of its item
	bytes  int64  // of the data
	rows   load.Meter
}

// hearCopy takes a message in while the server reads data. The server ignores
// Sync and Flush then, so they are not sent: it would owe no answer.
func (s *session) hearCopy(ctx context.Context, m wire.Message) error {
	switch m.Type {
	case 'd':
		return s.data(m)
	case 'c', 'f':
		return s.endCopy(ctx)
	case 'S', 'H':
		return s.in.Drop()
	case 'X':
		return errTerminate
	}
	return fmt.Errorf("%w: message type %q in the middle of COPY", wire.ErrMalformed, m.Type)
}

// endCopy passes the end of the data. A simple query may ask for more, and it
// answers by itself; an Execute cannot, and answers at the next Sync.
func (s *session) endCopy(ctx context.Context) error {
	s.copy.on = false
	copies := s.ledger.Copies()
	if err := s.in.Pass(); err != nil || !s.copy.simple {
		return err
	}
	return s.awaitCopy(ctx, s.copy.simple, s.copy.seq, copies)
}

// data passes a piece of the data, unless the service's limit is reached.
func (s *session) data(m wire.Message) error {
	b, c := &s.f.Service.Session, &s.copy
	if b.MaxRows == 0 && b.MaxBytes == 0 {
		if err := s.in.Pass(); err != nil {
			return err
		}
		_, more := s.in.PassAlike('d')
		s.ledger.Copied(int64(m.Size + more))
		return nil
	}
	c.bytes += int64(m.Size)
	if b.MaxBytes > 0 && c.bytes > b.MaxBytes {
		if err := s.in.Drop(); err != nil {
			return err
		}
		return s.failCopy()
	}
	s.ledger.Copied(int64(m.Size))
	if b.MaxRows == 0 {
		return s.in.Pass()
	}
	if err := s.in.PassSeen(c.rows.See); err != nil {
		return err
	}
	if c.rows.Rows() > b.MaxRows {
		return s.failCopy()
	}
	return nil
}

// failCopy ends a COPY as its agent could: the server undoes it. What the agent
// still sends of it goes nowhere.
func (s *session) failCopy() error {
	s.copy.on = false
	raw, err := refusal.TooMuchData().Encode(nil)
	if err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	token, msg, err := refusal.Fail()
	if err != nil || !s.ledger.FailCopy(&ledger.Refused{Token: token, Error: raw, Code: "54000"}) {
		return err
	}
	return s.in.Insert(msg)
}

// awaitExtendedCopy makes the server answer an Execute that may read data, so
// that it is known how the messages behind it will be read.
func (s *session) awaitExtendedCopy(ctx context.Context, seq, copies uint64) error {
	flush, err := (&pgproto3.Flush{}).Encode(nil)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := s.in.Insert(flush); err != nil {
		return err
	}
	return s.awaitCopy(ctx, false, seq, copies)
}

// awaitCopy waits, where the server may ask for data, until it does or does not.
func (s *session) awaitCopy(ctx context.Context, simple bool, seq, copies uint64) error {
	if err := s.ledger.AwaitCopy(ctx, seq, copies); err != nil {
		return err
	}
	s.copy = copying{on: true, simple: simple, seq: seq}
	s.copy.rows.Binary = s.ledger.CopyBinary()
	return nil
}
