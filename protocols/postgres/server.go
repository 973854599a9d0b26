package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

const (
	// maxError is as much of an error as is looked at; SQLSTATE and message stand
	// at its beginning.
	maxError = 4 << 10
	// maxTag is as much of a command tag as is kept.
	maxTag = 64
	// maxStatus bounds a ParameterStatus.
	maxStatus = 16 << 10
)

// pumpServer lets the server's messages pass to the agent and tells the ledger
// what they mean. When it ends, the session does.
func (s *session) pumpServer() {
	defer s.link.Stream.Release()
	for {
		m, err := s.link.Stream.Next()
		if err == nil {
			err = s.answer(m)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w closed the connection: %w", errServer, err)
		}
		if s.parted && errors.Is(err, errServer) {
			err = fmt.Errorf("%w: %w", errParted, err)
		}
		s.live.Lose(err)
		return
	}
}

// answer takes in one message of the server. What it means is known to the ledger
// before the agent can see it.
func (s *session) answer(m wire.Message) error {
	in := s.link.Stream
	switch m.Type {
	case 'D', 'd':
		return s.row(m)
	case 'E':
		return s.failure(m)
	case 'C':
		tag, err := in.Peek(maxTag)
		if err != nil {
			return err
		}
		if i := bytes.IndexByte(tag, 0); i >= 0 {
			tag = tag[:i]
		}
		return s.settle(m, ledger.Event{Type: 'C', Text: string(tag)})
	case 'Z':
		body, err := in.Peek(1)
		if err != nil {
			return err
		}
		if m.Body() != 1 {
			return fmt.Errorf("%w: ReadyForQuery of %d bytes", wire.ErrMalformed, m.Body())
		}
		return s.settle(m, ledger.Event{Type: 'Z', Status: body[0]})
	case 'I':
		return s.settle(m, ledger.Event{Type: 'I', Text: "EMPTY"})
	case 's':
		return s.settle(m, ledger.Event{Type: 's', Text: "suspended"})
	case 'V':
		return s.settle(m, ledger.Event{Type: 'V', Text: "CALL"})
	case '1', '2', '3', 'T', 'n', 'G':
		return s.settle(m, ledger.Event{Type: m.Type})
	case 'S':
		return s.report()
	case 'c', 'H', 't':
		return s.forward(m)
	case 'N', 'A':
		return in.Pass()
	}
	return fmt.Errorf("%w from the database: message type %q", wire.ErrMalformed, m.Type)
}

// report follows a setting of the session.
func (s *session) report() error {
	body, err := s.link.Stream.Small(maxStatus)
	if err != nil {
		return err
	}
	if name, value, ok := wire.Pair(body); ok {
		s.ledger.Report(name, value)
	}
	return s.link.Stream.Pass()
}

// settle tells the ledger about an event and forwards its message.
func (s *session) settle(m wire.Message, ev ledger.Event) error {
	if s.meter.over {
		return s.settleOver(m, ev)
	}
	s.tell(m, ev)
	return s.link.Stream.Pass()
}

// tell gives an event and what was counted since the last one to the ledger.
func (s *session) tell(m wire.Message, ev ledger.Event) {
	ev.Rows, ev.Bytes = s.meter.rows, s.meter.bytes+int64(m.Size)
	s.meter.rows, s.meter.bytes, s.meter.based = 0, 0, false
	s.outcomes = s.ledger.Hear(ev, s.outcomes[:0])
	ledger.Deliver(s.outcomes)
	clear(s.outcomes)
}

// failure forwards an error, or what stands for it: the refusal behind a token,
// the limit behind a cancelled query.
func (s *session) failure(m wire.Message) error {
	body, err := s.link.Stream.Peek(maxError)
	if err != nil {
		return err
	}
	code := wire.Field(body, 'C')
	if v := wire.Field(body, 'V'); v == "FATAL" || v == "PANIC" {
		s.parted = true
	}
	if sub := s.ledger.Substituted(); sub != nil && code == "42601" && strings.Contains(wire.Field(body, 'M'), sub.Token) {
		s.tell(m, ledger.Event{Type: 'E', Text: refusal.Denied})
		return s.link.Stream.Replace(sub.Error)
	}
	if s.meter.over {
		return s.failOver(m, code)
	}
	s.tell(m, ledger.Event{Type: 'E', Text: code})
	return s.link.Stream.Pass()
}

