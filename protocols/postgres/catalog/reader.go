package catalog

import (
	"fmt"
	"net"

	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Bounds of one look-up: a catalog beyond them is not known at all.
const (
	maxRows  = 1_000_000
	maxBytes = 128 << 20
)

// errTooLarge means that a catalog is larger than what is kept of one.
var errTooLarge = fmt.Errorf("the catalog has more than %d rows or %d bytes", maxRows, maxBytes)

// A reader asks a server one text after the other.
type reader struct {
	conn  net.Conn
	in    *wire.Stream
	rows  int
	bytes int
}

// run sends a text and hands each row of its answer to each, "" for NULL. The
// slice is good until each returns.
func (r *reader) run(text string, columns int, each func(row []string)) error {
	msg, err := (&pgproto3.Query{String: text}).Encode(nil)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if _, err := r.conn.Write(msg); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	var failed error
	row := make([]string, columns)
	for {
		m, err := r.in.Next()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		body, err := r.in.Body()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		switch m.Type {
		case 'D':
			if err := r.row(body, row); err != nil {
				return err
			}
			each(row)
		case 'E':
			failed = fmt.Errorf("the server says %s: %s", wire.Field(body, 'C'), wire.Field(body, 'M'))
		case 'Z':
			if err := r.in.Drop(); err != nil {
				return fmt.Errorf("read: %w", err)
			}
			return failed
		case 'T', 'C', 'N', 'S':
		default:
			return fmt.Errorf("%w: %q in the answer to a look-up", wire.ErrMalformed, m.Type)
		}
		if err := r.in.Drop(); err != nil {
			return fmt.Errorf("read: %w", err)
		}
	}
}

// row reads a DataRow of as many columns as row has.
func (r *reader) row(body []byte, row []string) error {
	r.rows++
	r.bytes += len(body)
	if r.rows > maxRows || r.bytes > maxBytes {
		return errTooLarge
	}
	var d pgproto3.DataRow
	if err := d.Decode(body); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	if len(d.Values) != len(row) {
		return fmt.Errorf("%w: a row of %d columns", wire.ErrMalformed, len(d.Values))
	}
	for i, v := range d.Values {
		row[i] = string(v)
	}
	return nil
}
