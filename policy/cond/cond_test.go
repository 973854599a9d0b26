package cond

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
)

// Rows are grouped by what they show; every expression is evaluated in testEnv.
// U is unknown for good, P is unknown until the body is learned.
const (
	F = "false"
	T = "true"
	U = "unknown"
	P = "pending"
)

var evalRows = []struct{ want, expr string }{ //nolint:gochecknoglobals // the page that anyone can add to
	// literals, logic
	{T, `true`},
	{F, `false`},
	{F, `!true`},
	{T, `!false`},
	{T, `(true)`},
	{T, `true && true`},
	{F, `true && false`},
	{F, `false && true`},
	{F, `false && false`},
	{T, `true || true`},
	{T, `true || false`},
	{T, `false || true`},
	{F, `false || false`},
	{T, `!(1 == 2) && (2 == 2 || false)`},
	{T, "(1 == 1 &&\n 2 == 2)"},

	// strings
	{T, `http.method == "POST"`},
	{F, `http.method == "GET"`},
	{T, `"POST" == http.method`},
	{F, `http.method != "POST"`},
	{T, `http.method != "GET"`},
	{F, `http.method == "post"`},
	{T, `lower(http.method) == "post"`},
	{T, `upper("post") == http.method`},
	{T, `startswith(http.method, "PO")`},
	{F, `startswith(http.method, "po")`},
	{T, `endswith(http.method, "ST")`},
	{T, `matches(http.method, "^P")`},
	{T, `matches(http.method, "OS")`},
	{F, `matches(http.method, "^O")`},
	{T, `matches(http.method, "(?i)^post$")`},
	{T, `matches("abc", "^a${"b"}")`},
	{T, `"${http.method}-${http.size}" == "POST-42"`},
	{T, `"${http.method}" == "POST"`},
	{T, `"x${true}${1.5}" == "xtrue1.5"`},
	{T, `"" == http.query.empty`},
	{T, `trimprefix(http.method, "PO") == "ST"`},
	{T, `trimprefix(http.method, "X") == "POST"`},
	{T, `length(http.method) == 4`},
	{T, `length("äö") == 2`},
	{T, `join("+", split(",", "a,b")) == "a+b"`},
	{T, `split("/", "a/b/c")[1] == "b"`},
	{T, `length(split(",", "")) == 1`},

	// numbers
	{T, `http.size == 42`},
	{T, `http.size < 43`},
	{F, `http.size < 42`},
	{T, `http.size <= 42`},
	{T, `http.size > 41.5`},
	{T, `http.size >= 42`},
	{F, `http.size > 42`},
	{T, `42 < http.size + 1`},
	{T, `http.size - 2 == 40`},
	{T, `http.size * 2 == 84`},
	{T, `http.size / 4 == 10.5`},
	{T, `http.size % 5 == 2`},
	{T, `-http.size == -42`},
	{T, `1 + 2 * 3 == 7`},
	{T, `0.1 + 0.2 > 0.3 - 0.001`},
	{U, `http.size / 0 > 1`},
	{U, `http.size % 0 == 0`},
	{U, `1 / 0 == 1 / 0`},
	{U, `http.size * 9007199254740991 > 1`},
	{T, `tonumber(http.query.page) == 7`},
	{T, `tonumber(http.query.page) < 10`},
	{U, `tonumber(http.query.bad) == 7`},
	{U, `tonumber("0x10") == 16`},
	{U, `tonumber("1e3") == 1000`},
	{U, `tonumber("NaN") == 0`},
	{U, `tonumber("inf") > 0`},
	{U, `tonumber("") == 0`},
	{U, `tonumber(" 7") == 7`},
	{U, `tonumber("+7") == 7`},
	{T, `tonumber("-7") == -7`},
	{U, `tonumber("9007199254740993") == 9007199254740991`},
	{T, `tonumber(7) == 7`},
	{U, `tonumber(http.query.no) == 7`},

	// absent
	{T, `http.query.no == null`},
	{F, `http.query.no != null`},
	{F, `http.query.page == null`},
	{T, `http.query.page != null`},
	{T, `null == http.query.no`},
	{F, `http.query.no == "x"`},
	{T, `http.query.no != "x"`},
	{T, `"x" != http.query.no`},
	{F, `http.query.no == lower("X")`},
	{T, `http.query.no != lower(http.method)`},
	{U, `http.query.no == http.query.nix`},
	{U, `http.query.no != http.query.nix`},
	{F, `http.query.no == http.query.page`},
	{U, `startswith(http.query.no, "x")`},
	{U, `matches(http.query.no, "x")`},
	{U, `lower(http.query.no) == "x"`},
	{U, `contains(["x"], http.query.no)`},
	{U, `length(http.query.no) == 0`},
	{F, `"${http.query.no}" == lower("x")`},
	{U, `"a${http.query.no}" == "a"`},
	{U, `tonumber(http.query.no) < 5`},
	{U, `!startswith(http.query.no, "x")`},
	{T, `coalesce(http.query.no, "x") == "x"`},
	{T, `coalesce(http.query.page, "x") == "7"`},
	{T, `coalesce(http.query.no, http.query.nix, "y") == "y"`},
	{T, `coalesce(http.query.no, null) == null`},
	{U, `coalesce(http.query.id, "x") == "x"`},
	{T, `coalesce(tonumber(http.query.page), 0) == 7`},
	{U, `null < 5`},
	{U, `startswith(null, "a")`},
	{U, `contains(null, "a")`},
	{U, `null + 1 == 1`},
	{F, `null == 5`},
	{T, `null == null`},

	// unknown: a parameter that stands twice, facts of another protocol
	{U, `http.query.id == "1"`},
	{U, `http.query.id != "1"`},
	{U, `http.query.id == null`},
	{U, `http.query.id != null`},
	{U, `!(http.query.id == "1")`},
	{F, `http.query.id == "1" && false`},
	{F, `false && http.query.id == "1"`},
	{T, `http.query.id == "1" || true`},
	{T, `true || http.query.id == "1"`},
	{U, `http.query.id == "1" && true`},
	{U, `http.query.id == "1" || false`},
	{U, `http.query.id == "1" && http.query.id == "2"`},
	{U, `http.query.id == http.query.page`},
	{F, `http.query.id == "1" && http.method == "GET"`},
	{T, `http.query.id == "1" || http.method == "POST"`},
	{U, `sql.has_where`},
	{U, `!sql.has_where`},
	{U, `sql.has_where == true`},
	{U, `sql.has_where == null`},
	{U, `contains(sql.tables, "public.users")`},
	{U, `length(sql.tables) > 0`},
	{U, `alltrue([for t in sql.tables : startswith(t, "public.")])`},

	// pending, and when it no longer matters
	{P, `http.body == "x"`},
	{P, `http.body == null`},
	{P, `http.body != "x"`},
	{P, `!(http.body == "x")`},
	{F, `http.body == "x" && false`},
	{F, `http.body == "x" && http.method == "GET"`},
	{F, `http.method == "GET" && http.body == "x"`},
	{T, `http.body == "x" || http.method == "POST"`},
	{P, `http.body == "x" && http.method == "POST"`},
	{P, `http.method == "POST" && http.body == "x"`},
	{P, `http.body == "x" && http.query.id == "1"`},
	{P, `http.query.id == "1" || http.body == "x"`},
	{U, `http.body == http.query.id`},
	{U, `"${http.body}${http.query.no}" == "x"`},
	{P, `"${http.body}!" == "x"`},
	{P, `http.body == http.query.page`},
	{P, `matches(http.body, "x")`},
	{P, `length(http.body) < 5`},
	{P, `contains(["a", "b"], http.body)`},
	{T, `contains([http.body, "b"], "b")`},
	{P, `contains([http.body, "b"], "c")`},
	{P, `coalesce(http.body, "x") == "x"`},
	{P, `http.body == "x" ? true : false`},
	{T, `http.body == "x" ? true : true`},
	{P, `lower(http.body) == "x"`},
	{P, `startswith(http.body, "x")`},
	{U, `startswith(http.body, http.query.id)`},
	{P, `anytrue([for x in split(",", http.body) : x == "a"])`},
	{P, `join(",", split(";", http.body)) == "x"`},
	{P, `http.query[http.body] == "x"`},
	{P, `tonumber(http.body) > 5`},
	{P, `tonumber(http.body) + 1 > 5`},
	{U, `tonumber(http.body) > tonumber(http.query.no)`},
	{P, `cidrcontains("10.0.0.0/8", http.body)`},

	// keyed facts
	{T, `http.headers.x-tenant == "acme"`},
	{T, `http.headers["x-tenant"] == "acme"`},
	{T, `http.headers["X-Tenant"] == "acme"`},
	{T, `http.headers.X-Tenant == "acme"`},
	{F, `http.query["PAGE"] == "7"`},
	{T, `http.headers.x-none == null`},
	{U, `http.headers.accept == "a"`},
	{T, `contains(http.headers_all.accept, "b")`},
	{F, `contains(http.headers_all.accept, "c")`},
	{T, `length(http.query_all.id) == 2`},
	{T, `length(http.query_all.no) == 0`},
	{T, `http.query_all.id[0] == "1"`},
	{T, `http.query_all["id"][1] == "2"`},
	{T, `http.query_all.id[2] == null`},
	{F, `http.query_all.id[2] == "x"`},
	{T, `http.headers["x-${"tenant"}"] == "acme"`},
	{T, `http.headers["X-${upper("tenant")}"] == "acme"`},
	{U, `http.headers[http.query.no] == "acme"`},
	{U, `http.query_all.id[0.5] == "1"`},
	{U, `http.query_all.id[-1] == "1"`},
	{T, `http.query_all.id[tonumber("1")] == "2"`},

	// lists
	{T, `contains(["GET", "POST"], http.method)`},
	{F, `contains(["GET", "PUT"], http.method)`},
	{F, `contains([], http.method)`},
	{T, `contains([1, 42], http.size)`},
	{T, `contains(agent.roles, "writer")`},
	{F, `!contains(agent.tags, "tag:ci")`},
	{T, `contains([true, false], http.method == "POST")`},
	{T, `contains(["a", http.method], "POST")`},
	{T, `contains(["a", http.query.no, "POST"], http.method)`},
	{F, `contains(["a", http.query.no], http.method)`},
	{U, `contains(["a", http.query.id], http.method)`},
	{T, `contains(["POST", http.query.id], http.method)`},
	{T, `alltrue([])`},
	{F, `anytrue([])`},
	{T, `alltrue([true, true])`},
	{F, `alltrue([true, false])`},
	{T, `anytrue([false, true])`},
	{F, `anytrue([false])`},
	{U, `anytrue([false, http.query.id == "1"])`},
	{T, `anytrue([http.query.id == "1", true])`},
	{F, `alltrue([http.query.id == "1", false])`},
	{U, `alltrue([http.query.id == "1", true])`},
	{P, `alltrue([http.body == "1", true])`},
	{F, `alltrue([http.body == "1", false])`},
	{T, `length(["a", "b"]) == 2`},
	{T, `["a", "b"][1] == "b"`},
	{T, `["a", http.method][1] == "POST"`},
	{T, `join("", ["a", http.method]) == "aPOST"`},
	{U, `join("", ["a", http.query.id]) == "a"`},
	{P, `join("", ["a", http.body]) == "a"`},
	{U, `join("", [http.body, http.query.id]) == "a"`},

	// comprehensions
	{T, `anytrue([for t in agent.tags : t == "tag:dev"])`},
	{F, `anytrue([for t in agent.tags : t == "tag:x"])`},
	{T, `alltrue([for t in agent.tags : startswith(t, "tag:")])`},
	{F, `alltrue([for t in agent.tags : t == "tag:ci"])`},
	{T, `length([for t in agent.tags : t if t != "tag:ci"]) == 1`},
	{T, `[for t in agent.tags : upper(t)][0] == "TAG:CI"`},
	{T, `[for i, t in agent.tags : i][1] == 1`},
	{T, `alltrue([for i, t in agent.tags : i < 2])`},
	{T, `anytrue([for t in agent.tags : anytrue([for r in agent.roles : "${t}-${r}" == "tag:dev-writer"])])`},
	{T, `anytrue([for t in agent.tags : anytrue([for x in split(":", t) : x == "dev"])])`},
	{T, `anytrue([for t in agent.tags : anytrue([for t in ["q"] : t == "q"])])`},
	{U, `anytrue([for t in agent.tags : t == http.query.id])`},
	{F, `alltrue([for t in agent.tags : t == "x" && t == http.query.id])`},
	{U, `length([for t in agent.tags : t if t == http.query.id]) == 0`},
	{P, `length([for t in agent.tags : t if t == http.body]) == 0`},
	{T, `contains([for t in agent.tags : trimprefix(t, "tag:")], "dev")`},
	{T, `length([for x in ["a"] : x]) == 1`},
	{T, `length([for t in agent.tags : http.method if http.method == "POST"]) == 2`},
	{T, `join("", [for t in agent.tags : t]) == "tag:citag:dev"`},
	{T, `[for b in [true, false] : !b][1]`},

	{F, `anytrue([for n in split(",", "192.168.0.0/16,fd00::/8") : cidrcontains(n, conn.ip)])`},
	{T, `anytrue([for n in split(",", "10.0.0.0/8,fd00::/8") : cidrcontains(n, conn.ip)])`},
	{T, `anytrue([for h in ["x-none", "X-Tenant"] : http.headers[h] == "acme"])`},

	// conditional
	{T, `http.method == "POST" ? http.size > 1 : false`},
	{F, `http.method == "GET" ? true : http.size < 1`},
	{T, `(http.size > 10 ? "big" : "small") == "big"`},
	{T, `(http.size > 100 ? "big" : null) == null`},
	{U, `(http.query.id == "1" ? "a" : "b") == "a"`},
	{T, `(http.query.id == "1" ? "a" : "a") == "a"`},
	{U, `http.query.id == "1" ? true : false`},
	{T, `contains(http.size > 1 ? ["a"] : ["b"], "a")`},

	// addresses and time: the agent dials 10.4.0.12:5432 on a Sunday, 03:30
	{T, `cidrcontains("10.0.0.0/8", conn.ip)`},
	{F, `cidrcontains("192.168.0.0/16", conn.ip)`},
	{T, `cidrcontains("::ffff:10.0.0.0/104", conn.ip)`},
	{T, `cidrcontains("10.0.0.0/8", "::ffff:10.1.1.1")`},
	{U, `cidrcontains("10.0.0.0/8", http.method)`},
	{U, `cidrcontains(http.method, conn.ip)`},
	{F, `cidrcontains("fd00::/8", conn.ip)`},
	{T, `conn.port == 5432`},
	{T, `conn.host == "billing.internal"`},
	{T, `conn.ip == "10.4.0.12"`},
	{T, `now.hour == 3`},
	{T, `now.weekday == "sun"`},
	{F, `contains(["mon", "tue"], now.weekday)`},
	{T, `during("sun 02:00-04:00 UTC")`},
	{T, `during("sun 04:00-05:00 Europe/Berlin")`},
	{F, `during("sat 02:00-04:00")`},
	{T, `during("sat 22:00-04:00")`},
	{T, `!during("mon-fri")`},

	// common facts
	{T, `agent.name == "ci"`},
	{T, `agent.user == "ana@acme.dev"`},
	{T, `endswith(agent.user, "@acme.dev")`},
	{T, `service.name == "billing"`},
	{T, `effect == "write"`},
	{F, `effect == "destructive"`},
	{T, `effect != "read"`},
	{T, `contains(["read", "write"], effect)`},
}

