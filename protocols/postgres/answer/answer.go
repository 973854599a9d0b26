// Package answer passes what a PostgreSQL server says on to the agent, tells the
// session's ledger what it means and holds a result to the size that its service
// allows. It judges nothing and opens no connection.
package answer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/hearsay"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/wire"
	"sallyport.dev/sallyport/vault/scrub"
)

const (
	// maxError is as much of an error as is looked at; SQLSTATE and message stand
	// at its beginning.
	maxError = 4 << 10
	// maxTag is as much of a command tag as is looked at, its end included.
	maxTag = 65
	// maxStatus bounds a ParameterStatus.
	maxStatus = 16 << 10
)

// Patience bounds the wait for the server to take a cancel of ours.
const Patience = 5 * time.Second

// How a Pump ends.
var (
	ErrServer   = errors.New("the database")
	ErrParted   = errors.New("it said so to the agent")
	ErrTooLarge = errors.New("the result is larger than the service allows and could not be cut")
)

// A Pump passes one session's answers. Its fields are set before Run; Stream and
// everything else of it belong to Run alone.
type Pump struct {
	Stream  *wire.Stream // from the server, its sink is the agent
	Ledger  *ledger.Ledger
	MaxRows int64 // of one statement's result; 0 for any number
	// MaxBytes is of one statement's result, headers included; 0 for any number.
	MaxBytes int64
	// Cancel cancels what the server does. The channel is closed when the server has
	// taken it.
	Cancel func(why string) <-chan struct{}
	Done   <-chan struct{} // closed when nothing more is waited for
	// Words gives a text without the secrets in it, for the record.
	Words func(text string) string

	meter    meter
	outcomes []ledger.Outcome
	parted   bool // the server itself has told the agent that this is the end
}

// Run passes answers until the server or the agent is gone, and gives the reason,
// never nil. It releases the stream.
func (p *Pump) Run() error {
	defer p.Stream.Release()
	for {
		m, err := p.Stream.Next()
		if err == nil {
			err = p.answer(m)
		}
		if err != nil {
			p.count()
			p.Stream.Flush() //nolint:errcheck // what came before; the agent may be gone
			return p.reason(err)
		}
	}
}

// count adds what came since the last event to the action that it was for.
func (p *Pump) count() {
	ledger.Deliver(p.Ledger.Hear(ledger.Event{Rows: p.meter.rows, Bytes: p.meter.bytes}, nil))
}

// reason tells whose fault an end is: the server's, unless the agent could not be
// written to or the session closed the connection itself.
func (p *Pump) reason(err error) error {
	var broken *net.OpError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%w closed the connection: %w", ErrServer, err)
	case errors.Is(err, wire.ErrMalformed):
		err = fmt.Errorf("%w breaks the protocol: %w", ErrServer, err)
	case errors.As(err, &broken) && broken.Op == "read" && !errors.Is(err, net.ErrClosed) && !broken.Timeout():
		err = fmt.Errorf("%w is gone: %w", ErrServer, err)
	}
	if p.parted && errors.Is(err, ErrServer) {
		return fmt.Errorf("%w: %w", ErrParted, err)
	}
	return err
}

// answer takes in one message of the server. What it means is known to the ledger
// before the agent can see it.
func (p *Pump) answer(m wire.Message) error {
	in := p.Stream
	switch m.Type {
	case 'D', 'd':
		return p.row(m)
	case 'E':
		return p.failure(m)
	case 'C':
		tag, err := in.Peek(maxTag)
		if err != nil {
			return err
		}
		word, _, _ := bytes.Cut(tag, []byte{0})
		return p.settle(m, ledger.Event{Type: 'C', Text: p.tag(string(word))})
	case 'Z':
		body, err := in.Peek(1)
		if err != nil {
			return err
		}
		if m.Body() != 1 {
			return fmt.Errorf("%w: ReadyForQuery of %d bytes", wire.ErrMalformed, m.Body())
		}
		ev := ledger.Event{Type: 'Z', Status: body[0]}
		if p.Ledger.Quiet() {
			p.tell(m, ev)
			return in.Drop()
		}
		return p.settle(m, ev)
	case 'I':
		return p.settle(m, ledger.Event{Type: 'I', Text: "EMPTY"})
	case 's':
		return p.settle(m, ledger.Event{Type: 's', Text: "suspended"})
	case 'V':
		return p.called(m)
	case 'G':
		body, err := in.Peek(1)
		if err != nil {
			return err
		}
		if len(body) == 0 {
			return fmt.Errorf("%w: an empty CopyInResponse", wire.ErrMalformed)
		}
		return p.settle(m, ledger.Event{Type: 'G', Status: body[0]})
	case '1', '2', '3', 'T', 'n':
		return p.settle(m, ledger.Event{Type: m.Type})
	case 'S':
		return p.report()
	case 't':
		return p.types(m)
	case 'c', 'H':
		return p.forward(m)
	case 'N', 'A':
		return in.Pass()
	}
	return fmt.Errorf("%w from the database: message type %q", wire.ErrMalformed, m.Type)
}

// tag is what is kept of a command tag. One that is too short for a secret is not
// searched for any.
func (p *Pump) tag(said string) string {
	said = hearsay.Tag(said)
	if len(said) < scrub.Least {
		return said
	}
	return p.Words(said)
}

// called passes what a function call gives, unless it is more than the service
// allows.
func (p *Pump) called(m wire.Message) error {
	if p.MaxBytes == 0 || int64(m.Size) <= p.MaxBytes {
		return p.settle(m, ledger.Event{Type: 'V', Text: "CALL"})
	}
	p.tell(m, ledger.Event{Type: 'E', Text: "54000"})
	return p.limit()
}

