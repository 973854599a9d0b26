package postgres

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/entry"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

// read gives the parts of a text, or why it may not reach a server whatever the
// rules say. named lists what stands behind the names that it executes.
func read(a *sql.Analyzer, text string, s *sql.Session, named func(string) []action.Part) ([]action.Part, *entry.Bar) {
	parts, err := a.Parse(text, s)
	if err == nil {
		parts, err = sql.Resolve(parts, named)
	}
	if err != nil {
		return nil, &entry.Bar{Code: codeDenied, Text: err.Error(), Hint: "Send a statement that PostgreSQL 17 can read."}
	}
	return parts, nil
}

// plain reports whether a text reads the same under every setting: ASCII without
// a backslash.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= 0x80 || c == '\\' {
			return false
		}
	}
	return true
}

// belt holds a session to what its service states beside the rules: reading only,
// and limits that no SET lifts.
func belt(svc *action.Service, parts []action.Part) *entry.Bar {
	s := &svc.Session
	if !s.ReadOnly && s.StatementTimeout == 0 && s.LockTimeout == 0 {
		return nil
	}
	for _, p := range parts {
		f, ok := p.Facts.(*sql.Facts)
		if !ok || f.Shape == nil {
			continue
		}
		if s.ReadOnly && (p.Effects != action.EffectRead || f.ReadWrite) {
			return &entry.Bar{
				Code: "25006", Text: fmt.Sprintf("cannot execute %s: the service %s is read-only", strings.ToUpper(f.Verb), svc.Name),
				Hint: "Only statements that provably read are possible here.",
			}
		}
		for _, name := range f.Settings {
			if name == "*" || slices.Contains(held(s), name) {
				return &entry.Bar{
					Code: codeDenied, Text: fmt.Sprintf("%s is set by the service %s and stays", name, svc.Name),
					Hint: "Leave the setting as it is.",
				}
			}
		}
	}
	return nil
}

// held lists the settings that a service's session block fixes.
func held(s *action.Session) []string {
	var names []string
	if s.ReadOnly {
		names = append(names, "default_transaction_read_only", "transaction_read_only")
	}
	if s.StatementTimeout > 0 {
		names = append(names, "statement_timeout")
	}
	if s.LockTimeout > 0 {
		names = append(names, "lock_timeout")
	}
	return names
}

// allowed reports whether a list that may be empty, which binds nothing, has name.
func allowed(list []string, name string) bool {
	return len(list) == 0 || slices.Contains(list, name)
}

// control is the part of an action that only steers: connecting, cancelling.
func control(database, user string) []action.Part {
	return []action.Part{{
		Facts:   &sql.Facts{Shape: &sql.Shape{}, Database: database, User: user},
		Effects: action.EffectRead,
		Control: true,
	}}
}

// shape gives the shape behind a part, nil if there is none.
func shape(p action.Part) *sql.Shape {
	if f, ok := p.Facts.(*sql.Facts); ok {
		return f.Shape
	}
	return nil
}

// copies reports whether the server may ask for data while it runs parts.
func copies(parts []action.Part) bool {
	for _, p := range parts {
		if s := shape(p); s != nil && s.CopyIn {
			return true
		}
	}
	return false
}

// takesParams reports whether parts read values that a Bind gives.
func takesParams(parts []action.Part) bool {
	for _, p := range parts {
		if s := shape(p); s != nil && s.MaxParam > 0 {
			return true
		}
	}
	return false
}

// forgets gives the prepared name that a single statement deallocates.
func forgets(parts []action.Part) string {
	if len(parts) != 1 {
		return ""
	}
	if s := shape(parts[0]); s != nil {
		return s.Deallocates
	}
	return ""
}

// summary gives a text as one line for people.
func summary(text string) string {
	if len(text) > action.MaxSummary {
		text = text[:action.MaxSummary]
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "")
	}
	if strings.ContainsAny(text, "\n\t\r") {
		text = strings.Join(strings.Fields(text), " ")
	}
	return text
}
