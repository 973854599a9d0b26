package ledger

// An Event is what a message of the server means for what is under way.
type Event struct {
	Type   byte   // of the message
	Text   string // tag of a CommandComplete, SQLSTATE of an error
	Status byte   // of ReadyForQuery; the format of the data that a CopyInResponse asks for
	// Rows and Bytes came since the event before.
	Rows, Bytes int64
}

// Hear takes an event in and adds the actions that are over by it to out.
func (l *Ledger) Hear(ev Event, out []Outcome) []Outcome {
	out = l.hear(ev, out)
	if ev.Type == 'Z' && l.Rest != nil && l.Idle() {
		l.Rest()
	}
	return out
}

func (l *Ledger) hear(ev Event, out []Outcome) []Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.running(); r != nil {
		r.Rows += ev.Rows
		r.Received += ev.Bytes
	}
	switch ev.Type {
	case 'Z':
		out = l.ready(ev.Status, out)
	case 'E':
		out = l.fail(ev.Text, out)
	case 'C', 'I', 's', 'V':
		out = l.complete(ev, out)
	case '1', '2', '3', 'T', 'n':
		out = l.confirm(ev.Type, out)
	case 'G':
		l.copyIn, l.binary = true, ev.Status != 0
		l.copies++
	}
	l.changed.Broadcast()
	return out
}

// ready ends everything up to the fence that ReadyForQuery answers.
func (l *Ledger) ready(status byte, out []Outcome) []Outcome {
	l.copyIn = false
	for l.first < len(l.items) {
		it := l.pop()
		if it.Kind < Sync {
			out = l.skip(&it, out)
			continue
		}
		l.answered++
		out = it.close(out)
		break
	}
	l.status = status
	if status == 'I' {
		out = l.endPortals(out)
		l.endCursors()
		l.saved = l.saved && l.savedAt >= l.answered
	}
	if l.first == len(l.items) {
		l.hot = false
		l.confirmed = l.reported
	}
	return out
}

// endPortals forgets the portals of a transaction that is over.
func (l *Ledger) endPortals(out []Outcome) []Outcome {
	for name, p := range l.portals {
		if p.pending || p.segment >= l.answered {
			continue
		}
		delete(l.portals, name)
		out = p.over(out)
	}
	return out
}

// fail gives an error to what the server works on. In the extended protocol all
// that follows up to the next Sync is skipped, simple queries too.
func (l *Ledger) fail(code string, out []Outcome) []Outcome {
	l.copyIn = false
	l.failures++
	if l.first == len(l.items) {
		return out
	}
	if r := l.running(); r != nil {
		r.Status, r.Failed = code, true
	}
	if l.items[l.first].Kind >= Sync {
		return out
	}
	for l.first < len(l.items) && l.items[l.first].Kind != Sync {
		it := l.pop()
		if it.Kind == Execute && it.Portal != nil && it.Portal.result.Failed {
			out = it.Portal.over(out)
			continue
		}
		if it.Kind == Bind && it.Portal != nil && it.result.Failed {
			it.Portal.result.Status, it.Portal.result.Failed = it.result.Status, true
		}
		out = l.skip(&it, out)
	}
	if l.failed = l.first == len(l.items); l.failed {
		l.stage = none
	}
	return out
}

// complete ends a command. A Query may hold several and ends with its fence.
func (l *Ledger) complete(ev Event, out []Outcome) []Outcome {
	l.copyIn = false
	if l.first == len(l.items) {
		return out
	}
	it := &l.items[l.first]
	if ev.Type == 'C' {
		l.forget(it.Forgets, ev.Text, it.seq)
		l.close(it.Closes, ev.Text, it.seq)
	}
	if it.Kind > Sync {
		l.completed++
		it.result.Status = ev.Text
		return out
	}
	if it.Kind != Execute {
		return out
	}
	done := l.pop()
	p := done.Portal
	if p == nil {
		done.result.Status = ev.Text
		return done.close(out)
	}
	p.result.Status = ev.Text
	if ev.Type == 's' {
		return out
	}
	return p.over(out)
}

// confirm ends a message that only prepares.
func (l *Ledger) confirm(typ byte, out []Outcome) []Outcome {
	if l.first == len(l.items) || l.items[l.first].Kind != answers(typ) {
		return out // the description of a simple query's rows
	}
	it := l.pop()
	if it.Statement != nil {
		l.settle(it.Statement)
	}
	switch {
	case it.Portal == nil:
	case it.Kind == Bind:
		it.Portal.pending = false
		for prev := it.Portal.prev; prev != nil; prev = prev.prev {
			out = prev.over(out)
		}
		it.Portal.prev = nil
	case it.Kind == Close:
		if l.portals[it.Portal.Name] == it.Portal {
			delete(l.portals, it.Portal.Name)
		}
		out = it.Portal.over(out)
	}
	return out
}

func answers(typ byte) Kind {
	switch typ {
	case '1':
		return Parse
	case '2':
		return Bind
	case '3':
		return Close
	}
	return Describe
}

// skip undoes what an item had entered: the server will not act on it.
func (l *Ledger) skip(it *Item, out []Outcome) []Outcome {
	if it.Kind >= Sync {
		l.answered++
	}
	if !it.result.Failed {
		it.result.Status, it.result.Failed = "skipped", true
	}
	out = it.close(out)
	if it.Statement != nil {
		l.strike(it.Statement)
	}
	if it.Kind == Bind && it.Portal != nil {
		l.unbind(it.Portal)
		if it.Portal.result.Status == "" {
			it.Portal.result.Status = "skipped"
		}
		out = it.Portal.over(out)
	}
	return out
}

// unbind gives a portal's name back to what it stood for before.
func (l *Ledger) unbind(p *Portal) {
	top := l.portals[p.Name]
	if top == p {
		if p.prev == nil {
			delete(l.portals, p.Name)
		} else {
			l.portals[p.Name] = p.prev
		}
		return
	}
	for ; top != nil; top = top.prev {
		if top.prev == p {
			top.prev = p.prev
			return
		}
	}
}

func (l *Ledger) pop() Item {
	it := l.items[l.first]
	l.items[l.first] = Item{}
	l.first++
	l.popped++
	if l.first == len(l.items) {
		l.items, l.first = l.items[:0], 0
	}
	return it
}

// Substituted gives what stands for the message the server works on, if it was
// refused.
func (l *Ledger) Substituted() *Refused {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == len(l.items) {
		return nil
	}
	return l.items[l.first].Refused
}

// Counted gives the rows and bytes that the running action has had so far.
func (l *Ledger) Counted() (rows, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.running(); r != nil {
		return r.Rows, r.Received
	}
	return 0, 0
}

// Report takes in a ParameterStatus.
func (l *Ledger) Report(name, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reported.Report(name, value)
}

// Last reports whether nothing but a fence follows what the server works on.
func (l *Ledger) Last() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.first == len(l.items):
		return true
	case l.items[l.first].Kind >= Sync, l.first+1 == len(l.items):
		return true
	}
	return l.items[l.first+1].Kind == Sync
}
