//go:build cgo

package sql

import (
	"errors"
	"fmt"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"
	"google.golang.org/protobuf/proto"
)

// maxStatements bounds the statements of one text.
const maxStatements = 5000

// grammar lets one text at a time into the C parser: it points file descriptor 2
// of the process at a pipe while it works, so that two at once could leave it
// there, and what is written to stderr meanwhile is lost. It is one for the
// process, as the descriptor is.
var grammar = newGate()

// Available reports why this build cannot read SQL; nil when it can.
func Available() error { return nil }

// errLeft means that nobody waits for the answer any more.
var errLeft = errors.New("the session ended before the statement was read")

// read parses text, of so many tokens, and walks its tree, in the agent's turn.
func (a *Analyzer) read(text string, tokens int, s *Session, server known.Server) (e *entry, err error) {
	var raw []byte
	passed := grammar.pass(caller{s.Agent, s.Done}, tokens, func() {
		raw, err = parser.ParseToProtobuf(text)
	}, func() {
		if err == nil {
			e, err = a.walk(text, raw, server)
			return
		}
		wrong := &SyntaxError{Message: shorten(err.Error())}
		var at *parser.Error
		if errors.As(err, &at) {
			wrong.Char = at.Cursorpos
		}
		err = wrong
	})
	if !passed {
		return nil, errLeft
	}
	return e, err
}

// readPlain reads a plain INSERT by the grammar's summary, which is made without
// handing the whole tree over; nil if it takes a walk.
func (a *Analyzer) readPlain(text string, tokens int, s *Session) (e *entry, err error) {
	insert, ok := lex.PlainInsert(text)
	if !ok {
		return nil, nil
	}
	var raw []byte
	passed := grammar.pass(caller{s.Agent, s.Done}, tokens, func() {
		raw, err = parser.SummaryToProtobuf(text, -1)
	}, func() {})
	if !passed {
		return nil, errLeft
	}
	sum := new(pgquery.SummaryResult)
	if err != nil || proto.Unmarshal(raw, sum) != nil {
		return nil, nil // the walk says what is wrong
	}
	found, ok := tree.Plain(&insert, sum)
	if !ok {
		return nil, nil
	}
	st := statement{shape: found.Shape, effects: found.Effects, control: found.Control}
	st.from, st.to = trim(text, 0, len(text))
	return &entry{stmts: []statement{st}, literalFree: true}, nil
}

// walk reads the tree of text as the C parser gives it.
func (a *Analyzer) walk(text string, raw []byte, server known.Server) (*entry, error) {
	parsed := new(pgquery.ParseResult)
	if err := proto.Unmarshal(raw, parsed); err != nil {
		return nil, fmt.Errorf("the statement does not parse as PostgreSQL: %s", shorten(err.Error()))
	}
	if len(parsed.Stmts) > maxStatements {
		return nil, fmt.Errorf("the message holds %d statements; at most %d can be checked at once", len(parsed.Stmts), maxStatements)
	}
	if len(parsed.Stmts) == 0 {
		shape := &Shape{Verb: "empty", Verbs: []string{"empty"}, HasWhere: true, Class: "session", ReadOnly: true}
		return &entry{stmts: []statement{{shape: shape, effects: action.EffectRead, control: true, to: len(text)}}}, nil
	}
	e := &entry{stmts: make([]statement, 0, len(parsed.Stmts))}
	for _, raw := range parsed.Stmts {
		found, err := tree.Walk(raw, a.functions, server)
		if err != nil {
			return nil, err
		}
		from, to := int(raw.StmtLocation), len(text)
		if raw.StmtLen > 0 {
			to = from + int(raw.StmtLen)
		}
		if from < 0 || from > to || to > len(text) {
			return nil, fmt.Errorf("the statement's place in the message is unclear")
		}
		st := statement{shape: found.Shape, effects: found.Effects, control: found.Control}
		st.from, st.to = trim(text, from, to)
		st.shape.Verbatim = found.Literal || !literalFree(raw.Stmt)
		e.stmts = append(e.stmts, st)
		e.literalFree = len(parsed.Stmts) == 1 && !st.shape.Verbatim
	}
	return e, nil
}

// literalFree reports whether no literal changes what the statement does. In
// plain DML a literal is a value. Elsewhere it may be code, a path or a setting:
// DO '…', COPY FROM '…', EXPLAIN (ANALYZE 0).
func literalFree(stmt *pgquery.Node) bool {
	switch stmt.GetNode().(type) {
	case *pgquery.Node_SelectStmt, *pgquery.Node_InsertStmt, *pgquery.Node_UpdateStmt, *pgquery.Node_DeleteStmt, *pgquery.Node_MergeStmt:
		return true
	}
	return false
}

// maxReason bounds what of the grammar's complaint is handed on.
const maxReason = 200

func shorten(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + "…"
	}
	return s
}

func trim(text string, from, to int) (int, int) {
	for from < to && lex.IsSpace(text[from]) {
		from++
	}
	for from < to && lex.IsSpace(text[to-1]) {
		to--
	}
	return from, to
}
