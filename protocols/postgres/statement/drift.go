package statement

import (
	"encoding/binary"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

// A Drift follows what a session does that may change what a text means there. The
// zero Drift is a session as it began. Whoever reads the agent's messages owns it.
type Drift struct {
	age  uint64 // grows with every change, and when its transaction is over
	open bool   // the transaction of the last change may go on, or be taken back
}

// Shifted reports whether a text may mean something else than at the beginning.
func (d *Drift) Shifted() bool { return d.age > 0 }

// Sent notes what goes to the server.
func (d *Drift) Sent(parts []action.Part) {
	if Shifts(parts) || d.open && slices.ContainsFunc(parts, takesBack) {
		d.age, d.open = d.age+1, true
	}
}

// takesBack reports whether a part may undo a change, of which a transaction may
// have several.
func takesBack(p action.Part) bool {
	s := Shape(p)
	return s == nil || slices.Contains(s.Verbs, "rollback")
}

// rest notes whether the session is outside of any transaction, with everything
// answered: what has changed stays as it is from then on.
func (d *Drift) rest(outside bool) {
	if outside && d.open {
		d.age, d.open = d.age+1, false
	}
}

// Mark gives c with the age of the session, for texts that are read now: a server
// reads the literals of a prepared text when it is prepared.
func (d *Drift) Mark(c *sql.Conversation, outside bool) *sql.Conversation {
	if d.rest(outside); c == nil || c.Age == d.age {
		return c
	}
	marked := *c
	marked.Age = d.age
	return &marked
}

// Key tells the session, as it stands now, from every other, by its own key; nil
// where a text means what it means at the beginning. Where a change may be taken
// back, nothing is like the action of this id.
func (d *Drift) Key(outside bool, own []byte, id string) []byte {
	d.rest(outside)
	if !d.Shifted() {
		return nil
	}
	key := binary.BigEndian.AppendUint64(slices.Clone(own), d.age)
	if d.open {
		key = append(key, id...)
	}
	return key
}
