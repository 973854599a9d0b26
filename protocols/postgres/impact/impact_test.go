package impact

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/statement"
)

func read(t *testing.T, text string) []action.Part {
	t.Helper()
	parts, bar := statement.Read(sql.New(0), text, &sql.Session{StandardStrings: true, UTF8: true, Major: sql.LastMajor, Protocol: "extended"},
		func(string) []action.Part { return nil })
	if bar != nil {
		t.Fatalf("%s: %+v", text, bar)
	}
	return parts
}

func TestWhatThePlannerIsAsked(t *testing.T) {
	for _, c := range []struct {
		text   string
		values []byte
		want   string // of the first; "": it is not asked
	}{
		{"UPDATE users SET a = 1 WHERE id = 5", nil, "EXPLAIN (VERBOSE, FORMAT JSON) UPDATE users SET a = 1 WHERE id = 5"},
		{"DELETE FROM users USING old WHERE old.id = users.id", nil, "EXPLAIN (VERBOSE, FORMAT JSON) DELETE FROM users USING old WHERE old.id = users.id"},
		{"SELECT 1; UPDATE users SET a = 1", nil, "EXPLAIN (VERBOSE, FORMAT JSON)"},
		{"UPDATE users SET a = $1", []byte{0, 0, 0, 1, 0, 0, 0, 1, 'x', 0, 0}, "EXPLAIN (VERBOSE, FORMAT JSON) UPDATE users SET a = $1"},
		{"UPDATE users SET a = $1", []byte{0, 0, 0, 9}, ""},
		{"UPDATE users SET a = 'é'", nil, ""},
		{"UPDATE users SET a = mine(b)", nil, ""},
		{"UPDATE users SET a = nextval('s')", nil, ""},
		{"TRUNCATE users", nil, ""},
		{"COPY users FROM STDIN", nil, ""},
		{"DO $$ BEGIN END $$", nil, ""},
	} {
		questions, _, ok := explain(read(t, c.text), c.values)
		if got := strings.Join(questions, "|"); ok != (c.want != "") || ok && !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %v %s", c.text, ok, got)
		}
	}
}

func TestAPlanInALine(t *testing.T) {
	for _, c := range []struct{ plan, want string }{
		{
			`[{"Plan":{"Node Type":"ModifyTable","Operation":"Update","Schema":"public","Relation Name":"users","Plan Rows":0,"Plans":[{"Node Type":"Seq Scan","Schema":"public","Relation Name":"users","Plan Rows":412}]}}]`,
			"impact: update of about 412 rows in public.users (the planner's estimate; nothing was run)\n",
		},
		{
			`[{"Plan":{"Node Type":"ModifyTable","Operation":"Delete","Schema":"public","Relation Name":"a","Plans":[{"Node Type":"Nested Loop","Plan Rows":1,"Plans":[{"Node Type":"Seq Scan","Schema":"x","Relation Name":"b\u202e","Plan Rows":5}]}]}}]`,
			"impact: delete of about 1 row in public.a, reads \"x.b\\u202e\" (the planner's estimate; nothing was run)\n",
		},
		{`[{"Plan":{"Node Type":"Seq Scan","Relation Name":"users"}}]`, "impact: not known, the planner gave no answer\n"},
		{`[]`, "impact: not known, the planner gave no answer\n"},
		{`nonsense`, "impact: not known, the planner gave no answer\n"},
		{`[{"Plan":` + strings.Repeat(`{"Node Type":"ModifyTable","Operation":"Update","Plans":[`, 300) + strings.Repeat(`]}`, 300) + `}]`, "impact: not known, the planner gave no answer\n"},
	} {
		if got := Read(c.plan).line(); got != c.want {
			t.Errorf("%.60s: %q, want %q", c.plan, got, c.want)
		}
	}
}

func FuzzPlan(f *testing.F) {
	f.Add(`[{"Plan":{"Node Type":"ModifyTable","Operation":"Update","Plans":[{"Relation Name":"users","Plan Rows":1e300}]}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		if line := Read(text).line(); strings.Count(line, "\n") != 1 {
			t.Errorf("%q", line)
		}
	})
}
