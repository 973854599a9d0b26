package ledger

import (
	"context"
	"strings"

	"sallyport.dev/sallyport/action"
)

// maxNames bounds the prepared statements of a session.
const maxNames = 10_000

// prepared is what a PREPARE in SQL may have made.
type prepared struct {
	seq   uint64
	parts []action.Part
}

// Crowded reports whether the session has as many names as it may have.
func (l *Ledger) Crowded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names >= maxNames
}

// Statement gives what a Bind of this name will run, nil if that is not known. A
// Parse of the same pipeline counts at once, because if it fails the Bind is
// skipped too; one before a Sync is waited for.
func (l *Ledger) Statement(ctx context.Context, name string) (*Statement, error) {
	var last *Statement
	err := l.wait(ctx, func() bool {
		last = nil
		list := l.statements[name]
		if len(list) == 0 {
			return true
		}
		last = list[len(list)-1]
		return !last.pending || last.segment == l.segment
	})
	if err != nil || last == nil || last.gone {
		return nil, err
	}
	return last, nil
}

// Stands gives what the name of a statement will stand for when the server comes to
// the next message; nil if that is not known. It waits for nothing.
func (l *Ledger) Stands(name string) *Statement {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.statements[name]
	if len(list) == 0 || list[len(list)-1].gone {
		return nil
	}
	return list[len(list)-1]
}

// Describe takes in the types that the server says the parameters have of the
// statement which is being described.
func (l *Ledger) Describe(types []uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first < len(l.items) && l.items[l.first].Describes != nil {
		l.items[l.first].Describes.Types = types
	}
}

// TypesOf gives the types of a statement's parameters, as far as they are known.
func (l *Ledger) TypesOf(s *Statement) []uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return s.Types
}

// Portal gives what an Execute of this name will run, nil if that is not known.
func (l *Ledger) Portal(ctx context.Context, name string) (*Portal, error) {
	var p *Portal
	err := l.wait(ctx, func() bool {
		p = l.portals[name]
		return p == nil || !p.pending || p.segment == l.segment
	})
	return p, err
}

// Prepared reports whether SQL may have made a statement of this name.
func (l *Ledger) Prepared(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.prepared[name]) > 0
}

// Named gives the parts of all that may stand behind a name in SQL's EXECUTE:
// confirmed or under way, by Parse or by PREPARE.
func (l *Ledger) Named(name string) []action.Part {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []action.Part
	for _, s := range l.statements[name] {
		all = append(all, s.Parts...)
	}
	for _, p := range l.prepared[name] {
		all = append(all, p.parts...)
	}
	return all
}

// Prepare notes that SQL is about to make a prepared statement. Whether it
// succeeds is not followed: a name stands for all it may stand for, until the
// server says that it is deallocated.
func (l *Ledger) Prepare(name string, parts []action.Part) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.prepared == nil {
		l.prepared = make(map[string][]prepared)
	}
	l.prepared[name] = append(l.prepared[name], prepared{l.pushed, parts})
	l.names++
}

// forget takes out what the server says it has deallocated, as of item seq.
func (l *Ledger) forget(name, tag string, seq uint64) {
	switch {
	case name == "":
	case name == "*" && (tag == "DEALLOCATE ALL" || tag == "DISCARD ALL"):
		for n := range l.prepared {
			l.unprepare(n, seq)
		}
		for n := range l.statements {
			l.unparse(n)
		}
	case name != "*" && strings.HasPrefix(tag, "DEALLOCATE"):
		l.unprepare(name, seq)
		l.unparse(name)
	}
}

func (l *Ledger) unprepare(name string, seq uint64) {
	list := l.prepared[name]
	for len(list) > 0 && list[0].seq < seq {
		list = list[1:]
		l.names--
	}
	if len(list) == 0 {
		delete(l.prepared, name)
		return
	}
	l.prepared[name] = list
}

// unparse forgets the confirmed statement of a name.
func (l *Ledger) unparse(name string) {
	if list := l.statements[name]; len(list) > 0 && !list[0].pending {
		l.drop(name, list[1:], 1)
	}
}

// settle is the server's yes to a Parse or to a Close: what stood before is gone.
func (l *Ledger) settle(s *Statement) {
	list := l.statements[s.Name]
	for i, other := range list {
		if other != s {
			continue
		}
		s.pending = false
		if s.gone {
			i++
		}
		l.drop(s.Name, list[i:], i)
		return
	}
}

// strike takes out a Parse or a Close that did not happen.
func (l *Ledger) strike(s *Statement) {
	list := l.statements[s.Name]
	for i, other := range list {
		if other == s {
			rest := append(append([]*Statement(nil), list[:i]...), list[i+1:]...)
			l.drop(s.Name, rest, 1)
			return
		}
	}
}

func (l *Ledger) drop(name string, rest []*Statement, n int) {
	l.names -= n
	if len(rest) == 0 {
		delete(l.statements, name)
		return
	}
	l.statements[name] = rest
}

// Report notes what a ParameterStatus says, if texts are read by it.
func (s *Settings) Report(name, value string) {
	switch name {
	case "standard_conforming_strings":
		s.StandardStrings = value == "on"
	case "client_encoding":
		s.UTF8 = value == "UTF8"
	case "search_path":
		s.SearchPath = splitPath(value)
	}
	if i := telling(name); i < tellings {
		s.told[i] = value
	}
}

// tellings is how many settings that a server reports give a text its meaning,
// beside those that it is read by.
const tellings = 5

// telling numbers them; tellings is any other.
func telling(name string) int {
	switch name {
	case "DateStyle":
		return 0
	case "IntervalStyle":
		return 1
	case "TimeZone":
		return 2
	case "search_path": // since PostgreSQL 18
		return 3
	case "session_authorization":
		return 4
	}
	return tellings
}

// Told gives what the server last said of the settings by which it takes a text one
// way or another: the defaults of a role or a database are in no start-up packet.
func (l *Ledger) Told() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.reported.told[:]...)
}

// splitPath splits a search_path of plain names; anything quoted is not known.
func splitPath(value string) []string {
	if strings.ContainsAny(value, `"`) && value != `"$user", public` {
		return nil
	}
	var path []string
	for name := range strings.SplitSeq(value, ",") {
		path = append(path, strings.Trim(strings.TrimSpace(name), `"`))
	}
	return path
}

// Bound gives the portal that a name stands for now, nil if there is none.
func (l *Ledger) Bound(name string) *Portal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.portals[name]
}
