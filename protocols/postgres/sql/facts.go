package sql

import "sallyport.dev/sallyport/action"

// Facts are what the rules may know about one statement. The Shape is shared by
// every call of the same statement with other literals; the rest is the call's.
type Facts struct {
	*Shape
	Text       string `json:"text"`
	Database   string `json:"database,omitempty"`
	User       string `json:"user,omitempty"`
	Statements int    `json:"statements"` // in the message
	// Params are the values that Bind gave, in text form, "" for NULL; nil while
	// they are not known. The wire sets them on its own copy of the Facts.
	Params []string `json:"params,omitempty"`
}

// A Shape is what a statement does whatever its literals are. It is immutable.
type Shape struct {
	Verb      string   `json:"verb"`
	Verbs     []string `json:"verbs"`
	Tables    []string `json:"tables,omitempty"`
	Reads     []string `json:"reads,omitempty"`
	Writes    []string `json:"writes,omitempty"`
	Columns   []string `json:"columns,omitempty"`
	Functions []string `json:"functions,omitempty"`
	HasWhere  bool     `json:"has_where"` // every UPDATE, DELETE and MERGE is bound; also true if there is none
	HasLimit  bool     `json:"has_limit"`
	// Opaque statements run code or name tables that the text does not show: what
	// they touch is unknown.
	Opaque   bool `json:"opaque,omitempty"`
	MaxParam int  `json:"max_param,omitempty"` // highest $n

	// What the wire needs to follow the session.
	Prepares    string   `json:"prepares,omitempty"`    // PREPARE name
	Executes    string   `json:"executes,omitempty"`    // EXECUTE name, also inside EXPLAIN and CREATE TABLE AS
	Deallocates string   `json:"deallocates,omitempty"` // DEALLOCATE name, "*" for all (DISCARD ALL too)
	Settings    []string `json:"settings,omitempty"`    // SET, RESET: names, lower case; "*" for RESET ALL
	ReadWrite   bool     `json:"read_write,omitempty"`  // asks for a transaction that may write (BEGIN READ WRITE ...)
	CopyIn      bool     `json:"copy_in,omitempty"`     // COPY FROM STDIN: the agent's data follow
	CopyOut     bool     `json:"copy_out,omitempty"`    // COPY TO STDOUT
}

// FactTable tells the rules about the facts of PostgreSQL.
func FactTable() action.FactTable {
	return action.FactTable{Protocol: "postgres", New: func() action.Facts { return new(Facts) }}
}