// types takes in what a statement's parameters are.
func (p *Pump) types(m wire.Message) error {
	body, err := p.Stream.Peek(2 + 4*wire.MaxTypes)
	if err != nil {
		return err
	}
	if types, ok := wire.Types(body); ok {
		p.Ledger.Describe(types)
	}
	return p.forward(m)
}

// report follows a setting of the session.
func (p *Pump) report() error {
	body, err := p.Stream.Small(maxStatus)
	if err != nil {
		return err
	}
	if name, value, ok := wire.Pair(body); ok {
		p.Ledger.Report(name, value)
	}
	return p.Stream.Pass()
}

// settle tells the ledger about an event and forwards its message.
func (p *Pump) settle(m wire.Message, ev ledger.Event) error {
	if p.meter.over {
		return p.settleOver(m, ev)
	}
	p.tell(m, ev)
	return p.Stream.Pass()
}

// tell gives an event and what was counted since the last one to the ledger.
func (p *Pump) tell(m wire.Message, ev ledger.Event) {
	ev.Rows, ev.Bytes = p.meter.rows, p.meter.bytes+int64(m.Size)
	p.meter.rows, p.meter.bytes, p.meter.based = 0, 0, false
	p.outcomes = p.Ledger.Hear(ev, p.outcomes[:0])
	ledger.Deliver(p.outcomes)
	clear(p.outcomes)
}

// failure forwards an error, or what stands for it: the refusal behind a token,
// the limit behind a cancelled query.
func (p *Pump) failure(m wire.Message) error {
	body, err := p.Stream.Peek(maxError)
	if err != nil {
		return err
	}
	code := hearsay.Code(wire.Field(body, 'C'))
	if v := wire.Field(body, 'V'); v == "FATAL" || v == "PANIC" {
		p.parted = true
	}
	if sub := p.Ledger.Substituted(); sub != nil && strings.Contains(wire.Field(body, 'M'), sub.Token) {
		p.tell(m, ledger.Event{Type: 'E', Text: sub.Code})
		return p.Stream.Replace(sub.Error)
	}
	if p.meter.over {
		return p.failOver(m, code)
	}
	p.tell(m, ledger.Event{Type: 'E', Text: code})
	return p.Stream.Pass()
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
func (p *Pump) row(m wire.Message) error {
	t := &p.meter
	t.rows++
	if t.over {
		t.bytes += int64(m.Size)
		return p.Stream.Drop()
	}
	if p.MaxRows == 0 && p.MaxBytes == 0 {
		if err := p.Stream.Pass(); err != nil {
			return err
		}
		rows, bytes := p.Stream.PassAlike(m.Type, nil)
		t.rows += int64(rows)
		t.bytes += int64(m.Size + bytes)
		return nil
	}
	if !t.based {
		t.baseRows, t.baseBytes = p.Ledger.Counted()
		t.based = true
	}
	if p.MaxRows > 0 && t.baseRows+t.rows > p.MaxRows || p.MaxBytes > 0 && t.baseBytes+t.bytes+int64(m.Size) > p.MaxBytes {
		t.over, t.told = true, false
		t.cancelled = p.Cancel("the result is larger than the service allows")
		return p.Stream.Drop()
	}
	t.bytes += int64(m.Size)
	return p.Stream.Pass()
}

// forward passes a message that belongs to a result, unless the rest is dropped.
func (p *Pump) forward(m wire.Message) error {
	p.meter.bytes += int64(m.Size)
	if p.meter.over {
		return p.Stream.Drop()
	}
	return p.Stream.Pass()
}

// failOver gives the agent the limit in place of the error that our cancel
// raised.
func (p *Pump) failOver(m wire.Message, code string) error {
	p.tell(m, ledger.Event{Type: 'E', Text: "54000"})
	if code != "57014" {
		p.meter.told = true
		return p.Stream.Pass()
	}
	return p.tellLimit()
}

// tellLimit tells the agent, once, that its result was cut.
func (p *Pump) tellLimit() error {
	if p.meter.told {
		return p.Stream.Drop()
	}
	p.meter.told = true
	return p.limit()
}

// limit puts the error about the service's limit in the place of the message.
func (p *Pump) limit() error {
	e := refusal.Error("54000", "the result is larger than the service allows", "Ask for less: LIMIT, WHERE or fewer columns.")
	b, err := e.Encode(nil)
	if err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	return p.Stream.Replace(b)
}

// settleOver ends an answer that was cut. The server may have been done before
// our cancel reached it: then the agent gets the error in place of the tag, if
// nothing more of the pipeline follows that it could not place. ReadyForQuery
// waits for the cancel, or it could hit what comes next.
func (p *Pump) settleOver(m wire.Message, ev ledger.Event) error {
	switch ev.Type {
	case 'Z':
		p.awaitCancel()
		p.tell(m, ev)
		p.meter.over = false
		return p.Stream.Pass()
	case 'C', 's':
		last := p.Ledger.Last()
		ev.Text = "54000"
		p.tell(m, ev)
		if !last && !p.meter.told {
			return ErrTooLarge
		}
		return p.tellLimit()
	}
	p.tell(m, ev)
	return p.Stream.Drop()
}

// awaitCancel waits until the server has taken our cancel, within reason.
func (p *Pump) awaitCancel() {
	if p.meter.cancelled == nil {
		return
	}
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	select {
	case <-p.meter.cancelled:
	case <-p.Done:
	case <-timer.C:
	}
	p.meter.cancelled = nil
}