func TestEval(t *testing.T) {
	schema := testSchema()
	for _, row := range evalRows {
		c, diags := schema.Compile(parse(t, row.expr))
		if diags.HasErrors() {
			t.Errorf("%s: %v", row.expr, diags)
			continue
		}
		got, need := c.Eval(testEnv())
		word := got.String()
		if need != 0 {
			word = P
		}
		if need != 0 && (got != Unknown || need != needBody) {
			t.Errorf("%s is %v and needs %d", row.expr, got, need)
		}
		if word != row.want {
			t.Errorf("%s is %s, want %s", row.expr, word, row.want)
		}
		if steps := c.Explain(testEnv()); len(steps) == 0 || steps[0].Value != word {
			t.Errorf("%s: explained as %v, want %s first", row.expr, steps, word)
		}
	}
}

// TestUnknownIsNoLooser replaces what is pending by everything it could be: an
// answer that was certain before must be the answer for each of them.
func TestUnknownIsNoLooser(t *testing.T) {
	for _, row := range evalRows {
		c := compile(t, row.expr)
		before, _ := c.Eval(testEnv())
		if before == Unknown {
			continue
		}
		for _, state := range []action.State{action.Known, action.Absent, action.Unknown} {
			env := testEnv()
			env.Part.Facts.(*webFacts).body = state
			if after, need := c.Eval(env); after != before || need != 0 {
				t.Errorf("%s was %v with the body pending and is %v with it in state %d", row.expr, before, after, state)
			}
		}
	}
}

