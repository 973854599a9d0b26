package sql

import (
	"encoding/json"
	"fmt"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
)

// Facts are what the rules may know about one statement. The Shape is shared by
// every call of the same statement with other literals, the Conversation by all of
// a session; the rest is the call's.
type Facts struct {
	*Shape
	*Conversation
	Text       string `json:"text"`
	Statements int    `json:"statements"`         // in the message
	Protocol   string `json:"protocol,omitempty"` // "simple", "extended" or "function"
	// Params are the values that Bind or EXECUTE gave, in text form, "" for NULL; nil
	// while they are not known. The wire sets those of Bind on its own copy of the Facts.
	Params []string `json:"params,omitempty"`
	// Withheld is, in facts that were read back for somebody who may not read Params, how
	// many there are: what depends on them is not told.
	Withheld int `json:"params_withheld,omitempty"`
	// Unbound says that a Bind will give Params: what depends on them is told then.
	Unbound bool `json:"-"`
	// Catalog says whether the names of the Shape are the server's; Expanded are the
	// tables that they come down to.
	Catalog  Catalog     `json:"catalog,omitempty"`
	Expanded []string    `json:"tables_expanded,omitempty"`
	seal     *known.Seal // of the Shape that the statement was read as; nil: none
	// Literals are made of Text where a rule reads them; nil before.
	Literals *Literals `json:"-"`
}

// A Conversation is what is known of a session as a whole. It is immutable.
type Conversation struct {
	Database      string `json:"database,omitempty"`
	User          string `json:"user,omitempty"`             // as the agent names it
	Role          string `json:"role,omitempty"`             // the account on the server
	Application   string `json:"application_name,omitempty"` // as the agent calls itself at the start
	ServerVersion string `json:"server_version,omitempty"`
	Age           uint64 `json:"-"` // of what texts mean in the session, see statement.Drift
}

// A Shape is what a statement does whatever its literals are.
type Shape = known.Shape

// UnmarshalJSON reads recorded facts back, and makes again what is made of the text.
func (f *Facts) UnmarshalJSON(raw []byte) error {
	type recorded Facts
	if err := json.Unmarshal(raw, (*recorded)(f)); err != nil {
		return fmt.Errorf("facts of a statement: %w", err)
	}
	f.Unbound = f.Withheld > 0
	if f.Shape != nil {
		f.Normalized, f.Fingerprint = lex.Normal(f.Text, f.Verbatim)
		f.Literals = literalsOf(f.Text)
	}
	return nil
}

// FactTable tells the rules about the facts of PostgreSQL.
func FactTable() action.FactTable {
	facts := append(shapeFacts(), moreFacts()...)
	return action.FactTable{Protocol: "postgres", New: func() action.Facts { return new(Facts) }, Facts: append(facts, callFacts()...)}
}

// shapeFacts are about what a statement does.
func shapeFacts() []action.FactSpec {
	return []action.FactSpec{
		action.Str("sql.verb", "What the statement is, in small letters: "+strings.Join(known.Verbs(), " ")+".", 0,
			func(f *Facts) (string, action.State) {
				if f.Shape == nil {
					return "", action.Unknown
				}
				return f.Verb, action.Known
			}),
		names("sql.verbs", "Every verb the statement carries out, those of statements inside it too.", false,
			func(s *Shape) []string { return s.Verbs }),
		names("sql.tables", "Every table named, as schema.name, or as name where the text names no schema: "+
			"then it may be of any schema. Names that hold a dot, star or quote stand in double quotes. "+
			"schema.* stands for every table of a schema.", true,
			func(s *Shape) []string { return s.Tables }),
		names("sql.reads", "Tables whose rows are read; the target of UPDATE, DELETE and MERGE is one if WHERE, ON or RETURNING reads it.", true,
			func(s *Shape) []string { return s.Reads }),
		names("sql.writes", "Tables that are changed or locked.", true,
			func(s *Shape) []string { return s.Writes }),
		action.List("sql.tables_expanded", "The tables that all names come down to, as schema.name: what stands behind views, rules, partitions and "+
			"parents, without the views. Known where the service states catalog = true and the server's catalog could be read; "+
			"sql.tables, sql.reads, sql.writes, sql.columns and sql.functions then hold all that stands behind the names, too, and are unknown where it could not.", 0,
			expanded),
		names("sql.columns", "Every column named, as table.column or schema.table.column; table.* stands for all columns of a table. "+
			"A column whose table the text does not say is one of every table in scope.", true,
			func(s *Shape) []string { return s.Columns }),
		names("sql.functions", "Every function called, as schema.name, or as name where the text names no schema.", true,
			func(s *Shape) []string { return s.Functions }),
		action.Bool("sql.has_where", "True if every UPDATE, DELETE and MERGE is bound by a condition that reads a column of its target "+
			"and is not constant; also if there is none. Unknown for code that the text does not show.", 0, hasWhere),
		action.Bool("sql.has_limit", "True if the outermost query has a LIMIT or FETCH FIRST.", action.Later, hasLimit),
	}
}

