// Package wire reads PostgreSQL's protocol version 3 by its message headers: it
// lets messages pass, peeks into those that matter and puts others in their
// place, in buffers of fixed size. It gives messages no meaning and opens no
// connection.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Sizes of a Stream's buffers: an idle direction waits with idleSize, one where
// bytes flow takes flowSize from a pool.
const (
	idleSize = 1 << 10
	flowSize = 64 << 10
)

// HeaderLen is the type byte and the length of a message.
const HeaderLen = 5

// MaxMessage is the largest message that PostgreSQL itself can make or take.
const MaxMessage = 1<<30 - 1

// ErrMalformed means that the bytes are no message of the protocol.
var ErrMalformed = errors.New("malformed message")

// errWindow means that no more can be held beside the current message.
var errWindow = errors.New("the buffer is full")

// A Sink takes what passes. cut says that b ends inside a message.
type Sink interface {
	Put(b []byte, cut bool) error
}

// A Message is the header of one message.
type Message struct {
	Type byte
	Size int // of the whole message, header included
}

// Body is the length of the message without its header.
func (m Message) Body() int { return m.Size - HeaderLen }

// A Stream walks the messages of one direction. What passes is written in runs,
// at the latest before the Stream waits for more. It is not safe for concurrent
// use, and slices it returns are valid until its next call.
type Stream struct {
	src  io.Reader
	sink Sink
	pool *sync.Pool

	idle   [idleSize]byte
	pooled *[flowSize]byte
	buf    []byte
	run    int  // start of what passed and is not written yet
	pos    int  // start of the current message
	end    int  // end of what was read
	size   int  // of the current message, 0 between two
	busy   bool // the last read filled its buffer
	last   int  // what the last read gave
	bulk   bool // the last message that passed was data: more of it follows soon
	torn   bool // what was written last ends inside a message
	part   bool // a message passes in pieces
	screen func(b []byte, more bool) (hold int)
}

// NewPool makes the pool that Streams share their large buffers through.
func NewPool() *sync.Pool { return &sync.Pool{New: func() any { return new([flowSize]byte) }} }

// NewStream walks src; ahead is what was already read of it, at most 1 KiB.
func NewStream(src io.Reader, ahead []byte, pool *sync.Pool) (*Stream, error) {
	s := &Stream{src: src, pool: pool}
	if len(ahead) > idleSize {
		return nil, fmt.Errorf("%d bytes ahead of their time: %w", len(ahead), ErrMalformed)
	}
	s.buf = s.idle[:]
	s.end = copy(s.buf, ahead)
	return s, nil
}

// SetSink says where passing messages go from now on.
func (s *Stream) SetSink(sink Sink) { s.sink = sink }

// SetScreen has look see, and change in place, all that passes. With more, b ends
// inside a message; its last hold bytes then wait, and look sees them again in front
// of what follows.
func (s *Stream) SetScreen(look func(b []byte, more bool) (hold int)) { s.screen = look }

// Next waits for the header of the next message. The one before must have been
// passed, dropped or replaced.
func (s *Stream) Next() (Message, error) {
	if err := s.fill(HeaderLen); err != nil {
		return Message{}, err
	}
	n := binary.BigEndian.Uint32(s.buf[s.pos+1:])
	if n < 4 || n > MaxMessage {
		return Message{}, fmt.Errorf("%w: type %q, length %d", ErrMalformed, s.buf[s.pos], n)
	}
	s.size = int(n) + 1
	return Message{Type: s.buf[s.pos], Size: s.size}, nil
}

// Peek waits for the first n bytes of the body, or for all of a shorter one.
func (s *Stream) Peek(n int) ([]byte, error) {
	n = min(n, s.size-HeaderLen)
	if err := s.fill(HeaderLen + n); err != nil {
		return nil, err
	}
	return s.buf[s.pos+HeaderLen : s.pos+HeaderLen+n], nil
}

// Body waits for the whole body; the caller has looked at its length.
func (s *Stream) Body() ([]byte, error) { return s.Peek(s.size) }

// Small waits for the whole body of a message that only names something.
func (s *Stream) Small(limit int) ([]byte, error) {
	if s.size-HeaderLen > limit {
		return nil, fmt.Errorf("%w: type %q of %d bytes", ErrMalformed, s.buf[s.pos], s.size)
	}
	return s.Body()
}

// BindNames waits for as much of a Bind as holds its names, at most limit bytes.
func (s *Stream) BindNames(limit int) (portal, statement string, err error) {
	for n := 256; ; n *= 4 {
		head, err := s.Peek(min(n, limit))
		if err != nil {
			return "", "", err
		}
		portal, statement, _, err = BindNames(head)
		if err == nil || n >= limit || n >= s.size-HeaderLen {
			return portal, statement, err
		}
	}
}

// Raw waits for the whole message, header included.
func (s *Stream) Raw() ([]byte, error) {
	if err := s.fill(s.size); err != nil {
		return nil, err
	}
	return s.buf[s.pos : s.pos+s.size], nil
}

// Pass lets the message through. It streams what has not arrived yet.
func (s *Stream) Pass() error { return s.PassSeen(nil) }

