//go:build cgo

package sql

import (
	"fmt"
	"slices"
	"testing"

	"sallyport.dev/sallyport/action"
)

func TestResolve(t *testing.T) {
	a := New(1 << 20)
	parse := func(text string) []action.Part {
		t.Helper()
		parts, err := a.Parse(text, confirmed())
		if err != nil {
			t.Fatal(err)
		}
		return parts
	}
	known := map[string][]action.Part{
		"del":  parse("PREPARE del AS DELETE FROM users WHERE id = $1"),
		"all":  parse("PREPARE all_ AS DELETE FROM users"),
		"one":  parse("SELECT 1"), // as Parse names it
		"two":  append(parse("SELECT 1"), parse("TRUNCATE users")...),
		"read": parse("SELECT id FROM users LIMIT $1"),
	}
	lookup := func(name string) []action.Part { return known[name] }
	tests := []struct{ text, want string }{
		{"EXECUTE del(1)", "execute,delete (write) reads=users writes=users columns=users.id executes=del"},
		{"EXECUTE all", ""},
		{`EXECUTE "all"`, "execute,delete (destructive) unbound writes=users executes=all"},
		{"EXECUTE one", "execute,select (read) control executes=one"},
		{"EXECUTE one(f())", "execute,select (read,unknown) functions=f executes=one"},
		{"EXECUTE two", "execute,select,truncate (read,destructive) writes=users executes=two"},
		{"EXECUTE read(5)", "execute,select (read) reads=users columns=users.id limit=unknown executes=read"},
		{"EXPLAIN ANALYZE EXECUTE del(1)", "explain,execute,delete (read,write) reads=users writes=users columns=users.id executes=del"},
		{"CREATE TABLE t AS EXECUTE read(5)", "create,execute,select (read,admin) reads=users writes=t columns=users.id limit=unknown executes=read"},
		{"EXECUTE nobody", ""},
		{"PREPARE x AS UPDATE users SET a = 1; EXECUTE x", "execute,update (destructive) unbound writes=users columns=users.a executes=x"},
		{"EXECUTE x; PREPARE x AS SELECT 1", ""},
		{"PREPARE one AS DROP TABLE users; EXECUTE one", ""},
	}
	for _, tt := range tests {
		given, err := a.Parse(tt.text, confirmed())
		if err != nil {
			if tt.want != "" {
				t.Errorf("%s: %v", tt.text, err)
			}
			continue
		}
		before := slices.Clone(given)
		parts, err := Resolve(given, lookup)
		if !slices.Equal(given, before) {
			t.Errorf("%s: the given parts changed", tt.text)
		}
		if err != nil {
			if tt.want != "" {
				t.Errorf("%s: %v", tt.text, err)
			}
			continue
		}
		if got := describePart(parts[len(parts)-1]); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

// TestT36_ExecuteIsNeverHarmlessByItself: a wire that forgets Resolve lets
// nothing through.
func TestT36_ExecuteIsNeverHarmlessByItself(t *testing.T) {
	a := New(0)
	for _, text := range []string{"EXECUTE q", "EXECUTE q(1)", "EXPLAIN EXECUTE q", "EXPLAIN ANALYZE EXECUTE q", "CREATE TABLE t AS EXECUTE q"} {
		mustBe(t, a, text, action.EffectUnknown)
	}
}

// TestT37_ExecuteTellsItsValues: what EXECUTE gives is known where it stands there as
// it is, and never taken for nothing.
func TestT37_ExecuteTellsItsValues(t *testing.T) {
	a := New(1 << 20)
	parse := func(text string) []action.Part {
		t.Helper()
		parts, err := a.Parse(text, confirmed())
		if err != nil {
			t.Fatal(err)
		}
		return parts
	}
	prepared := parse("PREPARE p AS SELECT id FROM people WHERE name = $1 AND age = $2")
	if v, state := params(prepared[0].Facts.(*Facts)); state != action.Absent {
		t.Errorf("a PREPARE has %q, %v", v, state)
	}
	lookup := func(string) []action.Part { return prepared }
	for _, tt := range []struct{ text, want string }{
		{"EXECUTE p('bob', 7)", `["bob" "7"]`},
		{"EXECUTE p('o''hara', -7)", `["o'hara" "-7"]`},
		{"EXECUTE p($$bob$$, NULL)", `["bob" ""]`},
		{"EXPLAIN ANALYZE EXECUTE p('bob', 7)", `["bob" "7"]`},
		{"CREATE TABLE t AS EXECUTE p('bob', 7)", `["bob" "7"]`},
		{"EXECUTE p('bob', 7, 8)", `["bob" "7" "8"]`},
		{"EXECUTE p('bob')", "unknown"},
		{"EXECUTE p", "unknown"},
		{"EXECUTE p('bob', '07')", "unknown"},
		{"EXECUTE p('bob', 1.5)", "unknown"},
		{"EXECUTE p('bob', '7')", "unknown"},
		{"EXECUTE p('yes', 7)", "unknown"},
		{"EXECUTE p(' TRUE ', 7)", "unknown"},
		{"EXECUTE p('{\"bob\"}', 7)", "unknown"},
		{"EXECUTE p('\\x626f62', 7)", "unknown"},
		{"EXECUTE p('bob  ', 7)", "unknown"},
		{"EXECUTE p('today', 7)", "unknown"},
		{"EXECUTE p('0x8000000000000000', 7)", "unknown"},
		{"EXECUTE p('bob', true)", "unknown"},
		{"EXECUTE p('bob'::text, 7)", "unknown"},
		{"EXECUTE p('b' || 'ob', 7)", "unknown"},
		{"EXECUTE p(B'1', 7)", "unknown"},
		{"EXECUTE p((SELECT 'bob'), 7)", "unknown"},
	} {
		parts, err := Resolve(parse(tt.text), lookup)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		got := "unknown"
		if v, state := params(parts[0].Facts.(*Facts)); state == action.Known {
			got = fmt.Sprintf("%q", v)
		} else if state != action.Unknown {
			got = fmt.Sprint(state)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestBind(t *testing.T) {
	parts, err := New(0).Parse("SELECT id FROM users WHERE a = $1 LIMIT $2", confirmed())
	if err != nil {
		t.Fatal(err)
	}
	facts := parts[0].Facts.(*Facts)
	bound := Bind(parts[0], []string{"x", ""}).Facts.(*Facts)
	if facts.Params != nil || bound.Params == nil || bound.Shape != facts.Shape {
		t.Error("Bind changes its argument, or loses the shape")
	}
	for _, tt := range []struct {
		f     *Facts
		has   bool
		state action.State
	}{{facts, false, action.Unknown}, {bound, false, action.Known}, {Bind(parts[0], []string{"x", "5"}).Facts.(*Facts), true, action.Known}} {
		if has, state := hasLimit(tt.f); has != tt.has || state != tt.state {
			t.Errorf("%q: has_limit %v, %v", tt.f.Params, has, state)
		}
	}
}
