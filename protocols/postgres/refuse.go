package postgres

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/entry"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
)

// codeDenied is insufficient_privilege, the SQLSTATE of every refusal by a rule.
const codeDenied = "42501"

// origin stands in the routine field of every error that is the gateway's own.
const origin = "sallyport"

// refusedName is the statement name under which a token is parsed; it never
// comes to exist.
const refusedName = "sallyport_refused"

// newToken makes a text that no grammar accepts and nobody can guess.
func newToken() string {
	var b [8]byte
	rand.Read(b[:]) //nolint:errcheck // crypto/rand.Read never returns an error
	return "sallyport_" + hex.EncodeToString(b[:])
}

// denial is the error for an action that was not allowed.
func denial(a *action.Action, d action.Decision, bar *entry.Bar) *pgproto3.ErrorResponse {
	e := &pgproto3.ErrorResponse{
		Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: codeDenied,
		Message: "sallyport refused this statement", Routine: origin,
	}
	if d.Reason != "" {
		e.Message += ": " + d.Reason
	}
	var detail []string
	if d.Rule != "" {
		detail = append(detail, "rule: "+d.Rule)
	}
	if a.ID != "" {
		detail = append(detail, "action id: "+a.ID)
	}
	e.Detail = strings.Join(detail, ", ")
	switch {
	case bar != nil:
		e.Code, e.Message, e.Hint = bar.Code, bar.Text, bar.Hint
	case d.Verdict == action.Ask:
		e.Message = "sallyport is waiting for an approval of this statement"
		e.Hint = "Send the same statement again once it is approved."
	default:
		e.Hint = "http://sallyport.internal/manifest lists what is allowed; an operator can change the rule."
	}
	return e
}

// substitute puts a message that the server must refuse in the place of the one
// that was refused, so that the server keeps the order, skips to the next Sync
// and fails the transaction. The error that it raises becomes e.
func (s *session) substitute(kind ledger.Kind, e *pgproto3.ErrorResponse) error {
	raw, err := e.Encode(nil)
	if err != nil {
		return fmt.Errorf("refusal: %w", err)
	}
	token := newToken()
	it := ledger.Item{Kind: ledger.Query, Refused: &ledger.Refused{Token: token, Error: raw}}
	var msg []byte
	if kind >= ledger.Query {
		msg, err = (&pgproto3.Query{String: token}).Encode(nil)
	} else {
		it.Kind = ledger.Parse
		s.skip = true
		msg, err = (&pgproto3.Parse{Name: refusedName, Query: token}).Encode(nil)
	}
	if err != nil {
		return fmt.Errorf("refusal: %w", err)
	}
	_, out := s.ledger.Push(it)
	ledger.Deliver(out)
	return s.in.Replace(msg)
}