func TestSQLFacts(t *testing.T) {
	rows := []struct {
		want, expr string
		facts      dbFacts
	}{
		{T, `sql.has_where`, dbFacts{HasWhere: true, Where: action.Known}},
		{F, `sql.has_where`, dbFacts{Where: action.Known}},
		{U, `sql.has_where`, dbFacts{Where: action.Absent}},
		{T, `sql.has_where == null`, dbFacts{Where: action.Absent}},
		{F, `sql.has_where == true`, dbFacts{Where: action.Absent}},
		{T, `coalesce(sql.has_where, true)`, dbFacts{Where: action.Absent}},
		{T, `alltrue([for t in sql.tables : startswith(t, "public.")])`, dbFacts{Tables: []string{"public.a", "public.b"}}},
		{F, `alltrue([for t in sql.tables : startswith(t, "public.")])`, dbFacts{Tables: []string{"public.a", "x.b"}}},
		{T, `alltrue([for t in sql.tables : startswith(t, "public.")])`, dbFacts{Tables: []string{}}},
		{T, `length(sql.tables) == 0`, dbFacts{Tables: []string{}}},
		{P, `sql.text == "select 1"`, dbFacts{Text: action.Pending}},
		{T, `sql.text == "select 1"`, dbFacts{Text: action.Known}},
	}
	for _, row := range rows {
		env := testEnv()
		env.Part.Facts = &row.facts
		got, need := compile(t, row.expr).Eval(env)
		word := got.String()
		if need == needText {
			word = P
		}
		if word != row.want {
			t.Errorf("%s with %+v is %s, want %s", row.expr, row.facts, word, row.want)
		}
	}
}