// A meter counts what the server sends for one action and remembers that a limit
// was crossed. It belongs to the server's pump.
type meter struct {
	rows, bytes         int64 // since the last event
	baseRows, baseBytes int64 // of the action, before
	based               bool  // the base is known
	over                bool  // the rest of the answer is dropped
	told                bool  // the agent has heard of it
	cancelled           <-chan struct{}
}

// row counts a row and lets it pass, unless the service's limit is reached.
func (s *session) row(m wire.Message) error {
	t := &s.meter
	t.rows++
	if t.over {
		t.bytes += int64(m.Size)
		return s.link.Stream.Drop()
	}
	b := &s.f.Service.Session
	if b.MaxRows == 0 && b.MaxBytes == 0 {
		if err := s.link.Stream.Pass(); err != nil {
			return err
		}
		rows, bytes := s.link.Stream.PassAlike(m.Type)
		t.rows += int64(rows)
		t.bytes += int64(m.Size + bytes)
		return nil
	}
	if !t.based {
		t.baseRows, t.baseBytes = s.ledger.Counted()
		t.based = true
	}
	if b.MaxRows > 0 && t.baseRows+t.rows > b.MaxRows || b.MaxBytes > 0 && t.baseBytes+t.bytes+int64(m.Size) > b.MaxBytes {
		t.over, t.told = true, false
		t.cancelled = s.cancelRunning("the result is larger than the service allows")
		return s.link.Stream.Drop()
	}
	t.bytes += int64(m.Size)
	return s.link.Stream.Pass()
}

// forward passes a message that belongs to a result, unless the rest is dropped.
func (s *session) forward(m wire.Message) error {
	s.meter.bytes += int64(m.Size)
	if s.meter.over {
		return s.link.Stream.Drop()
	}
	return s.link.Stream.Pass()
}

// failOver gives the agent the limit in place of the error that our cancel
// raised.
func (s *session) failOver(m wire.Message, code string) error {
	s.tell(m, ledger.Event{Type: 'E', Text: "54000"})
	if code != "57014" {
		s.meter.told = true
		return s.link.Stream.Pass()
	}
	return s.tellLimit()
}

// tellLimit tells the agent, once, that its result was cut.
func (s *session) tellLimit() error {
	if s.meter.told {
		return s.link.Stream.Drop()
	}
	s.meter.told = true
	e := refusal.Error("54000", "the result is larger than the service allows", "Ask for less: LIMIT, WHERE or fewer columns.")
	b, err := e.Encode(nil)
	if err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	return s.link.Stream.Replace(b)
}

// settleOver ends an answer that was cut. The server may have been done before
// our cancel reached it: then the agent gets the error in place of the tag, if
// nothing more of the pipeline follows that it could not place. ReadyForQuery
// waits for the cancel, or it could hit what comes next.
func (s *session) settleOver(m wire.Message, ev ledger.Event) error {
	switch ev.Type {
	case 'Z':
		s.awaitCancel()
		s.tell(m, ev)
		s.meter.over = false
		return s.link.Stream.Pass()
	case 'C', 's':
		last := s.ledger.Last()
		ev.Text = "54000"
		s.tell(m, ev)
		if !last && !s.meter.told {
			return errTooLarge
		}
		return s.tellLimit()
	}
	s.tell(m, ev)
	return s.link.Stream.Drop()
}

// awaitCancel waits until the server has taken our cancel, within reason.
func (s *session) awaitCancel() {
	if s.meter.cancelled == nil {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.meter.cancelled:
	case <-s.work.Done():
	case <-timer.C:
	}
	s.meter.cancelled = nil
}
