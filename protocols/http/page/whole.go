package page

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
)

// ErrGone means that a body is not there any more.
var ErrGone = errors.New("the body of the request is gone")

// A Transcript is all that a request sends as a person reads it: what stands before
// and behind the body, made with Full, and the body however long it is.
type Transcript struct {
	Before, Behind []byte
	Size           int64
	// Open gives the body from its beginning; done is called when it is read.
	Open func() (body io.Reader, done func(), ok bool)
	// Stay is Keep of an action.Transcript.
	Stay func() (release func(), ok bool)
}

var _ action.Transcript = (*Transcript)(nil)

// Keep has the body last beyond the end of the request.
func (t *Transcript) Keep() (release func(), ok bool) { return t.Stay() }

// WriteTo writes everything. It reads the body twice: what it is shows only at its end.
func (t *Transcript) WriteTo(w io.Writer) (int64, error) {
	c := &counted{w: w}
	out := bufio.NewWriterSize(c, 32<<10)
	out.Write(t.Before) //nolint:errcheck // the flush tells
	if t.Size > 0 {
		if err := t.body(out); err != nil {
			return c.n, err
		}
	}
	out.Write(t.Behind) //nolint:errcheck // the flush tells
	return c.n, out.Flush()
}

type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func (t *Transcript) body(out *bufio.Writer) error {
	var k kind
	if err := t.read(func(r io.Reader) error { return k.look(r) }); err != nil {
		return err
	}
	fmt.Fprintf(out, "body %d bytes, SHA-256 %x", t.Size, k.sum)
	switch {
	case k.text:
		out.WriteByte('\n') //nolint:errcheck // the flush tells
	case k.mostly:
		out.WriteString(", not all of it text\n") //nolint:errcheck // the flush tells
	default:
		out.WriteString(", binary\n") //nolint:errcheck // the flush tells
		return t.read(func(r io.Reader) error { return hexLines(out, r) })
	}
	return t.read(func(r io.Reader) error { return textLines(out, bufio.NewReaderSize(r, 32<<10)) })
}

func (t *Transcript) read(f func(io.Reader) error) error {
	r, done, ok := t.Open()
	if !ok {
		return ErrGone
	}
	defer done()
	return f(r)
}

// A kind is what a body turns out to be.
type kind struct {
	text, mostly bool
	sum          []byte
}

// look reads a body to its end.
func (k *kind) look(r io.Reader) error {
	h, in := sha256.New(), bufio.NewReaderSize(r, 32<<10)
	if head, err := in.Peek(4 << 10); err == nil || err == io.EOF {
		k.mostly = mostlyText(head)
	}
	buf, kept := make([]byte, 32<<10), 0 // kept: the beginning of a character that was cut
	k.text = true
	for {
		n, err := in.Read(buf[kept:])
		h.Write(buf[kept : kept+n]) //nolint:errcheck // a hash takes everything
		piece := buf[:kept+n]
		if err == io.EOF {
			k.text = k.text && kept == 0
			k.sum = h.Sum(nil)
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the body: %w", err)
		}
		fit := uncut(piece)
		k.text = k.text && isText(fit)
		kept = 0
		if k.text {
			kept = copy(buf, piece[len(fit):])
		}
	}
}

// uncut takes off what may be the first bytes of a character; where nothing helps, all
// of it stays.
func uncut(piece []byte) []byte {
	for cut := range min(utf8.UTFMax, len(piece)+1) {
		if head := piece[:len(piece)-cut]; utf8.Valid(head) {
			return head
		}
	}
	return piece
}

// textLines writes a text behind the margin, with every character spelled out that a
// person could not see.
func textLines(out *bufio.Writer, r *bufio.Reader) error {
	begun := false
	for {
		c, n, err := r.ReadRune()
		if errors.Is(err, io.EOF) {
			if begun {
				out.WriteByte('\n') //nolint:errcheck // the flush tells
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the body: %w", err)
		}
		if !begun {
			out.WriteString(action.SampleMargin) //nolint:errcheck // the flush tells
		}
		begun = c != '\n'
		switch {
		case c == '\n':
			out.WriteByte('\n') //nolint:errcheck // the flush tells
		case c == '\r' && next(r) == '\n': // the line ends with both
		case c == utf8.RuneError && n == 1:
			r.UnreadRune()       //nolint:errcheck // one was read
			b, _ := r.ReadByte() // it is there
			fmt.Fprintf(out, "<0x%02X>", b)
		case readable(c):
			out.WriteRune(c) //nolint:errcheck // the flush tells
		default:
			fmt.Fprintf(out, "<U+%04X>", c)
		}
	}
}

// next is the byte that comes; 0 where none does.
func next(r *bufio.Reader) byte {
	b, err := r.Peek(1)
	if err != nil {
		return 0
	}
	return b[0]
}

func hexLines(out *bufio.Writer, r io.Reader) error {
	line := make([]byte, hexLine)
	for {
		n, err := io.ReadFull(r, line)
		if n > 0 {
			fmt.Fprintf(out, "%s% x\n", action.SampleMargin, line[:n])
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the body: %w", err)
		}
	}
}