// TestTruthTables writes out what && || and ! do with every pair.
func TestTruthTables(t *testing.T) {
	spell := map[Tri]string{False: `false`, True: `true`, Unknown: `http.query.id == "1"`}
	and := [3][3]Tri{{False, False, False}, {False, True, Unknown}, {False, Unknown, Unknown}}
	or := [3][3]Tri{{False, True, Unknown}, {True, True, True}, {Unknown, True, Unknown}}
	for a, left := range spell {
		if got, _ := compile(t, "!("+left+")").Eval(testEnv()); got != [3]Tri{True, False, Unknown}[a] {
			t.Errorf("!%v is %v", a, got)
		}
		for b, right := range spell {
			if got, _ := compile(t, "("+left+") && ("+right+")").Eval(testEnv()); got != and[a][b] {
				t.Errorf("%v && %v is %v", a, b, got)
			}
			if got, _ := compile(t, "("+left+") || ("+right+")").Eval(testEnv()); got != or[a][b] {
				t.Errorf("%v || %v is %v", a, b, got)
			}
		}
	}
}

func TestEmptyEnvIsUnknown(t *testing.T) {
	for _, row := range evalRows {
		c := compile(t, row.expr)
		if len(c.Facts()) == 0 {
			continue
		}
		if got, need := c.Eval(&Env{}); need != 0 {
			t.Errorf("%s is %v and needs %d in an empty environment", row.expr, got, need)
		}
	}
	for _, expr := range []string{
		`agent.name == "x"`, `agent.user == null`, `contains(agent.tags, "x")`, `service.name != "x"`,
		`effect == "read"`, `conn.host == null`, `conn.ip == "x"`, `conn.port == 1`, `now.hour == 1`, `now.weekday == "mon"`, `during("mon")`,
	} {
		if got, _ := compile(t, expr).Eval(&Env{}); got != Unknown {
			t.Errorf("%s is %v in an empty environment", expr, got)
		}
	}
}

