package ledger

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

// A Cursor is what a DECLARE in SQL may have made.
type Cursor struct {
	Part    action.Part
	Held    protocols.Held // the action of its message, which may be over
	Summary string         // of its message
	Keeps   bool           // it outlives its transaction

	seq, segment uint64
}

// maxCursors bounds the cursors of a session that may be open.
const maxCursors = 1_000

// Declare notes that SQL is about to make a cursor. Whether it succeeds is not
// followed: a name stands for all it may stand for, until the server says that it is
// closed, or the transaction is over that it belongs to. It reports whether there was
// room.
func (l *Ledger) Declare(name string, c Cursor) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, list := range l.cursors {
		n += len(list)
	}
	if n >= maxCursors {
		return false
	}
	if l.cursors == nil {
		l.cursors = make(map[string][]Cursor)
	}
	c.seq, c.segment = l.pushed, l.segment
	l.cursors[name] = append(l.cursors[name], c)
	return true
}

// Behind gives all that a cursor's name may stand for: what was bound to it and
// what was declared.
func (l *Ledger) Behind(name string) (bound []*Portal, declared []Cursor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := l.portals[name]; p != nil; p = p.prev {
		bound = append(bound, p)
	}
	return bound, append(declared, l.cursors[name]...)
}

// endCursors forgets the cursors of a transaction that is over.
func (l *Ledger) endCursors() {
	for name := range l.cursors {
		l.keepCursors(name, func(c *Cursor) bool { return c.Keeps || c.segment >= l.answered })
	}
}

// close forgets the cursors that the server says it has closed, as of item seq.
func (l *Ledger) close(name, tag string, seq uint64) {
	switch tag {
	case "CLOSE CURSOR", "CLOSE CURSOR ALL", "DISCARD ALL":
	default:
		return
	}
	for n := range l.cursors {
		if name == n || name == "*" {
			l.keepCursors(n, func(c *Cursor) bool { return c.seq >= seq })
		}
	}
}

func (l *Ledger) keepCursors(name string, stays func(*Cursor) bool) {
	var kept []Cursor
	for _, c := range l.cursors[name] {
		if stays(&c) {
			kept = append(kept, c)
		}
	}
	if l.cursors[name] = kept; len(kept) == 0 {
		delete(l.cursors, name)
	}
}
