package names

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	for value, want := range map[string]string{
		`"$user", public`:         "$user|public",
		"public":                  "public",
		" App ,\tB":               "app|b",
		`"App","a,b","say ""x"""`: `App|a,b|say "x"`,
		"":                        "",
		"  ":                      "",
		`""`:                      "",
		"a b":                     "?",
		"a,":                      "?",
		",a":                      "?",
		`"a`:                      "?",
		`"a"b`:                    "?",
		"Ä":                       "?", // how the server folds it is not certain
		strings.Repeat("x", 64):   "?", // nor how it cuts it
	} {
		p, ok := ParsePath(value)
		got := strings.Join(p, "|")
		if !ok {
			got = "?"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	f.Add(`"$user", public`)
	f.Add(`"a""b",c`)
	f.Fuzz(func(t *testing.T, value string) {
		p, ok := ParsePath(value)
		if !ok {
			return
		}
		quoted := make([]string, len(p))
		for i, n := range p {
			quoted[i] = `"` + strings.ReplaceAll(n, `"`, `""`) + `"`
		}
		again, ok := ParsePath(strings.Join(quoted, ","))
		if !ok || !slices.Equal(again, p) {
			t.Errorf("%q: %q, then %q", value, p, again)
		}
	})
}

func TestNames(t *testing.T) {
	for full, want := range map[string]Name{
		"users":              {Table: "users"},
		"app.users":          {"app", "users"},
		`app."odd.name"`:     {"app", "odd.name"},
		`"a.b"."say ""x"""`:  {"a.b", `say "x"`},
		"app.*":              {"app", "*"},
		`app."*"`:            {"app", "*"},
		"database.app.users": {"app", "users"},
	} {
		if got := Parse(full); got != want {
			t.Errorf("%s: %+v", full, got)
		}
	}
	for full, want := range map[string][2]string{
		"users.id": {"users", "id"}, `app."a.b"."c.d"`: {`app."a.b"`, `"c.d"`}, "app.users.*": {"app.users", "*"}, "id": {"", "id"},
	} {
		if table, column := CutColumn(full); table != want[0] || column != want[1] {
			t.Errorf("%s: %s, %s", full, table, column)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("app", "users", "id")
	f.Add("a.b", `x"y`, "*")
	f.Fuzz(func(t *testing.T, schema, table, column string) {
		if schema == "" || table == "" || column == "" {
			return
		}
		full := Join(schema, table)
		if n := Parse(full); n != (Name{schema, table}) {
			t.Errorf("%s: %+v", full, n)
		}
		if got, last := CutColumn(full + "." + Join(column)); got != full || last != Join(column) {
			t.Errorf("%s, %s", got, last)
		}
	})
}
