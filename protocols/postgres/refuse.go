package postgres

import (
	"fmt"

	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/refusal"

	"github.com/jackc/pgx/v5/pgproto3"
)

// substitute puts a message that the server must refuse in the place of the one
// that was refused, so that the server keeps the order, skips to the next Sync
// and fails the transaction. The error that it raises becomes e.
func (s *session) substitute(kind ledger.Kind, e *pgproto3.ErrorResponse) error {
	raw, err := e.Encode(nil)
	if err != nil {
		return fmt.Errorf("refusal: %w", err)
	}
	simple := kind >= ledger.Query
	token, msg, err := refusal.Stand(simple)
	if err != nil {
		return err
	}
	it := ledger.Item{Kind: ledger.Query, Refused: &ledger.Refused{Token: token, Error: raw, Code: refusal.Denied}}
	if !simple {
		it.Kind = ledger.Parse
		s.skip = true
	}
	_, out := s.ledger.Push(it)
	ledger.Deliver(out)
	return s.in.Replace(msg)
}
