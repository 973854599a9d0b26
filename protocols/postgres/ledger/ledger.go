// Package ledger keeps what one PostgreSQL session has under way: what the server
// still owes an answer for, in order, and which names stand for which statement
// and which bound portal. Two pumps share it; it reads and writes no connection
// and judges nothing.
package ledger

import (
	"context"
	"slices"
	"sync"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

// A Kind says what an Item waits for. Those from Sync on are fences: they are
// answered by ReadyForQuery.
type Kind uint8

// The kinds of what is sent to a server.
const (
	Parse Kind = iota
	Bind
	Describe
	Close
	Execute
	Sync
	Query
	Call
)

// An Item is one message on its way.
type Item struct {
	Kind      Kind
	Statement *Statement     // Parse, and Close of a statement
	Portal    *Portal        // Bind, Execute, and Close of a portal
	Describes *Statement     // Describe of a statement
	Held      protocols.Held // Query and Call
	Forgets   string         // the statement deallocates this name, "*" for all
	Closes    string         // the statement closes this cursor, "*" for all
	Refused   *Refused       // it stands in the place of a refused message
	Sent      int64
	Quiet     bool // a Sync that the agent did not send, see Loosen
	Saves     bool // it may make a savepoint

	seq    uint64
	result action.Result
}

// A Refused is what the agent gets for the error that a token raises.
type Refused struct {
	Token string
	Error []byte // a whole ErrorResponse
	Code  string // its SQLSTATE
}

// A Statement is what a prepared name stands for.
type Statement struct {
	Name    string
	Parts   []action.Part
	Behind  []action.Part // what an EXECUTE in it may run
	Summary string
	CopyIn  bool // the server may ask for data
	// Types are those of its parameters, as far as Parse says them, 0 for any; the
	// server may say more, see TypesOf.
	Types []uint32
	// Declared tells the types that Parse says from others; "" for none.
	Declared string

	gone    bool // a Close on its way
	pending bool // the server has not confirmed it
	segment uint64
}

// A Portal is one bound statement: one action, from its Bind to its end.
type Portal struct {
	Name      string
	Held      protocols.Held
	Statement *Statement

	pending bool
	done    bool
	segment uint64
	prev    *Portal // what the name stood for before, until the server confirms
	result  action.Result
}

// An Outcome closes the record of one action. It is delivered outside the lock.
type Outcome struct {
	Held   protocols.Held
	Result action.Result
}

// Deliver closes the records.
func Deliver(list []Outcome) {
	for _, o := range list {
		o.Held.Done(o.Result, nil)
	}
}

// Settings are what texts are read by, as the server reported them.
type Settings struct {
	StandardStrings, UTF8 bool
	SearchPath            []string

	told [tellings]string // what else gives a text its meaning, see Told
}

// A Ledger is safe for concurrent use by one pump of each direction.
type Ledger struct {
	// Flush is called before the agent's pump waits for the server: what the
	// server must answer has to be on its way. Set once, before use.
	Flush func() error
	// Rest is called, without a lock, when the server has answered everything and
	// is in no transaction; nil calls nobody. Set once, before use.
	Rest func()

	mu      sync.Mutex
	changed sync.Cond // on mu
	closed  bool

	items  []Item // from first on
	first  int
	pushed uint64 // items so far, skipped ones included
	popped uint64

	failed   bool   // an error that no Sync has followed yet: what comes is skipped
	segment  uint64 // fences pushed
	answered uint64 // fences answered
	status   byte   // of the last ReadyForQuery
	stage    stage
	saved    bool   // there may be a savepoint
	savedAt  uint64 // its segment
	failures uint64 // errors so far

	completed uint64 // statements of simple queries
	copyIn    bool   // the server reads CopyData
	binary    bool   // in the binary format
	copies    uint64 // how often it has begun to
	hot       bool   // something ran that may have changed a setting

	reported  Settings // by the last ParameterStatus
	confirmed Settings // reported while nothing was under way

	statements map[string][]*Statement
	names      int // statements in all
	prepared   map[string][]prepared
	portals    map[string]*Portal
	cursors    map[string][]Cursor
}

// New makes the ledger of a session that has just become ready.
func New(s Settings) *Ledger {
	l := &Ledger{
		reported: s, confirmed: s, status: 'I',
		statements: make(map[string][]*Statement),
		portals:    make(map[string]*Portal),
	}
	l.changed.L = &l.mu
	return l
}

// Push notes an item whose bytes are about to be sent. What the server will skip,
// because an error came before, is over at once.
func (l *Ledger) Push(it Item) (seq uint64, out []Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	it.seq = l.pushed
	l.pushed++
	it.result.Sent = it.Sent
	l.note(&it)
	if it.Kind >= Sync {
		l.segment++
	}
	if l.failed && it.Kind != Sync {
		l.popped++
		return it.seq, l.skip(&it, nil)
	}
	if it.Kind >= Sync {
		l.failed = false
	}
	l.advance(it.Kind)
	if it.Saves {
		l.saved, l.savedAt = true, l.segment
	}
	if it.Kind == Bind || it.Kind == Execute || it.Kind > Sync {
		l.hot = true
	}
	if l.first > 0 && l.first == len(l.items) {
		l.items, l.first = l.items[:0], 0
	}
	l.items = append(l.items, it)
	return it.seq, nil
}

// note enters the names of an item as they will be once the server agrees.
func (l *Ledger) note(it *Item) {
	switch it.Kind {
	case Parse, Close:
		if s := it.Statement; s != nil {
			s.pending, s.gone, s.segment = true, it.Kind == Close, l.segment
			l.statements[s.Name] = append(l.statements[s.Name], s)
			l.names++
		}
	case Bind:
		if p := it.Portal; p != nil {
			p.pending, p.segment = true, l.segment
			p.prev = l.portals[p.Name]
			p.result.Sent = it.Sent
			l.portals[p.Name] = p
		}
	}
}

// wait blocks until ready, called with mu held, or the session's end.
func (l *Ledger) wait(ctx context.Context, ready func() bool) error {
	l.mu.Lock()
	ok := ready()
	l.mu.Unlock()
	if ok {
		return nil
	}
	if err := l.Flush(); err != nil {
		return err
	}
	return l.await(ctx, ready)
}

// await is wait for who is not the agent's pump, which alone may flush.
func (l *Ledger) await(ctx context.Context, ready func() bool) error {
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changed.Broadcast()
	})
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !ready() && !l.closed {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		l.changed.Wait()
	}
	if l.closed {
		return context.Canceled
	}
	return nil
}

