package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// valuesJob has rules that only the values of a statement can decide.
const valuesJob = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "db" {
  protocol = "postgres"
  hosts    = ["db.example.com"]
  auth     = password("postgres", secret.db)
  tls      = "disable"
  insecure_injection = true
}

role "agents" {
  use = [service.db]
}

rule "bob is nobody's business" {
  on      = [service.db]
  tables  = ["people", "public.people"]
  when    = sql.params != null && contains(sql.params, "bob")
  verdict = "deny"
}

rule "few at a time" {
  on      = [service.db]
  verbs   = ["select"]
  when    = sql.has_limit && sql.limit > 10
  verdict = "deny"
}

rule "nothing of the grave" {
  on      = [service.db]
  tables  = ["graves", "public.graves"]
  verdict = "deny"
}

rule "its own notes" {
  on      = [service.db]
  verbs   = ["insert"]
  tables  = ["notes", "public.notes"]
  when    = sql.params[0] == "me"
  verdict = "allow"
}

rule "no other notes" {
  on      = [service.db]
  verbs   = ["insert"]
  unless  = sql.params[0] == "me"
  verdict = "deny"
}
`

const valuesWorld = `
CREATE TABLE people (id int, name text);
INSERT INTO people VALUES (1, 'ann'), (2, 'bob');
CREATE TABLE graves (id int);
CREATE TABLE notes (who text, line text);
`

// valued opens a world whose rules read values.
func valued(t *testing.T) (*lab.Lab, func(extra string) *pgx.Conn) {
	l := lab.New(t, valuesJob)
	l.Secret("db", "upstream-password")
	server := l.Postgres("db.example.com")
	direct, err := pgx.Connect(t.Context(), server.URL("postgres", "upstream-password", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close(context.Background())
	if _, err := direct.Exec(t.Context(), valuesWorld); err != nil {
		t.Fatal(err)
	}
	agent := l.Agent("laptop")
	return l, func(extra string) *pgx.Conn {
		t.Helper()
		c, err := agent.PG(t.Context(), "postgres://x@db.example.com/postgres?sslmode=disable"+extra)
		if err != nil {
			t.Fatalf("%v; the log:\n%s", err, l.Logs)
		}
		t.Cleanup(func() { c.Close(context.Background()) })
		return c
	}
}

// TestT47_BoundValuesTakeAFreshProof: who may look at actions reads the values that were
// bound to a statement only where they prove anew who they are, whichever way they come.
func TestT47_BoundValuesTakeAFreshProof(t *testing.T) {
	const value = "brass-candlestick"
	l, connect := valued(t)
	if _, err := connect("").Exec(t.Context(), "INSERT INTO notes VALUES ($1, $2)", "me", value); err != nil {
		t.Fatal(err)
	}
	id := l.Records("notes method:insert", 1)[0].ID
	l.Records("service:db", 2) // all that there is: the login, too
	viewer := route.Caller{Person: action.Person{Name: "vic@acme.dev", Via: "password"}, Rights: route.RightsOf(route.Viewer, route.Editor), From: "198.51.100.7"}
	proved := viewer
	proved.Fresh = true
	look := func(c route.Caller, method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(route.WithCaller(t.Context(), c), method, "/api/v1"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		l.API.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		who    route.Caller
		path   string
		status int
		shows  bool
	}{
		{viewer, "/actions/" + id, 200, false},
		{viewer, "/actions?q=method:insert", 200, false},
		{viewer, "/actions/rows?q=method:insert", 200, false},
		{viewer, "/actions.jsonl?q=method:insert", 200, false},
		{viewer, "/actions/" + id + "/why", 409, false},
		{viewer, "/actions/" + id + "/whole", 403, false},
		{viewer, "/actions.jsonl?q=method:insert&bodies=1", 403, false},
		{proved, "/actions/" + id, 200, false},
		{proved, "/actions/" + id + "/whole", 200, true},
		{proved, "/actions.jsonl?q=method:insert&bodies=1", 200, true},
		{route.Host("root"), "/actions/" + id, 200, true},
	} {
		status, body := look(c.who, "GET", c.path, "")
		if status != c.status || strings.Contains(body, value) != c.shows {
			t.Errorf("%s for %s: %d %s", c.path, c.who.Person.Name, status, body)
		}
		if status == 200 && strings.Contains(c.path, id) && !strings.Contains(body, "INSERT INTO notes VALUES ($1, $2)") {
			t.Errorf("%s: more is gone than the values: %s", c.path, body)
		}
	}
	if _, found := look(viewer, "GET", "/actions?q="+value, ""); found != "[]\n" {
		t.Errorf("a query finds a bound value: %s", found)
	}
	if _, found := look(proved, "GET", "/actions?bodies=1&q="+value, ""); !strings.Contains(found, id) {
		t.Errorf("a query by who may does not: %s", found)
	}
	draft := func(guess string) string {
		rule := `rule \"its own notes\" {\n on = [service.db]\n verbs = [\"insert\"]\n when = sql.params[1] != \"` + guess + `\"\n verdict = \"allow\"\n}\n`
		return `{"since":"1h","edits":[{"op":"put","kind":"rule","name":"its own notes","hcl":"` + rule + `"}]}`
	}
	_, none := look(viewer, "POST", "/policy/impact", draft("x"))
	if status, got := look(viewer, "POST", "/policy/impact", draft(value)); status != 200 || got != none || !strings.Contains(got, `"withheld":1`) {
		t.Errorf("a draft asks a bound value: %d %s, and otherwise %s", status, got, none)
	}
	if status, got := look(proved, "POST", "/policy/impact?bodies=1", draft(value)); status != 200 || got == none {
		t.Errorf("a draft of who may read it: %d %s", status, got)
	}
}