func TestTaggedNodeHasNoUser(t *testing.T) {
	env := testEnv()
	env.Action.Peer.User, env.Action.Host = "", ""
	for expr, want := range map[string]Tri{
		`agent.user == null`: True, `agent.user == "ana@acme.dev"`: False, `agent.user != "ana@acme.dev"`: True,
		`endswith(agent.user, "@acme.dev")`: Unknown, `conn.host == null`: True, `"x" == conn.host`: False,
	} {
		if got, _ := compile(t, expr).Eval(env); got != want {
			t.Errorf("%s is %v, want %v", expr, got, want)
		}
	}
}

func TestDepth(t *testing.T) {
	_, diags := testSchema().Compile(parse(t, strings.Repeat("!", maxDepth+1)+"true"))
	if len(diags) != 1 || diags[0].Summary != "Too deep" {
		t.Errorf("says %v", diags)
	}
	if got, _ := compile(t, strings.Repeat("!", maxDepth-2)+"true").Eval(testEnv()); got != True {
		t.Errorf("an even number of ! is %v", got)
	}
}

func TestEffectOfUnclassified(t *testing.T) {
	for _, effects := range []action.Effects{0, action.EffectUnknown, action.EffectRead | action.EffectUnknown} {
		env := testEnv()
		env.Effects = effects
		if got, _ := compile(t, `effect == "destructive"`).Eval(env); got != Unknown {
			t.Errorf("effects %q: %v", effects, got)
		}
	}
}

