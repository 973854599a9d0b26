package placeholder

// A Watch is what is looked for on the way of one agent to one service. Nil looks for
// nothing.
type Watch struct {
	maker *Maker
	own   map[string]string // what the agent may show there, and which variable it is of
	slots map[string]bool   // where else than in the usual fields: "header X-Key"
	alarm func(Sighting)
}

// A Sighting is a placeholder where it does not belong.
type Sighting struct {
	Token string // what of it can be read
	Where string // "header X-Note", "path", "query", "body"
}

// Watch looks for placeholders of m. The agent may show those in own, whose values
// are variables, "" where it is of no use there; slots are where the service wants
// them. Each sighting is given to alarm, from the goroutine that serves the agent.
func (m *Maker) Watch(own map[string]string, slots []string, alarm func(Sighting)) *Watch {
	w := &Watch{maker: m, own: own, slots: make(map[string]bool, len(slots)), alarm: alarm}
	for _, s := range slots {
		w.slots[s] = true
	}
	return w
}

// In reports whether a placeholder stands in s.
func (w *Watch) In(s string) (token string, ok bool) {
	if w == nil {
		return "", false
	}
	return w.maker.In([]byte(s))
}

// Own gives the variable that value is the agent's placeholder of.
func (w *Watch) Own(value string) (variable string, ok bool) {
	variable, ok = w.own[value]
	return variable, ok
}

// Declared reports whether the service wants a placeholder in a slot.
func (w *Watch) Declared(slot string) bool { return w.slots[slot] }

// Raise tells of a placeholder that does not belong where it stands.
func (w *Watch) Raise(token, where string) { w.alarm(Sighting{Token: token, Where: where}) }

// A Stream looks for placeholders in what passes in pieces. Its zero value, and that
// of a nil Watch, looks for nothing.
type Stream struct {
	w     *Watch
	where string
	tail  []byte
	seen  bool
	token []byte // of what was seen, while it may go on
}

// longest bounds what is read of a placeholder; none that is made is as long.
const longest = 256

// Stream begins to look in a place; it raises at most one alarm until its End.
func (w *Watch) Stream(where string) Stream { return Stream{w: w, where: where} }

// Pass looks at the next piece, which it neither changes nor keeps.
func (s *Stream) Pass(p []byte) {
	if s.w == nil || len(p) == 0 {
		return
	}
	if len(s.token) > 0 {
		s.goOn(p)
		return
	}
	if s.seen {
		return
	}
	reach := s.w.maker.Longest() - 1
	near := p[:min(len(p), reach)]
	s.look(append(s.tail, near...), p[len(near):]) // what stands across the seam
	if len(p) > len(near) {
		s.look(p, nil)
	}
	if len(p) >= reach {
		s.tail = append(s.tail[:0], p[len(p)-reach:]...)
		return
	}
	s.tail = append(s.tail, p...)
	s.tail = s.tail[max(0, len(s.tail)-reach):]
}

// End says that what was looked at is whole: what may come is something else.
func (s *Stream) End() {
	s.raise()
	if s.seen {
		s.seen, s.tail = false, s.tail[:0]
	}
}

// look looks at b, behind which rest stands.
func (s *Stream) look(b, rest []byte) {
	if s.seen {
		return
	}
	from, to, ok := s.w.maker.place(b)
	if !ok {
		return
	}
	s.seen, s.token = true, append(s.token, b[from:to]...)
	if to < len(b) {
		s.raise()
		return
	}
	s.goOn(rest)
}

// goOn reads more of a placeholder that was seen: its end says whose it is.
func (s *Stream) goOn(p []byte) {
	n := words(p)
	s.token = append(s.token, p[:n]...)
	if n < len(p) || len(s.token) >= longest {
		s.raise()
	}
}

// raise tells of what was seen.
func (s *Stream) raise() {
	if len(s.token) > 0 {
		s.w.Raise(string(s.token[:min(len(s.token), longest)]), s.where)
		s.token = s.token[:0]
	}
}
