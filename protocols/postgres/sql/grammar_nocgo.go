//go:build !cgo

package sql

import "errors"

// Available reports why this build cannot read SQL; nil when it can.
func Available() error {
	return errors.New(`protocol "postgres" needs PostgreSQL's grammar, which this build (CGO_ENABLED=0) is without`)
}
