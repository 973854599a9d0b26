package statement

import (
	"bytes"
	"io"

	"sallyport.dev/sallyport/action"
)

// A Transcript is all of a message as a person reads it. It holds the message itself,
// of at most a MiB of text and its values, and writes it out when somebody reads.
type Transcript struct {
	before []byte // what stands above it
	m      Message
}

var _ action.Transcript = (*Transcript)(nil)

// NewTranscript is that of m, with before above it. It keeps its own copy of what
// belongs to the stream.
func NewTranscript(before []byte, m Message) *Transcript {
	m.Values = bytes.Clone(m.Values)
	return &Transcript{before, m}
}

// WriteTo writes it.
func (t *Transcript) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(append(bytes.Clone(t.before), Full(t.m)...))
	return int64(n), err
}

// Keep costs nothing more: an agent has few asks that wait, and each is bounded.
func (t *Transcript) Keep() (release func(), ok bool) { return func() {}, true }
