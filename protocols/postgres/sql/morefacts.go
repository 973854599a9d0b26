package sql

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
)

// NeedLiterals is the group of sql.literals, which WithLiterals gathers.
const NeedLiterals action.Need = 1

// moreFacts are about what a statement does, for rules that look closer.
func moreFacts() []action.FactSpec {
	return []action.FactSpec{
		shown("sql.class", "What kind of thing the statement is, the strongest if it does several: "+
			strings.Join(known.Classes(), " ")+".", func(s *Shape) string { return s.Class }),
		truth("sql.is_read_only", "True if the statement provably does nothing but read.", func(s *Shape) bool { return s.ReadOnly }),
		truth("sql.opaque", "True if the statement runs code, or touches tables, that the text does not show.",
			func(s *Shape) bool { return s.Opaque }),
		names("sql.columns_written", "Columns that are given values, as in sql.columns; table.* if the text names none.", true,
			func(s *Shape) []string { return s.Changed }),
		names("sql.functions_flagged", "Those of sql.functions that act on the server, on other sessions or on files.", true,
			func(s *Shape) []string { return s.Flagged }),
		names("sql.functions_unknown", "Those of sql.functions that are not the server's own, and operators that are not.", true,
			func(s *Shape) []string { return s.Unlisted }),
		names("sql.locks", "What is locked on purpose: update no_key_update share key_share (rows), table, advisory.", true,
			func(s *Shape) []string { return s.Locks }),
		names("sql.settings", "Settings that SET, RESET, set_config and ALTER … SET change, in small letters; * for all, or one that the text does not name.", true,
			func(s *Shape) []string { return s.Settings }),
		shown("sql.copy.direction", "in for COPY FROM, out for COPY TO; absent for anything else.", copyDirection),
		shown("sql.copy.target", "What COPY reads from or writes to: stdin stdout file program.",
			func(s *Shape) string { return s.CopyTarget }),
		truth("sql.txn.read_write", "True if the statement asks for transactions that may write: BEGIN READ WRITE.",
			func(s *Shape) bool { return s.ReadWrite }),
		truth("sql.has_cte_dml", "True if a WITH query changes data.", func(s *Shape) bool { return s.InnerDML }),
		truth("sql.explain_analyze", "True for an EXPLAIN that runs its statement.", func(s *Shape) bool { return s.Analyzes }),
		action.OfBody(action.Num("sql.limit", "The number of the outermost LIMIT or FETCH FIRST; absent without one, unknown if it is computed.", action.Later, limit)), // it may be bound
		action.List("sql.literals", "Every constant in the text, in order; unknown if one is written with escapes.", NeedLiterals, literals),
		shown("sql.normalized", "The statement without its values: small letters, single spaces, ? for every constant and parameter, and for a list of them. "+
			"Constants stay where they may be code or names. Unknown if it is longer than 4 KiB.", func(s *Shape) string { return s.Normalized }),
		shown("sql.fingerprint", "A digest of the normalized statement.", func(s *Shape) string { return s.Fingerprint }),
	}
}

// shown makes the spec of a word of a shape; without one it is absent, or unknown
// where every statement has one.
func shown(name, doc string, get func(*Shape) string) action.FactSpec {
	without := action.Unknown
	if strings.HasPrefix(name, "sql.copy.") {
		without = action.Absent
	}
	return action.Str(name, doc, 0, func(f *Facts) (string, action.State) {
		if f.Shape == nil {
			return "", action.Unknown
		}
		if v := get(f.Shape); v != "" {
			return v, action.Known
		}
		return "", without
	})
}

func truth(name, doc string, get func(*Shape) bool) action.FactSpec {
	return action.Bool(name, doc, 0, func(f *Facts) (bool, action.State) {
		if f.Shape == nil {
			return false, action.Unknown
		}
		return get(f.Shape), action.Known
	})
}

func copyDirection(s *Shape) string {
	switch {
	case s.CopyTarget == "":
		return ""
	case s.CopyFrom:
		return "in"
	}
	return "out"
}

func limit(f *Facts) (float64, action.State) {
	switch {
	case f.Shape == nil:
		return 0, action.Unknown
	case f.Limit == "":
		return 0, action.Absent
	case f.Limit == known.LimitConst && f.LimitExact:
		return float64(f.LimitRows), action.Known
	case f.Limit != known.LimitParam:
		return 0, action.Unknown
	case f.Params == nil || f.LimitAt < 1 || f.LimitAt > len(f.Params):
		return 0, f.untold()
	}
	return number(f.Params[f.LimitAt-1])
}

// number reads a parameter of a LIMIT; NULL is none.
func number(s string) (float64, action.State) {
	if s == "" {
		return 0, action.Absent
	}
	n := 0.0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i > 15 {
			return 0, action.Unknown
		}
		n = 10*n + float64(s[i]-'0')
	}
	return n, action.Known
}

func literals(f *Facts) ([]string, action.State) {
	switch {
	case f.Text == "":
		return nil, action.Absent
	case f.Literals == nil:
		return nil, action.Pending
	case !f.Literals.Known:
		return nil, action.Unknown
	}
	return f.Literals.List, action.Known
}

// Literals are the constants of a text.
type Literals struct {
	List  []string
	Known bool
}

// WithLiterals gives a copy of parts that knows the constants of their texts.
func WithLiterals(parts []action.Part) []action.Part {
	parts = slices.Clone(parts)
	for i, p := range parts {
		if f, ok := p.Facts.(*Facts); ok {
			own := *f
			own.Literals = literalsOf(f.Text)
			parts[i].Facts = &own
		}
	}
	return parts
}

func literalsOf(text string) *Literals {
	l := new(Literals)
	l.List, l.Known = lex.Literals(text)
	return l
}
