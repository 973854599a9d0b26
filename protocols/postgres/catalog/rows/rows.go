// Package rows asks a PostgreSQL server questions of the gateway's own and reads
// the rows of the answers, within bounds. It parses no SQL and keeps nothing.
package rows

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"sallyport.dev/sallyport/protocols/postgres/hearsay"
	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Bounds of all answers together.
const (
	MaxRows  = 1_000_000
	MaxBytes = 128 << 20

	maxRow   = 8 << 20  // of one row, which is held
	maxWords = 64 << 10 // of anything else
)

// ErrTooLarge means that a server answers with more than is read.
var ErrTooLarge = fmt.Errorf("the answers have more than %d rows or %d bytes", MaxRows, MaxBytes)

// ErrSaid is an error of the server's own: it may be asked again.
var ErrSaid = errors.New("the server says")

// A Source asks a server one text after the other.
type Source struct {
	Conn  net.Conn
	In    *wire.Stream        // of Conn
	Words func(string) string // takes secrets out of what the server says; nil: there are none

	Rows, Bytes int    // that came so far
	Tag         string // how the last statement ended: "UPDATE 3"
}

// Ask sends a text and hands each row of its answer to each, "" for NULL. The
// slice is good until each returns.
func (s *Source) Ask(text string, columns int, each func(row []string)) error {
	return s.ask(columns, each, &pgproto3.Query{String: text})
}

// AskWith is Ask with values for the parameters of the text.
func (s *Source) AskWith(text string, values []wire.Value, columns int, each func(row []string)) error {
	bind, parse := &pgproto3.Bind{}, &pgproto3.Parse{Query: text}
	for _, v := range values {
		format, value := int16(0), v.Bytes
		if v.Binary {
			format = 1
		}
		if v.Null {
			value = nil
		} else if value == nil {
			value = []byte{}
		}
		bind.ParameterFormatCodes = append(bind.ParameterFormatCodes, format)
		bind.Parameters = append(bind.Parameters, value)
		parse.ParameterOIDs = append(parse.ParameterOIDs, v.Type)
	}
	return s.ask(columns, each, parse, bind, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{})
}

// Run sends a text and drops the rows of its answer, of which there may be any number.
// It gives how the statement ended.
func (s *Source) Run(text string, values []wire.Value) (tag string, err error) {
	s.Tag = ""
	if values == nil {
		err = s.ask(-1, nil, &pgproto3.Query{String: text})
	} else {
		err = s.AskWith(text, values, -1, nil)
	}
	return s.Tag, err
}

func (s *Source) ask(columns int, each func(row []string), messages ...pgproto3.FrontendMessage) error {
	var out []byte
	for _, m := range messages {
		var err error
		if out, err = m.Encode(out); err != nil {
			return fmt.Errorf("ask: %w", err)
		}
	}
	if _, err := s.Conn.Write(out); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	var failed error
	row := make([]string, max(columns, 0))
	for {
		m, err := s.In.Next()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		body, err := s.body(m, columns)
		if err != nil {
			return err
		}
		switch m.Type {
		case 'C':
			tag, _, _ := strings.Cut(string(body), "\x00")
			s.Tag = tag
		case 'D':
			if body == nil {
				break
			}
			if err := s.row(body, row); err != nil {
				return err
			}
			each(row)
		case 'E':
			failed = fmt.Errorf("%w %s: %s", ErrSaid, hearsay.Code(wire.Field(body, 'C')), hearsay.Line(wire.Field(body, 'M'), s.Words))
		case 'Z':
			if err := s.In.Drop(); err != nil {
				return fmt.Errorf("read: %w", err)
			}
			return failed
		case 'T', 'N', 'S', '1', '2', 'n':
		default:
			return fmt.Errorf("%w: %q in the answer to a question of the gateway", wire.ErrMalformed, m.Type)
		}
		if err := s.In.Drop(); err != nil {
			return fmt.Errorf("read: %w", err)
		}
	}
}

// body waits for as much of a message as is read: nothing of a row that is dropped,
// and of any other no more than a bound: an agent may have a constant of any length
// worked out, and printed in its plan.
func (s *Source) body(m wire.Message, columns int) (body []byte, err error) {
	switch {
	case m.Type == 'D' && columns < 0:
		return nil, nil
	case m.Type == 'D' && m.Size > maxRow:
		return nil, ErrTooLarge
	case m.Type == 'D':
		body, err = s.In.Body()
	default:
		body, err = s.In.Peek(maxWords)
	}
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return body, nil
}

// row reads a DataRow of as many columns as row has.
func (s *Source) row(body []byte, row []string) error {
	s.Rows++
	s.Bytes += len(body)
	if s.Rows > MaxRows || s.Bytes > MaxBytes {
		return ErrTooLarge
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
