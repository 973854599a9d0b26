//go:build !cgo

package sql

import (
	"errors"

	"sallyport.dev/sallyport/protocols/postgres/sql/known"
)

var errNoGrammar = errors.New(`protocol "postgres" needs PostgreSQL's grammar, which this build (CGO_ENABLED=0) is without`)

// Available reports why this build cannot read SQL; nil when it can.
func Available() error { return errNoGrammar }

func (a *Analyzer) readPlain(string, int, *Session) (*entry, error) { return nil, nil }

func (a *Analyzer) read(string, int, *Session, known.Server) (*entry, error) {
	return nil, errNoGrammar
}
