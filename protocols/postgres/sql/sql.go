// Package sql reads PostgreSQL statements as the server would, with the server's
// own grammar, and says what each of them does in the words of the rules. Parse
// is its one door: what it cannot read for certain is an error, and an error
// means that the text must not reach a server. It never talks to a server and
// decides nothing.
package sql

import (
	"sync/atomic"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
)

// A Session is what the wire knows for certain about the conversation that a
// text belongs to. StandardStrings and UTF8 are the server's own word
// (ParameterStatus), heard while nothing was outstanding.
type Session struct {
	Agent string          // whose turn at the grammar a text takes
	Done  <-chan struct{} // nobody waits for an answer any more; nil: never

	*Conversation        // nil: nothing is known of it
	Protocol      string // how the text comes: "simple", "extended" or "function"

	StandardStrings bool     // standard_conforming_strings is on
	UTF8            bool     // client_encoding is UTF8
	SearchPath      []string // nil: not known, the server's default
	Major           int      // of the server's version; 0: not known
	// LocalNames: the database has another encoding than UTF8 and reads names its
	// own way, as to length and case.
	LocalNames bool
}

// An Analyzer turns texts into parts and remembers the shapes of those it has
// seen. It is safe for concurrent use; parts share their shape, so nobody
// changes one.
type Analyzer struct {
	cache     *cache
	functions *known.Functions

	fast, full, refused atomic.Uint64
}

// Stats counts texts by the way they were read, each once.
type Stats struct {
	Template uint64 // known but for their constants
	Exact    uint64 // known word for word
	Fast     uint64 // not known, and plain enough for the grammar's summary
	Full     uint64 // not known: the whole tree was walked
	Refused  uint64
}

// Stats gives the counts since the Analyzer was made.
func (a *Analyzer) Stats() Stats {
	s := Stats{Fast: a.fast.Load(), Full: a.full.Load(), Refused: a.refused.Load()}
	s.Template, s.Exact = a.cache.hits()
	return s
}

// New makes an Analyzer whose cache holds at most about maxCacheBytes; 0 caches
// nothing.
func New(maxCacheBytes int) *Analyzer {
	return &Analyzer{cache: newCache(maxCacheBytes), functions: known.NewFunctions()}
}

// Parse gives one part per statement of text, in order; a text without a
// statement is one part that does nothing. An error is a sentence for the agent:
// the text must be refused. The time it takes is bounded by the size and the
// depth of text (maxText, lex.CheckDepth): about two seconds on one core at worst.
func (a *Analyzer) Parse(text string, s *Session) ([]action.Part, error) {
	if s == nil {
		s = new(Session)
	}
	if err := check(text, s); err != nil {
		a.refused.Add(1)
		return nil, err
	}
	server := known.Server{Major: s.Major, CatalogFirst: catalogFirst(s.SearchPath)}
	mode := modeOf(server)
	var buf [stackKey]byte
	if key, ok := lex.Template(append(buf[:0], templateKey, mode), lex.WithoutTrailer(text)); ok {
		if e := a.cache.get(key); e != nil {
			return e.parts(text, s), nil
		}
	}
	e, err := a.parseMiss(text, s, server)
	if err != nil {
		a.refused.Add(1)
		return nil, err
	}
	return e.parts(text, s), nil
}

// maxExact bounds a text that is kept word for word.
const maxExact = 8 << 10

// stackKey is the length of a cache key up to which a hit allocates nothing but
// its parts.
const stackKey = 1024

// parseMiss reads a text whose template is not known, or that has none.
func (a *Analyzer) parseMiss(text string, s *Session, server known.Server) (*entry, error) {
	mode := modeOf(server)
	var exact []byte
	if len(text) <= maxExact {
		exact = append(append(make([]byte, 0, len(text)+2), exactKey, mode), text...)
		if e := a.cache.get(exact); e != nil {
			return e, nil
		}
	}
	tokens, err := lex.CheckDepth(text)
	if err != nil {
		return nil, err
	}
	e, err := a.grammar(text, tokens, s, server)
	if err != nil {
		return nil, err
	}
	e.normalize(text)
	a.remember(e, text, mode, exact)
	return e, nil
}

