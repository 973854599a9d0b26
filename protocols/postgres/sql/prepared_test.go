//go:build cgo

package sql

import (
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