// callFacts are about one call of a statement.
func callFacts() []action.FactSpec {
	return []action.FactSpec{
		str("sql.text", "The statement as it was sent.", func(f *Facts) string { return f.Text }),
		said("sql.database", "The database of the session.", func(c *Conversation) string { return c.Database }),
		said("sql.user", "The user that the agent names.", func(c *Conversation) string { return c.User }),
		said("sql.role", "The account of the session on the server.", func(c *Conversation) string { return c.Role }),
		said("sql.application_name", "What the agent calls itself when it connects.", func(c *Conversation) string { return c.Application }),
		said("sql.server_version", "The version that the server reports.", func(c *Conversation) string { return c.ServerVersion }),
		str("sql.protocol", "How the statement was sent: simple, extended, or function for a call by object id.", func(f *Facts) string { return f.Protocol }),
		action.OfBody(action.List("sql.params", `The values of the parameters in text form, "" for NULL; absent if the statement has none, or only prepares, unknown if one cannot be read: a number that is not written as the server writes it, what EXECUTE gives other than as a plain string, a whole number or NULL, or a value in binary unless it is text, a number, a boolean (t, f), a UUID or JSON whose type was declared or described. A text that is only prepared is judged by them when they are bound.`, action.Later,
			params)),
		action.Num("sql.statements", "How many statements the message holds.", 0,
			func(f *Facts) (float64, action.State) { return float64(f.Statements), action.Known }),
	}
}

// names makes the spec of a list of names; hidden if an opaque statement may
// or a catalog that is not known may hold more of them than the text shows.
func names(name, doc string, hidden bool, get func(*Shape) []string) action.FactSpec {
	return action.List(name, doc, 0, func(f *Facts) ([]string, action.State) {
		if f.Shape == nil || hidden && (f.Opaque || f.Catalog == CatalogUnknown) {
			return nil, action.Unknown
		}
		return get(f.Shape), action.Known
	})
}

func str(name, doc string, get func(*Facts) string) action.FactSpec {
	return action.Str(name, doc, 0, func(f *Facts) (string, action.State) {
		if v := get(f); v != "" {
			return v, action.Known
		}
		return "", action.Absent
	})
}

func said(name, doc string, get func(*Conversation) string) action.FactSpec {
	return str(name, doc, func(f *Facts) string {
		if f.Conversation == nil {
			return ""
		}
		return get(f.Conversation)
	})
}

func hasWhere(f *Facts) (bool, action.State) {
	if f.Shape == nil || f.Opaque {
		return false, action.Unknown
	}
	return f.HasWhere, action.Known
}

func hasLimit(f *Facts) (bool, action.State) {
	if f.Shape == nil {
		return false, action.Unknown
	}
	switch f.Limit {
	case "":
		return false, action.Known
	case known.LimitConst:
		return true, action.Known
	case known.LimitParam:
		if f.Params == nil || f.LimitAt < 1 || f.LimitAt > len(f.Params) {
			return false, f.untold()
		}
		return f.Params[f.LimitAt-1] != "", action.Known // LIMIT NULL is none
	default:
		return false, action.Unknown
	}
}

func params(f *Facts) ([]string, action.State) {
	switch {
	case f.Shape == nil:
		return nil, action.Unknown
	case f.Params != nil:
		return f.Params, action.Known
	case f.Withheld > 0:
		return nil, action.Pending
	case f.MaxParam == 0, f.Prepares != "": // each EXECUTE is judged by its own
		return nil, action.Absent
	default:
		return nil, f.untold()
	}
}

// untold is the state of what depends on values that are not there.
func (f *Facts) untold() action.State {
	if f.Unbound {
		return action.Pending
	}
	return action.Unknown
}
