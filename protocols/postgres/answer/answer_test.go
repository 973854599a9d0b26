package answer

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/hearsay"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A record keeps the statuses that actions end with.
type record struct{ ends []string }

func (*record) Check(context.Context) action.Decision { return action.Decision{} }
func (r *record) Done(res action.Result, _ error)     { r.ends = append(r.ends, res.Status) }
func (r *record) Put(_ []byte, _ bool) error          { return nil }

// TestT49_AServersWordsInARecord: whatever a database calls its answers, the record
// has a tag, a code or neither, and no secret.
func TestT49_AServersWordsInARecord(t *testing.T) {
	const secret = "HUNTERTWOHUNT"
	says := func(m pgproto3.BackendMessage) []byte {
		b, err := m.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tag := func(s string) []byte { return says(&pgproto3.CommandComplete{CommandTag: []byte(s)}) }
	fails := func(code string) []byte { return says(&pgproto3.ErrorResponse{Code: code, Message: "m"}) }
	for _, tt := range []struct {
		name   string
		answer []byte
		want   string
	}{
		{"a tag", tag("INSERT 0 7"), "INSERT 0 7"},
		{"a long tag", tag("ALTER TEXT SEARCH CONFIGURATION"), "ALTER TEXT SEARCH CONFIGURATION"},
		{"an escape", tag("SELECT\x1b[2J"), hearsay.Unclear},
		{"a line", tag("SELECT 1\n2026 allow"), hearsay.Unclear},
		{"a page", tag(strings.Repeat("SELECT ", 100)), hearsay.Unclear},
		{"no end", []byte("C\x00\x00\x00\x0bSELECT1"), hearsay.Unclear},
		{"a secret", tag("SELECT " + secret), "SELECT *************"},
		{"a code", fails("23505"), "23505"},
		{"a code of another kind", fails("\x1b[31m"), hearsay.Unclear},
		{"a long code", fails(strings.Repeat("4", 5000)), hearsay.Unclear},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &record{}
			l := ledger.New(ledger.Settings{})
			l.Push(ledger.Item{Kind: ledger.Query, Held: r})
			s, err := wire.NewStream(bytes.NewReader(append(tt.answer, says(&pgproto3.ReadyForQuery{TxStatus: 'I'})...)), nil, wire.NewPool())
			if err != nil {
				t.Fatal(err)
			}
			s.SetSink(r)
			p := Pump{Stream: s, Ledger: l, Words: func(text string) string {
				return strings.ReplaceAll(text, secret, strings.Repeat("*", len(secret)))
			}}
			p.Run() //nolint:errcheck // it ends with the answers
			if !slices.Equal(r.ends, []string{tt.want}) {
				t.Errorf("the record says %q, want %q", r.ends, tt.want)
			}
		})
	}
}
