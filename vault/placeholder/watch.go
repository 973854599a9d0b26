package placeholder

import "slices"

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
	tail  []byte   // the last bytes that were looked at, as far as a placeholder may begin there
	token []byte   // of what was seen, while it may go on
	told  []string // since the last End
}

const (
	// longest bounds what is read of a placeholder; none that is made is as long.
	longest = 256
	// mostTold bounds how many a Stream tells of until its End.
	mostTold = 8
)

// Stream begins to look in a place. Until its End it raises one alarm for each
// placeholder, and no more than a few.
func (w *Watch) Stream(where string) Stream { return Stream{w: w, where: where} }

// Pass looks at the next piece, which it neither changes nor keeps.
func (s *Stream) Pass(p []byte) {
	for s.w != nil && len(p) > 0 && len(s.told) < mostTold {
		if len(s.token) > 0 {
			p = s.goOn(p)
		} else {
			p = s.look(p)
		}
	}
}

// End says that what was looked at is whole: what may come is something else.
func (s *Stream) End() {
	s.raise()
	s.told = s.told[:0]
}

// look looks at p up to the first placeholder, and gives what stands behind it.
func (s *Stream) look(p []byte) (rest []byte) {
	reach := s.w.maker.Longest() - 1
	near := p[:min(len(p), reach)]
	seam := append(s.tail, near...)
	from, to, ok := s.w.maker.place(seam)
	if ok {
		s.see(seam[from:to], to < len(seam))
		to -= len(s.tail)
	} else if len(p) > len(near) {
		if from, to, ok = s.w.maker.place(p); ok {
			s.see(p[from:to], to < len(p))
		}
	}
	if ok {
		s.tail = s.tail[:0]
		return p[to:]
	}
	if len(p) >= reach {
		seam = p
	}
	s.tail = append(s.tail[:0], seam[max(0, len(seam)-reach):]...)
	return nil
}

// see takes a placeholder, or what came of it.
func (s *Stream) see(token []byte, whole bool) {
	if s.token = append(s.token, token...); whole {
		s.raise()
	}
}

// goOn reads more of a placeholder that was seen: its end says whose it is.
func (s *Stream) goOn(p []byte) (rest []byte) {
	n := min(words(p), max(0, longest-len(s.token)))
	s.token = append(s.token, p[:n]...)
	if n < len(p) || len(s.token) >= longest {
		s.raise()
	}
	return p[n:]
}

// raise tells of what was seen, unless it was told of.
func (s *Stream) raise() {
	token := string(s.token[:min(len(s.token), longest)])
	if s.token = s.token[:0]; token != "" && !slices.Contains(s.told, token) {
		s.told = append(s.told, token)
		s.w.Raise(token, s.where)
	}
}