// Confirmed gives the settings that a text will be read by. If something is
// under way that may change them it waits for the server, where an answer is
// certain to come; otherwise nothing is confirmed.
func (l *Ledger) Confirmed(ctx context.Context) (Settings, error) {
	err := l.wait(ctx, func() bool { return !l.hot || !l.fenced() })
	if err != nil {
		return Settings{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hot {
		return Settings{}, nil
	}
	return l.confirmed, nil
}

// fenced reports whether the server will answer all that is under way.
func (l *Ledger) fenced() bool {
	return l.first < len(l.items) && l.items[len(l.items)-1].Kind >= Sync
}

// AwaitCopy waits until the server has begun to read data more than copies times
// or has answered the item.
func (l *Ledger) AwaitCopy(ctx context.Context, seq, copies uint64) error {
	return l.wait(ctx, func() bool { return l.copies > copies || l.popped > seq })
}

// Copies gives how often the server has begun to read data.
func (l *Ledger) Copies() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.copies
}

// CopyIn reports whether the server reads data.
func (l *Ledger) CopyIn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.copyIn
}

// CopyBinary reports whether the data are in the binary format.
func (l *Ledger) CopyBinary() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.binary
}

// FailCopy says what the agent gets for the CopyFail that the caller then sends; it
// is not to be sent if the server reads no more data.
func (l *Ledger) FailCopy(r *Refused) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.copyIn || l.first == len(l.items) {
		return false
	}
	l.items[l.first].Refused = r
	return true
}

// Copied counts data that the agent sends.
func (l *Ledger) Copied(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.running(); r != nil {
		r.Sent += n
	}
}

// Reach waits until the server works on what belongs to h, and reports whether it does:
// not if nothing of h is under way, or not any more.
func (l *Ledger) Reach(ctx context.Context, h protocols.Held) bool {
	at := -1
	err := l.await(ctx, func() bool {
		at = l.place(h)
		return at <= 0
	})
	return err == nil && at == 0
}

// Leave waits until the server is done with what belongs to h.
func (l *Ledger) Leave(ctx context.Context, h protocols.Held) error {
	return l.await(ctx, func() bool { return l.place(h) < 0 })
}

// place is how much stands before what belongs to h; -1: nothing does. mu is held.
func (l *Ledger) place(h protocols.Held) int {
	return slices.IndexFunc(l.items[l.first:], func(it Item) bool { return it.Held == h || it.Portal != nil && it.Portal.Held == h })
}

// End closes whatever is open and wakes whoever waits.
func (l *Ledger) End() []Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.changed.Broadcast()
	var out []Outcome
	for i := l.first; i < len(l.items); i++ {
		l.items[i].result.Failed, l.items[i].result.Err = true, "the session ended first"
		out = l.items[i].close(out)
		if p := l.items[i].Portal; p != nil {
			p.result.Failed, p.result.Err = true, "the session ended first"
			out = p.over(out)
		}
	}
	for _, p := range l.portals {
		for ; p != nil; p = p.prev {
			out = p.over(out)
		}
	}
	l.items, l.first = nil, 0
	return out
}

// running gives the result that bytes are counted for.
func (l *Ledger) running() *action.Result {
	if l.first == len(l.items) {
		return nil
	}
	it := &l.items[l.first]
	if it.Kind == Execute && it.Portal != nil {
		return &it.Portal.result
	}
	return &it.result
}

// close closes the record of an item that is an action of its own.
func (it *Item) close(out []Outcome) []Outcome {
	if it.Held == nil {
		return out
	}
	return append(out, Outcome{it.Held, it.result})
}

// over closes the record of a portal, once.
func (p *Portal) over(out []Outcome) []Outcome {
	if p.done {
		return out
	}
	p.done = true
	if p.result.Status == "" && p.result.Err == "" {
		p.result.Status = "not executed"
	}
	return append(out, Outcome{p.Held, p.result})
}