// grammar reads a text that no cache knows: by the summary if it is plain enough,
// else by a walk over its whole tree.
func (a *Analyzer) grammar(text string, tokens int, s *Session, server known.Server) (*entry, error) {
	e, err := a.readPlain(text, tokens, s)
	if e != nil {
		a.fast.Add(1)
	}
	if e != nil || err != nil {
		return e, err
	}
	if e, err = a.read(text, tokens, s, server); err == nil {
		a.full.Add(1)
	}
	return e, err
}

func (a *Analyzer) remember(e *entry, text string, mode byte, exact []byte) {
	if e.literalFree {
		if key, ok := lex.Template([]byte{templateKey, mode}, lex.WithoutTrailer(text)); ok {
			a.cache.put(key, e)
			return
		}
	}
	if exact != nil {
		a.cache.put(exact, e)
	}
}

// An entry is all that is remembered of a text.
type entry struct {
	stmts []statement
	// literalFree: one statement whose shape does not depend on its literals.
	literalFree bool
}

// A statement is one of an entry; from and to are its place in the text.
type statement struct {
	shape    *Shape
	seal     *known.Seal
	effects  action.Effects
	control  bool
	from, to int
}

// normalize tells every shape its text without values.
func (e *entry) normalize(text string) {
	for i := range e.stmts {
		st := &e.stmts[i]
		st.shape.Normalized, st.shape.Fingerprint = lex.Normal(e.textOf(i, text), st.shape.Verbatim)
		st.seal, _ = known.NewSeal(st.shape) // what cannot be encoded is found out when it is recorded
	}
}

// textOf gives the text of one statement; that of a single one is the message.
func (e *entry) textOf(i int, text string) string {
	if len(e.stmts) == 1 {
		return text
	}
	return text[e.stmts[i].from:e.stmts[i].to]
}

// parts gives the parts of this very text. They share the entry's shapes.
func (e *entry) parts(text string, s *Session) []action.Part {
	if len(e.stmts) == 1 {
		one := &struct {
			part  [1]action.Part
			facts Facts
		}{}
		one.facts = facts(&e.stmts[0], text, s, 1)
		one.part[0] = e.stmts[0].part(&one.facts)
		return one.part[:]
	}
	all := make([]Facts, len(e.stmts))
	parts := make([]action.Part, len(e.stmts))
	for i := range e.stmts {
		st := &e.stmts[i]
		all[i] = facts(st, e.textOf(i, text), s, len(e.stmts))
		parts[i] = st.part(&all[i])
	}
	return parts
}

func (st *statement) part(f *Facts) action.Part {
	return action.Part{Facts: f, Effects: st.effects, Control: st.control}
}

func facts(st *statement, text string, s *Session, n int) Facts {
	return Facts{Shape: st.shape, seal: st.seal, Conversation: s.Conversation, Text: text, Statements: n, Protocol: s.Protocol}
}

// Verbs lists every verb that a statement may have.
func Verbs() []string { return known.Verbs() }

// LastMajor is the newest server whose functions are known.
const LastMajor = known.LastMajor

// Major gives the major version of a server_version such as "15.18 (Debian …)"
// or "18beta1"; 0 if it tells none.
func Major(version string) int {
	n := 0
	for i := 0; i < len(version) && version[i] >= '0' && version[i] <= '9' && n < 1000; i++ {
		n = 10*n + int(version[i]-'0')
	}
	return n
}

// modeOf gives what a cached reading depends on beside its text.
func modeOf(s known.Server) byte {
	mode := byte(max(0, min(s.Major, known.LastMajor))) << 1
	if s.CatalogFirst {
		mode |= 1
	}
	return mode
}

// catalogFirst reports whether the server's own functions come before all others
// of their name.
func catalogFirst(path []string) bool {
	for i, schema := range path {
		if schema == "pg_catalog" {
			return i == 0
		}
	}
	return true
}