// sqlstate gives the code of an error, "" for none.
func sqlstate(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

const askFor = "SELECT id FROM people WHERE name = $1"

// TestT37_ValuesAreJudgedWhenTheyAreBound: a text is prepared where its values may
// still make it allowed, and what the rules say of the values holds for each Bind.
// What they refuse whatever the values are is not even prepared.
func TestT37_ValuesAreJudgedWhenTheyAreBound(t *testing.T) {
	l, open := valued(t)
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec"} {
		t.Run(mode, func(t *testing.T) {
			c := open("&default_query_exec_mode=" + mode)
			run := func(want, text string, args ...any) {
				t.Helper()
				if _, err := c.Exec(t.Context(), text, args...); sqlstate(err) != want {
					t.Errorf("%s %v: %v, want %q", text, args, err, want)
				}
			}
			for range 2 { // the second time from the driver's cache
				run("", askFor, "ann")
				run("42501", askFor, "bob")
				run("", askFor, "ann")
				run("", "INSERT INTO notes VALUES ($1, $2)", "me", "x")
				run("42501", "INSERT INTO notes VALUES ($1, $2)", "ann", "x")
				run("42501", "SELECT id FROM graves WHERE id::text = $1", "1")
				run("", "SELECT id FROM people LIMIT $1", 10) // in binary, but for exec
				run("42501", "SELECT id FROM people LIMIT $1", 11)
			}
			run("", "BEGIN")
			run("", askFor, "ann")
			run("42501", askFor, "bob")
			if s := c.PgConn().TxStatus(); s != 'E' {
				t.Errorf("the transaction is %c", s)
			}
			run("25P02", askFor, "ann")
			run("", "ROLLBACK")
			run("", askFor, "ann")
		})
	}
	t.Run("SQL's own", func(t *testing.T) { valuesOfExecute(t, open("")) })
	t.Run("pipeline", func(t *testing.T) { valuesInAPipeline(t, open("")) })
	t.Run("reload", func(t *testing.T) { valuesAfterAReload(t, l, open("")) })
}

// valuesOfExecute gives values to what SQL prepared, in SQL and by the protocol.
func valuesOfExecute(t *testing.T, c *pgx.Conn) {
	talk(t, c, say("PREPARE p(text) AS "+askFor))
	by := func(name string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{
			&pgproto3.Bind{PreparedStatement: "p", Parameters: [][]byte{[]byte(name)}}, &pgproto3.Execute{}, &pgproto3.Sync{},
		}
	}
	for _, step := range []struct {
		messages []pgproto3.FrontendMessage
		want     string
	}{
		{[]pgproto3.FrontendMessage{say("EXECUTE p('ann')")}, "1 I"},
		{[]pgproto3.FrontendMessage{say("EXECUTE p('bob')")}, "42501 I"},
		{[]pgproto3.FrontendMessage{say("EXECUTE p('bob'::text)")}, "42501 I"},
		{[]pgproto3.FrontendMessage{say("EXECUTE p('b' || 'ob')")}, "42501 I"},
		{[]pgproto3.FrontendMessage{say("EXPLAIN ANALYZE EXECUTE p('bob')")}, "42501 I"},
		{bound("", "EXECUTE p('ann')"), "1 more I"},
		{bound("", "EXECUTE p('bob')"), "42501 I"},
		{by("ann"), "1 I"},
		{by("bob"), "42501 I"},
	} {
		if got := talk(t, c, step.messages...); got != step.want {
			t.Errorf("%+v: %s, want %s", step.messages[0], got, step.want)
		}
	}
}

// valuesInAPipeline sends one after the other without waiting.
func valuesInAPipeline(t *testing.T, c *pgx.Conn) {
	p := c.PgConn().StartPipeline(t.Context())
	for _, name := range []string{"ann", "bob", "ann", "", "ann", ""} {
		if name == "" {
			if err := p.Sync(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		p.SendQueryParams(askFor, [][]byte{[]byte(name)}, nil, nil, nil)
	}
	var got []string
	for len(got) < 5 {
		r, err := p.GetResults()
		switch r := r.(type) {
		case *pgconn.ResultReader:
			got = append(got, fmt.Sprint(len(r.Read().Rows), sqlstate(r.Read().Err)))
		case *pgconn.PipelineSync:
			got = append(got, "sync")
		default:
			got = append(got, sqlstate(err))
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "1|42501|sync|1|sync"; strings.Join(got, "|") != want {
		t.Errorf("%q, want %s", got, want)
	}
}

// valuesAfterAReload binds what was prepared under other rules.
func valuesAfterAReload(t *testing.T, l *lab.Lab, c *pgx.Conn) {
	d, err := c.Prepare(t.Context(), "s", askFor)
	if err != nil || len(d.ParamOIDs) != 1 || len(d.Fields) != 1 {
		t.Fatalf("described before it is bound: %+v, %v", d, err)
	}
	if _, err := c.Exec(t.Context(), "s", "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Prepare(t.Context(), "g", "SELECT id FROM graves WHERE id = $1"); sqlstate(err) != "42501" {
		t.Errorf("refused whatever its value is, and prepared: %v", err)
	}
	l.Reload(strings.ReplaceAll(valuesJob, `"bob"`, `"ann"`))
	for name, want := range map[string]string{"ann": "42501", "bob": ""} {
		if _, err := c.Exec(t.Context(), "s", name); sqlstate(err) != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if _, err := c.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the session afterwards: %v", err)
	}
	l.Reload(valuesJob)
}
