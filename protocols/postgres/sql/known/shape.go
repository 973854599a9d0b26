// Package known holds what the gateway knows of PostgreSQL by heart: what each
// kind of statement does, which functions and settings are harmless, and the
// Shape in which the reading of a statement is told. It reads no statements.
package known

import "sallyport.dev/sallyport/action"

// A Shape is what a statement does whatever its literals are. It is immutable.
type Shape struct {
	Verb      string   `json:"verb"`
	Verbs     []string `json:"verbs"`
	Tables    []string `json:"tables,omitempty"`
	Reads     []string `json:"reads,omitempty"`
	Writes    []string `json:"writes,omitempty"`
	Columns   []string `json:"columns,omitempty"`
	Functions []string `json:"functions,omitempty"`
	HasWhere  bool     `json:"has_where"`            // every UPDATE, DELETE and MERGE is bound; also true if there is none
	Limit     Limit    `json:"limit,omitempty"`      // of the outermost query
	LimitAt   int      `json:"limit_at,omitempty"`   // Limit is LimitParam: the number of its parameter
	Opaque    bool     `json:"opaque,omitempty"`     // runs code or touches tables that the text does not show
	MaxParam  int      `json:"max_param,omitempty"`  // highest $n
	Settings  []string `json:"settings,omitempty"`   // SET, RESET: names in lower case; "*" for all
	ReadWrite bool     `json:"read_write,omitempty"` // asks for transactions that may write: BEGIN READ WRITE
	Sets      []Set    `json:"-"`                    // what each of Settings is set to, those of set_config too

	Class      string   `json:"class,omitempty"`             // one of Classes
	ReadOnly   bool     `json:"read_only,omitempty"`         // it provably does nothing but read
	Changed    []string `json:"columns_written,omitempty"`   // columns that are given values
	Flagged    []string `json:"functions_flagged,omitempty"` // those of Functions that act
	Unlisted   []string `json:"functions_unknown,omitempty"` // those of Functions that nothing classifies
	Locks      []string `json:"locks,omitempty"`             // what it locks on purpose: rows, tables, numbers
	LimitRows  int64    `json:"limit_rows,omitempty"`        // Limit is LimitConst and LimitExact: how many
	LimitExact bool     `json:"limit_exact,omitempty"`
	InnerDML   bool     `json:"cte_dml,omitempty"`         // a WITH query changes data
	Analyzes   bool     `json:"explain_analyze,omitempty"` // an EXPLAIN that runs its statement
	CopyFrom   bool     `json:"copy_from,omitempty"`
	CopyTarget string   `json:"copy_target,omitempty"` // "stdin", "stdout", "file" or "program"; "" for no COPY

	// Normalized is the text without its values and Fingerprint its digest, see
	// lex.Normal. They are not recorded, being made of the text.
	Normalized, Fingerprint string `json:"-"`
	Verbatim                bool   `json:"verbatim,omitempty"` // constants are no values: they stay in both

	// What the wire needs to follow the session.
	Prepares    string   `json:"prepares,omitempty"`    // PREPARE: the name
	Executes    string   `json:"executes,omitempty"`    // EXECUTE: the name, also inside EXPLAIN and CREATE TABLE AS
	Given       []string `json:"-"`                     // to it, in text form, "" for NULL; nil: nothing, or not all is constant
	Deallocates string   `json:"deallocates,omitempty"` // DEALLOCATE: the name; "*" for all, as DISCARD ALL does
	Declares    []string `json:"-"`                     // DECLARE: the cursor
	Keeps       bool     `json:"-"`                     // it outlives its transaction: WITH HOLD
	Fetches     []string `json:"-"`                     // FETCH, MOVE: the cursor or portal
	Closes      string   `json:"-"`                     // CLOSE: the cursor; "*" for all, as DISCARD ALL does
	CopyIn      bool     `json:"copy_in,omitempty"`     // COPY FROM STDIN: the agent's data follow
	CopyOut     bool     `json:"copy_out,omitempty"`    // COPY TO STDOUT

	// Of a statement that executes another: what it does beside that.
	Bare       action.Effects `json:"-"`
	BareOpaque bool           `json:"-"`
}

// A Set gives one setting a value, now or for sessions to come.
type Set struct {
	Name  string   // in lower case; "*" for all, or for one that the text does not name
	Value string   // meaningless unless Known
	Known bool     // the text says the value
	List  []string // SET: the names or values, of which there may be several; nil unless the text says all
	Local bool     // for the transaction at most
	Reset bool     // back to what the session began with
}

// A Limit says what is known of a LIMIT.
type Limit string

// The limits; "" is none.
const (
	LimitConst Limit = "const"
	LimitParam Limit = "param"   // a parameter, which may be NULL
	LimitExpr  Limit = "unknown" // any other expression
)

// Lists gives every list of names.
func (s *Shape) Lists() [11][]string {
	return [...][]string{
		s.Verbs, s.Tables, s.Reads, s.Writes, s.Columns, s.Functions, s.Settings, s.Changed, s.Flagged, s.Unlisted, s.Locks,
	}
}
