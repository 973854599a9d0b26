// Package vault keeps secrets sealed at rest and makes credentials of them. It
// also holds the CA that the agents trust and the keys the gateway signs with.
// It hands a secret to nobody who could print it, and knows nothing of agents or
// rules.
package vault

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// A Secret is a value that does not print; only Reveal gives the bytes. They
// stand behind a func: fmt calls no method of an unexported field and would
// print a []byte there.
type Secret struct{ reveal func() []byte }

// NewSecret takes the bytes over; the caller must not keep them.
func NewSecret(b []byte) Secret { return Secret{func() []byte { return b }} }

// Reveal gives the bytes, nil for the zero Secret. They are the vault's: do not
// change or keep them.
func (s Secret) Reveal() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// Format prints a mark under every verb.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) } //nolint:errcheck // fmt.State keeps its own error

// LogValue logs a mark.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText encodes a mark.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
