// Package refusal is what an agent hears when the gateway itself speaks:
// PostgreSQL errors and notices that name the rule, the action and the next step,
// and the tokens that stand for a refused message. It decides nothing and writes
// to no connection.
package refusal

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"sallyport.dev/sallyport/action"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Denied is insufficient_privilege, the SQLSTATE of every refusal by a rule.
const Denied = "42501"

// origin stands in the routine field of whatever is the gateway's own.
const origin = "sallyport"

// A Bar is a reason why something is refused whatever the rules say.
type Bar struct{ Code, Text, Hint string }

// refusedName is the statement name under which a token is parsed; it never
// comes to exist.
const refusedName = "sallyport_refused"

// Stand makes the message that stands for a refused one: a Query, or a Parse that
// a Sync follows. Its text is a token that no grammar accepts and nobody guesses.
func Stand(simple bool) (token string, msg []byte, err error) {
	token = newToken()
	if simple {
		msg, err = (&pgproto3.Query{String: token}).Encode(nil)
	} else {
		msg, err = (&pgproto3.Parse{Name: refusedName, Query: token}).Encode(nil)
	}
	if err != nil {
		return "", nil, fmt.Errorf("refusal: %w", err)
	}
	return token, msg, nil
}

// Fail makes a CopyFail whose reason is a token.
func Fail() (token string, msg []byte, err error) {
	token = newToken()
	if msg, err = (&pgproto3.CopyFail{Message: token}).Encode(nil); err != nil {
		return "", nil, fmt.Errorf("refusal: %w", err)
	}
	return token, msg, nil
}

// newToken makes a word that no grammar accepts as a statement and nobody guesses.
func newToken() string {
	var b [8]byte
	rand.Read(b[:]) //nolint:errcheck // crypto/rand.Read never returns an error
	return "sallyport_" + hex.EncodeToString(b[:])
}

// Error makes an error that leaves the session open.
func Error(code, text, hint string) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{
		Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: text, Hint: hint, Routine: origin,
	}
}

// Fatal makes an error that ends a connection.
func Fatal(code, text, hint string) *pgproto3.ErrorResponse {
	e := Error(code, text, hint)
	e.Severity, e.SeverityUnlocalized = "FATAL", "FATAL"
	return e
}

// Of is the error for an action that was not allowed; bar may be nil. what names
// the action in a sentence.
func Of(what string, a *action.Action, d action.Decision, bar *Bar) *pgproto3.ErrorResponse {
	e := Error(Denied, "sallyport refused this "+what,
		"http://sallyport.internal/manifest lists what is allowed; an operator can change the rule.")
	switch {
	case bar != nil:
		e.Code, e.Message, e.Hint = bar.Code, bar.Text, bar.Hint
	case d.Verdict == action.Ask:
		e.Message = "sallyport is waiting for an approval of this " + what
		e.Hint = "Send the very same again once it is approved."
		if d.Approval != "" {
			e.Hint = "approval " + d.Approval + ": send the very same again once it is approved; http://sallyport.internal/approvals/" + d.Approval + " says how it stands."
		}
	case d.Reason != "":
		e.Message += ": " + d.Reason
	}
	e.Detail = detail(a, d)
	return e
}

// Waiting is the notice for an action that somebody is asked about.
func Waiting(a *action.Action, d action.Decision) *pgproto3.NoticeResponse {
	return &pgproto3.NoticeResponse{
		Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000", Routine: origin,
		Message: "sallyport: this statement waits for an approval", Detail: detail(a, d),
	}
}

// detail names the rule and the action, as far as they are known.
func detail(a *action.Action, d action.Decision) string {
	var words []string
	if d.Rule != "" {
		words = append(words, "rule: "+d.Rule)
	}
	if a.ID != "" {
		words = append(words, "action id: "+a.ID)
	}
	return strings.Join(words, ", ")
}