func TestWhatItReads(t *testing.T) {
	tests := []struct {
		expr, protocols, facts string
		time                   bool
	}{
		{`http.method == "GET"`, "http", "http.method", false},
		{`agent.name == "ci"`, "", "agent.name", false},
		{`sql.has_where && http.method == "GET"`, "http postgres", "http.method sql.has_where", false},
		{`http.headers["x-${agent.name}"] == "a"`, "http", "agent.name http.headers", false},
		{`now.hour > 8`, "", "now.hour", true},
		{`during("mon-fri")`, "", "", true},
	}
	for _, tt := range tests {
		c := compile(t, tt.expr)
		if got := strings.Join(c.Protocols(), " "); got != tt.protocols {
			t.Errorf("%s: protocols %q", tt.expr, got)
		}
		if got := strings.Join(c.Facts(), " "); got != tt.facts {
			t.Errorf("%s: facts %q", tt.expr, got)
		}
		if c.UsesTime() != tt.time {
			t.Errorf("%s: uses time %v", tt.expr, c.UsesTime())
		}
	}
}

func TestExplain(t *testing.T) {
	src := `http.method == "POST" && (http.size < 10 || contains(agent.tags, "tag:ci") && alltrue([for t in agent.tags : t != http.body]))`
	var got []string
	for _, s := range compile(t, src).Explain(testEnv()) {
		got = append(got, strings.Repeat(" ", s.Depth)+s.Text([]byte(src))+" = "+s.Value)
	}
	want := []string{
		src + ` = pending`,
		` http.method == "POST" = true`,
		`  http.method = "POST"`,
		` (http.size < 10 || contains(agent.tags, "tag:ci") && alltrue([for t in agent.tags : t != http.body])) = pending`,
		`  http.size < 10 = false`,
		`   http.size = 42`,
		`  contains(agent.tags, "tag:ci") && alltrue([for t in agent.tags : t != http.body]) = pending`,
		`   contains(agent.tags, "tag:ci") = true`,
		`    agent.tags = ["tag:ci", "tag:dev"]`,
		`   alltrue([for t in agent.tags : t != http.body]) = pending`,
		`    [for t in agent.tags : t != http.body] = [pending, pending]`,
		`     agent.tags = ["tag:ci", "tag:dev"]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("explained as\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A list or a text that an agent chose must not buy it seconds of work.
func TestT53_ConditionBudget(t *testing.T) {
	env := testEnv()
	facts := env.Part.Facts.(*webFacts)
	facts.query["id"] = slices.Repeat([]string{"x"}, maxSteps-1)
	facts.query["long"] = slices.Repeat([]string{"x"}, maxSteps+1)
	facts.method = strings.Repeat("a", 200<<10)
	for _, expr := range []string{
		`anytrue([for x in http.query_all.long : x == "y"])`,
		`anytrue([for x in http.query_all.id : anytrue([for y in http.query_all.id : x == "y"])])`,
		`anytrue([for x in http.query_all.id : matches(http.method, "(a*)*b$")])`,
		`anytrue([for x in http.query_all.id : contains(http.query_all.id, "b")])`,
		`anytrue([for x in http.query_all.id : lower(http.method) == "b"])`,
		`anytrue([for x in http.query_all.id : length(split("b", http.method)) == 7])`,
		`anytrue([for x in http.query_all.id : length(http.method) == 7])`,
		`anytrue([for x in http.query_all.id : join("", http.query_all.id) == "b"])`,
		`anytrue([for x in http.query_all.id : "${http.method}${x}" == "b"])`,
		`join("", [for x in http.query_all.id : "${http.method}${x}"]) == "x"`,
	} {
		start := pulse.Spent()
		if got, need := compile(t, expr).Eval(env); got != Unknown || need != 0 {
			t.Errorf("%s is %v", expr, got)
		}
		if took := pulse.Spent() - start; took > time.Second && !raceEnabled { // which makes expressions many times slower
			t.Errorf("%s took %v", expr, took)
		}
	}
	if got, _ := compile(t, `anytrue([for x in http.query_all.id : x == "y"])`).Eval(env); got != False {
		t.Errorf("a list within the budget is %v", got)
	}
}

func TestNoAllocation(t *testing.T) {
	env := testEnv()
	for _, expr := range []string{
		`http.method == "POST" && http.size < 50 && contains(agent.roles, "writer")`,
		`contains(["GET", "POST"], http.method) || startswith(http.method, "P")`,
		`http.headers.x-tenant == "acme" && http.query.no == null`,
		`http.headers["X-Tenant"] == "acme" && contains(http.query_all.id, "2")`,
		`matches(http.method, "^PO") && !endswith(http.method, "x")`,
		`tonumber(http.query.page) <= 10 && http.size * 2 > 3`,
		`http.size > 3 ? conn.port == 5432 : effect == "read"`,
		`now.hour == 3 && now.weekday == "sun" && during("sun 02:00-04:00")`,
		`http.body == "x" && http.query.id == "1"`,
		`coalesce(http.query.no, "x") == "x" && length(http.method) == 4`,
		`cidrcontains("10.0.0.0/8", http.query.ip) || agent.name == "ci"`,
	} {
		c := compile(t, expr)
		if n := testing.AllocsPerRun(100, func() { c.Eval(env) }); n != 0 {
			t.Errorf("%s: %v allocations", expr, n)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, row := range evalRows {
		f.Add(row.expr)
	}
	for _, line := range brokenLines(f) {
		f.Add(line)
	}
	schema := testSchema()
	f.Fuzz(func(t *testing.T, text string) {
		e, diags := parseAny(text)
		if diags.HasErrors() || e == nil {
			return
		}
		c, diags := schema.Compile(e)
		if (c == nil) != diags.HasErrors() {
			t.Fatalf("%q: a condition and %v", text, diags)
		}
		if c == nil {
			return
		}
		for _, env := range []*Env{testEnv(), {}} {
			got, need := c.Eval(env)
			if got > Unknown || need != 0 && got != Unknown {
				t.Errorf("%q is %v and needs %d", text, got, need)
			}
			again, _ := c.Eval(env)
			if again != got {
				t.Errorf("%q is %v, then %v", text, got, again)
			}
			c.Explain(env)
		}
	})
}

func BenchmarkEval(b *testing.B) {
	for _, expr := range []string{
		`http.method == "POST"`,
		`http.size < 50`,
		`contains(agent.roles, "writer")`,
		`startswith(http.method, "PO")`,
		`http.headers.x-tenant == "acme"`,
		`http.method == "POST" && http.size < 50 && contains(agent.roles, "writer") && agent.name == "x"`,
		`alltrue([for t in agent.tags : startswith(t, "tag:")])`,
		`matches(http.method, "^PO")`,
		`during("mon-fri 09:00-18:00 Europe/Berlin")`,
	} {
		b.Run(expr, func(b *testing.B) {
			c, env := compile(b, expr), testEnv()
			b.ReportAllocs()
			for b.Loop() {
				c.Eval(env)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	schema := testSchema()
	e := parse(b, `http.method == "POST" && http.size < 50 && contains(agent.roles, "writer") && agent.name == "x"`)
	b.ReportAllocs()
	for b.Loop() {
		schema.Compile(e)
	}
}