// PassSeen lets the message through and shows its body, piece by piece, to see,
// which may be nil.
func (s *Stream) PassSeen(see func([]byte)) error {
	if see != nil {
		if _, err := s.Peek(0); err != nil {
			return err
		}
		see(s.buf[s.pos+HeaderLen : min(s.pos+s.size, s.end)])
	}
	s.bulk = isData(s.buf[s.pos])
	rest := s.size - (s.end - s.pos)
	if rest <= 0 {
		s.pos += s.size
		s.size = 0
		return nil
	}
	s.pos, s.part = s.end, true
	for rest > 0 {
		if err := s.Flush(); err != nil {
			return err
		}
		n, err := s.more(rest)
		if err != nil {
			return err
		}
		if see != nil {
			see(s.buf[s.pos : s.pos+n])
		}
		s.pos += n
		rest -= n
	}
	s.size, s.part = 0, false
	return nil
}

// isData reports whether a message is a row, or a piece of COPY.
func isData(typ byte) bool { return typ == 'D' || typ == 'd' }

// PassAlike lets those messages through that follow the one that has just passed,
// are of its type and are there as a whole already, and shows their bodies to see,
// which may be nil.
func (s *Stream) PassAlike(typ byte, see func([]byte)) (messages, bytes int) {
	at := s.pos
	for s.end-at >= HeaderLen && s.buf[at] == typ {
		n := int(binary.BigEndian.Uint32(s.buf[at+1:]))
		if n < 4 || n >= s.end-at {
			break
		}
		if see != nil {
			see(s.buf[at+HeaderLen : at+n+1])
		}
		at += n + 1
		messages++
	}
	bytes = at - s.pos
	s.pos = at
	return messages, bytes
}

// Drop forgets the message.
func (s *Stream) Drop() error {
	s.bulk = false
	if err := s.Flush(); err != nil {
		return err
	}
	rest := s.size - (s.end - s.pos)
	s.pos = min(s.pos+s.size, s.end)
	s.run = s.pos
	for rest > 0 {
		n, err := s.more(rest)
		if err != nil {
			return err
		}
		s.pos += n
		s.run = s.pos
		rest -= n
	}
	s.size = 0
	return nil
}

// Replace writes b where the message was.
func (s *Stream) Replace(b []byte) error {
	if err := s.Drop(); err != nil {
		return err
	}
	return s.sink.Put(b, false)
}

// Insert writes b behind what has passed.
func (s *Stream) Insert(b []byte) error {
	if err := s.Flush(); err != nil {
		return err
	}
	return s.sink.Put(b, false)
}

// Flush writes what has passed.
func (s *Stream) Flush() error {
	b := s.buf[s.run:s.pos]
	if len(b) > 0 && s.screen != nil {
		b = b[:len(b)-s.screen(b, s.part)]
	}
	if len(b) == 0 {
		return nil
	}
	s.run += len(b)
	s.torn = s.part
	return s.sink.Put(b, s.part)
}

// Ahead reads once more while the current message waits, so that a hang-up is
// seen. It returns an error of the source, or errWindow when no more can be held.
func (s *Stream) Ahead() error {
	if err := s.Flush(); err != nil {
		return err
	}
	if s.end-s.pos >= flowSize && s.end == len(s.buf) {
		return errWindow
	}
	s.room(s.end - s.pos + 1)
	return s.read()
}

// Full reports whether err says that Ahead can hold no more.
func Full(err error) bool { return errors.Is(err, errWindow) }

// Whole reports whether what was written so far ends with a whole message.
func (s *Stream) Whole() bool { return !s.torn }

// Release gives the large buffer back; the Stream is done.
func (s *Stream) Release() {
	s.unpool()
	s.buf, s.run, s.pos, s.end = nil, 0, 0, 0
}

// fill waits until need bytes of the current message are there. The buffer grows
// only as bytes arrive, whatever a header says.
func (s *Stream) fill(need int) error {
	for s.end-s.pos < need {
		if err := s.Flush(); err != nil {
			return err
		}
		s.room(need)
		if err := s.read(); err != nil {
			return err
		}
	}
	return nil
}

// more reads into an empty window and says how many bytes, of at most rest,
// belong to the message that is being streamed.
func (s *Stream) more(rest int) (int, error) {
	s.room(1)
	if err := s.read(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	return min(rest, s.end-s.pos), nil
}

func (s *Stream) read() error {
	space := s.buf[s.end:]
	n, err := s.src.Read(space)
	s.end += n
	s.busy, s.last = n == len(space), n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// room makes space behind what is held: everything before run is written. It
// picks the smallest buffer that does; while data flow, the large one stays.
func (s *Stream) room(need int) {
	held := s.buf[s.run:s.end]
	flows := s.busy || s.bulk && s.last >= idleSize
	switch {
	case len(held) == 0 && !flows && need <= idleSize:
		s.use(s.idle[:], held)
	case len(held) >= flowSize: // only an inspected message gets here
		if s.end == len(s.buf) && s.run == 0 {
			s.use(make([]byte, 2*len(held)), held)
		} else {
			s.use(s.buf, held)
		}
	case flows || need > idleSize || len(held) == idleSize:
		if s.pooled == nil {
			s.pooled = s.pool.Get().(*[flowSize]byte)
		}
		s.use(s.pooled[:], held)
	default:
		s.use(s.buf, held)
	}
}

// use moves what is held to the front of b, which becomes the buffer.
func (s *Stream) use(b, held []byte) {
	s.end = copy(b, held)
	s.buf = b
	s.run, s.pos = 0, s.pos-s.run
	if s.pooled != nil && &b[0] != &s.pooled[0] {
		s.unpool()
	}
}

func (s *Stream) unpool() {
	if s.pooled != nil {
		s.pool.Put(s.pooled)
		s.pooled = nil
	}
}
