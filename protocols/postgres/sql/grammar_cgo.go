//go:build cgo

package sql

// Available reports why this build cannot read SQL; nil when it can.
func Available() error { return nil }
