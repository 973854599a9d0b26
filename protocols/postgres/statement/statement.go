// Package statement looks at the texts of a session: what they do, as far as the
// wire must know, and whether a service forbids them whatever the rules say. It
// parses nothing itself and knows no connection.
package statement

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// Read gives the parts of a text, or why it may not reach a server whatever the
// rules say. named lists what stands behind the names that it executes.
func Read(a *sql.Analyzer, text string, s *sql.Session, named func(string) []action.Part) ([]action.Part, *refusal.Bar) {
	parts, err := a.Parse(text, s)
	if err == nil {
		parts, err = sql.Resolve(parts, named)
	}
	if err != nil {
		bar := &refusal.Bar{Code: refusal.Denied, Text: err.Error(), Hint: "Send a statement that PostgreSQL 17 can read."}
		switch { // drivers tell a slip of the pen from a refusal by the code
		case errors.Is(err, sql.ErrSyntax), errors.Is(err, lex.ErrOpen):
			bar.Code = "42601"
		case errors.Is(err, sql.ErrUnprepared):
			bar.Code, bar.Hint = "26000", ""
		}
		return nil, bar
	}
	return parts, nil
}

// Plain reports whether a text reads the same under every setting: ASCII without
// a backslash.
func Plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= 0x80 || c == '\\' {
			return false
		}
	}
	return true
}

// Offers reports whether a list that may be empty, which binds nothing, has name.
func Offers(list []string, name string) bool {
	return len(list) == 0 || slices.Contains(list, name)
}

// Control is the part of an action that only steers: connecting, cancelling.
func Control(database, user string) []action.Part {
	return []action.Part{{
		Facts:   &sql.Facts{Shape: &sql.Shape{HasWhere: true}, Conversation: &sql.Conversation{Database: database, User: user}},
		Effects: action.EffectRead,
		Control: true,
	}}
}

// Shape gives the shape behind a part, nil if there is none.
func Shape(p action.Part) *sql.Shape {
	if f, ok := p.Facts.(*sql.Facts); ok {
		return f.Shape
	}
	return nil
}

// Copies reports whether the server may ask for data while it runs parts.
func Copies(parts []action.Part) bool {
	for _, p := range parts {
		if s := Shape(p); s != nil && s.CopyIn {
			return true
		}
	}
	return false
}

// Saves reports whether parts make a savepoint.
func Saves(parts []action.Part) bool {
	return slices.ContainsFunc(parts, func(p action.Part) bool {
		s := Shape(p)
		return s != nil && s.Verb == "savepoint"
	})
}

// TakesParams reports whether parts read values that a Bind gives.
func TakesParams(parts []action.Part) bool {
	for _, p := range parts {
		if s := Shape(p); s != nil && s.MaxParam > 0 {
			return true
		}
	}
	return false
}

// WithParams gives a copy of parts that knows the values of their parameters.
func WithParams(parts []action.Part, values []string) []action.Part {
	parts = slices.Clone(parts)
	for i, p := range parts {
		if f, ok := p.Facts.(*sql.Facts); ok {
			own := *f
			own.Params = values
			parts[i].Facts = &own
		}
	}
	return parts
}

// Unbound gives parts as they are while their statement is only prepared: what
// depends on the values of its parameters is told when they are bound.
func Unbound(parts []action.Part) []action.Part {
	if !TakesParams(parts) {
		return parts
	}
	parts = slices.Clone(parts)
	for i, p := range parts {
		if f, ok := p.Facts.(*sql.Facts); ok {
			own := *f
			own.Unbound = true
			parts[i].Facts = &own
		}
	}
	return parts
}

// ConnectDigest is the SHA-256 of what a session starts with.
func ConnectDigest(user string, parameters []wire.Parameter) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "user\x00%s\x00", user)
	for _, p := range parameters {
		fmt.Fprintf(h, "%s\x00%s\x00", p.Name, p.Value)
	}
	return h.Sum(nil)
}

// Forgets gives the prepared name that a single statement deallocates.
func Forgets(parts []action.Part) string {
	if len(parts) != 1 {
		return ""
	}
	if s := Shape(parts[0]); s != nil {
		return s.Deallocates
	}
	return ""
}

// Closes gives the cursor that a single statement closes.
func Closes(parts []action.Part) string {
	if len(parts) != 1 {
		return ""
	}
	if s := Shape(parts[0]); s != nil {
		return s.Closes
	}
	return ""
}

// Doing gives a copy of parts that do this and nothing else.
func Doing(parts []action.Part, does action.Effects) []action.Part {
	parts = slices.Clone(parts)
	for i := range parts {
		parts[i].Effects, parts[i].Control = does, false
	}
	return parts
}

// Quote writes a name as SQL does.
func Quote(name string) string {
	b := make([]byte, 0, len(name)+2)
	b = append(b, '"')
	for i := range len(name) {
		if name[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, name[i])
	}
	return string(append(b, '"'))
}
