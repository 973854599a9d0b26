package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// world is what stands behind names in the tests: tables, and every way to reach
// them by another name.
const world = `
CREATE SCHEMA app; CREATE SCHEMA hidden; CREATE SCHEMA closed;
CREATE TABLE hidden.payments (id int PRIMARY KEY, amount int, number text);
INSERT INTO hidden.payments VALUES (1, 100, '4111');
CREATE TABLE app.notes (id int, text text);
CREATE TABLE app.log (id int, at timestamptz);
CREATE VIEW app.plain AS SELECT id, amount FROM hidden.payments;
CREATE VIEW app.twice AS SELECT id FROM app.plain WHERE amount > 10;
CREATE VIEW app.barrier WITH (security_barrier) AS SELECT id, amount FROM hidden.payments WHERE amount < 1000 WITH CHECK OPTION;
CREATE VIEW app.whole AS SELECT to_jsonb(p) AS doc FROM hidden.payments p;
CREATE VIEW app.deep AS WITH x AS (SELECT id FROM hidden.payments) SELECT n.id FROM app.notes n WHERE EXISTS (SELECT 1 FROM x WHERE x.id = n.id);
CREATE MATERIALIZED VIEW app.kept AS SELECT id, amount FROM hidden.payments;
CREATE TABLE app.parted (id int, at date, secret text) PARTITION BY RANGE (at);
CREATE TABLE app.parted_old PARTITION OF app.parted FOR VALUES FROM ('2000-01-01') TO ('2020-01-01') PARTITION BY RANGE (at);
CREATE TABLE app.parted_older PARTITION OF app.parted_old FOR VALUES FROM ('2000-01-01') TO ('2010-01-01');
CREATE TABLE app.parent (id int); CREATE TABLE app.child (more int) INHERITS (app.parent);
CREATE VIEW app.redirected AS SELECT id, text FROM app.notes;
CREATE RULE gone AS ON INSERT TO app.redirected DO INSTEAD DELETE FROM hidden.payments WHERE id = NEW.id;
CREATE RULE also AS ON UPDATE TO app.notes DO ALSO INSERT INTO app.log VALUES (NEW.id, now());
CREATE VIEW app.coded AS SELECT id FROM app.notes;
CREATE FUNCTION app.code() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM hidden.payments; RETURN NEW; END';
CREATE TRIGGER code INSTEAD OF INSERT ON app.coded FOR EACH ROW EXECUTE FUNCTION app.code();
CREATE FUNCTION app.peek(int) RETURNS int LANGUAGE sql AS 'SELECT amount FROM hidden.payments WHERE id = $1';
CREATE VIEW app.calls AS SELECT id, app.peek(id) FROM app.notes;
CREATE VIEW app.shadow AS SELECT rolname, rolpassword FROM pg_authid;
CREATE VIEW app.text AS SELECT query_to_xml('SELECT * FROM hidden.payments', true, true, '');
CREATE TABLE app."odd.name" (id int); CREATE VIEW app."Odd" AS SELECT * FROM app."odd.name";
CREATE TABLE public.twin (id int); CREATE TABLE app.twin (id int);
CREATE SCHEMA scram_ro; CREATE TABLE scram_ro.mine (id int); CREATE TABLE public.mine (id int);
CREATE TABLE closed.twin (id int);
GRANT USAGE ON SCHEMA app, hidden, scram_ro TO PUBLIC; GRANT CREATE ON SCHEMA app TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA app, hidden, scram_ro, public TO PUBLIC;
`

// abroad is a table of another server, which may be this one.
const abroad = `
CREATE EXTENSION postgres_fdw;
CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE app.abroad (id int, amount int) SERVER loop OPTIONS (schema_name 'hidden', table_name 'payments');
GRANT ALL ON app.abroad TO PUBLIC;
`

// noWorld leaves nothing of it.
const noWorld = `
SET client_min_messages = error;
DROP SCHEMA IF EXISTS app, hidden, closed, scram_ro CASCADE;
DROP TABLE IF EXISTS public.twin, public.mine;
DROP EXTENSION IF EXISTS postgres_fdw CASCADE;
`

// newWorld starts a line whose service has a catalog, in front of a database with
// the world in it.
func newWorld(t *testing.T, set ...func(*line)) *line {
	t.Helper()
	db := needDatabase(t)
	if out, err := db.psql("app", noWorld+world+abroad); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := db.psql("app", noWorld); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return newLine(t, append([]func(*line){withCatalog}, set...)...)
}

func withCatalog(l *line) { l.service.Catalog = true }

// denies refuses what names a table, as a rule would: what is not known may be it.
func denies(table string) func(*line) {
	tables := factOf("sql.tables")
	return func(l *line) {
		l.decide = func(a *action.Action) action.Decision {
			for _, p := range a.Parts {
				names, state := tables(p.Facts)
				if state == action.Unknown || slices.Contains(names, table) || slices.Contains(names, "hidden.*") {
					return action.Decision{Verdict: action.Deny, Rule: "no " + table, Reason: "Hands off."}
				}
			}
			return action.Decision{Verdict: action.Allow}
		}
	}
}

func factOf(name string) func(action.Facts) ([]string, action.State) {
	for _, spec := range Facts().Facts {
		if spec.Name == name {
			return spec.List
		}
	}
	panic("no fact " + name)
}

func dialLine(t *testing.T, l *line, extra string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), l.url(extra))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// last gives the facts of the last statement that was judged.
func (l *line) last() (action.Part, *sql.Facts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.judged) - 1; i >= 0; i-- {
		if a := l.judged[i].act; a.Kind == "query" || a.Kind == "execute" {
			p := a.Parts[len(a.Parts)-1]
			return p, p.Facts.(*sql.Facts)
		}
	}
	l.tb.Fatal("nothing was judged")
	return action.Part{}, nil
}

func TestCatalogExpandsNames(t *testing.T) {
	l := newWorld(t)
	conn := dialLine(t, l, "")
	for _, c := range []struct {
		text, expanded, tables, writes, effects string
	}{
		{text: "SELECT * FROM hidden.payments", expanded: "hidden.payments", effects: "read"},
		{text: "SELECT * FROM app.plain", expanded: "hidden.payments", tables: "app.plain hidden.payments", effects: "read"},
		{text: "SELECT * FROM app.twice", expanded: "hidden.payments", tables: "app.plain app.twice hidden.payments", effects: "read"},
		{text: "SELECT 1 FROM app.barrier b, app.notes", expanded: "app.notes hidden.payments", effects: "read"},
		{text: "SELECT * FROM app.deep", expanded: "app.notes hidden.payments", effects: "read"},
		{text: "SELECT * FROM app.kept", expanded: "app.kept hidden.payments", effects: "read"},
		{text: "TABLE app.parted", expanded: "app.parted app.parted_old app.parted_older", effects: "read"},
		{text: "SELECT * FROM app.parted_older", expanded: "app.parted app.parted_old app.parted_older", effects: "read"},
		{text: "SELECT * FROM app.parent", expanded: "app.child app.parent", effects: "read"},
		{text: "SELECT * FROM app.child", expanded: "app.child app.parent", effects: "read"},
		{text: "SELECT * FROM app.abroad WHERE false AND id = 1", expanded: "app.abroad hidden.payments", effects: "read"},
		{text: `SELECT * FROM app."Odd"`, expanded: `app."odd.name"`, tables: `app."odd.name" app.Odd`, effects: "read"},
		{text: "SELECT (SELECT max(id) FROM app.twice)", expanded: "hidden.payments", effects: "read"},
		{text: "EXPLAIN SELECT * FROM app.twice", expanded: "hidden.payments", effects: "read"},
		{text: "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM app.twice", expanded: "hidden.payments", effects: "read"},
		{text: "COPY (SELECT * FROM app.twice) TO STDOUT", expanded: "hidden.payments", effects: "read"},
		{text: "UPDATE app.barrier SET amount = 1 WHERE id = 7", expanded: "hidden.payments", writes: "app.barrier hidden.payments", effects: "write"},
		{text: "DELETE FROM app.twice WHERE id = 7", expanded: "hidden.payments", writes: "app.plain app.twice hidden.payments", effects: "write"},
		{text: "INSERT INTO app.parted VALUES (1, '2005-01-01')", writes: "app.parted app.parted_old app.parted_older", expanded: "app.parted app.parted_old app.parted_older", effects: "write"},
		{text: "INSERT INTO app.redirected VALUES (7)", writes: "app.notes app.redirected hidden.payments", expanded: "app.notes hidden.payments", effects: "write,unknown"},
		{text: "UPDATE app.notes SET text = 'x' WHERE id = 7", writes: "app.log app.notes", expanded: "app.log app.notes", effects: "write,unknown"},
		{text: "DELETE FROM app.notes WHERE id = 7", writes: "app.notes", expanded: "app.notes", effects: "write"},
		{text: "SELECT rolname FROM pg_roles", expanded: "pg_catalog.pg_roles", effects: "read"},
		{text: "SELECT 1", effects: "read"},
		{text: "SELECT * FROM app.calls", expanded: "app.notes", effects: "read,unknown"},
		{text: "ALTER VIEW app.plain SET (security_barrier)", writes: "app.plain", tables: "app.plain", effects: "admin"},
	} {
		t.Run(c.text, func(t *testing.T) {
			if _, err := conn.Exec(t.Context(), c.text, pgx.QueryExecModeSimpleProtocol); err != nil && !strings.Contains(c.text, "abroad") && !strings.Contains(err.Error(), "must be owner") {
				t.Fatal(err)
			}
			p, f := l.last()
			if f.Catalog != sql.CatalogKnown {
				t.Fatalf("%+v", f)
			}
			for what, pair := range map[string][2]string{
				"expanded": {strings.Join(f.Expanded, " "), c.expanded},
				"tables":   {strings.Join(f.Tables, " "), c.tables},
				"writes":   {strings.Join(f.Writes, " "), c.writes},
				"effects":  {p.Effects.String(), c.effects},
			} {
				if pair[0] != pair[1] && !(what == "tables" && c.tables == "") && !(what == "expanded" && c.effects == "admin") {
					t.Errorf("%s: %s, want %s", what, pair[0], pair[1])
				}
			}
		})
	}
}

func TestCatalogOfCodeIsUnknown(t *testing.T) {
	l := newWorld(t)
	conn := dialLine(t, l, "")
	for _, text := range []string{"INSERT INTO app.coded VALUES (1)", "SELECT * FROM app.text", "SELECT * FROM pg_toast.pg_toast_1255"} {
		conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol)
		if p, f := l.last(); f.Catalog != sql.CatalogUnknown || p.Effects&action.EffectUnknown == 0 {
			t.Errorf("%s: %s, %+v", text, p.Effects, f)
		}
	}
	conn.Exec(t.Context(), "SELECT * FROM app.shadow", pgx.QueryExecModeSimpleProtocol)
	if p, f := l.last(); p.Effects&action.EffectAdmin == 0 || !slices.Contains(f.Reads, "pg_catalog.pg_authid") {
		t.Errorf("%s, %v", p.Effects, f.Reads)
	}
}

func TestCatalogColumns(t *testing.T) {
	l := newWorld(t)
	conn := dialLine(t, l, "")
	for text, want := range map[string]string{
		"SELECT id FROM app.plain":          "app.plain.id hidden.payments.amount hidden.payments.id",
		"SELECT doc FROM app.whole":         "app.whole.doc hidden.payments.*",
		"SELECT count(*) FROM app.twice":    "app.plain.amount app.plain.id hidden.payments.amount hidden.payments.id",
		"SELECT secret FROM app.parted":     "app.parted.secret app.parted_old.secret app.parted_older.secret",
		"SELECT secret FROM app.parted_old": "app.parted.secret app.parted_old.secret app.parted_older.secret",
	} {
		if _, err := conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
		if _, f := l.last(); strings.Join(f.Columns, " ") != want {
			t.Errorf("%s: %s, want %s", text, f.Columns, want)
		}
	}
}

// tables gives the tables of a statement that is sent, or why they are not known.
func (l *line) tables(t *testing.T, conn *pgx.Conn, text string) string {
	t.Helper()
	conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol)
	_, f := l.last()
	if f.Catalog != sql.CatalogKnown {
		return "unknown"
	}
	return strings.Join(f.Tables, " ")
}

// known gives the tables of a statement that is sent again where a look-up of the
// catalog took longer than a statement waits for it.
func (l *line) known(t *testing.T, conn *pgx.Conn, text string) (got string) {
	t.Helper()
	await(t, "the catalog is looked up for "+text, func() bool {
		got = l.tables(t, conn, text)
		return got != "unknown"
	})
	return got
}

func TestCatalogSearchPath(t *testing.T) {
	newWorld(t)
	for _, c := range []struct {
		name, extra string
		before      []string
		text, want  string
	}{
		{"the account's own", "", nil, "SELECT * FROM twin", "public.twin"},
		{"$user first", "", nil, "SELECT * FROM mine", "scram_ro.mine"},
		{"asked for at the start", "&search_path=app", nil, "SELECT * FROM twin", "app.twin"},
		{"in options", "&options=-c%20search_path%3Dapp,public", nil, "SELECT * FROM twin", "app.twin"},
		{"what is missing is passed over", "&search_path=nowhere,app", nil, "SELECT * FROM twin", "app.twin"},
		{"what is closed is passed over", "&search_path=closed,public", nil, "SELECT * FROM twin", "public.twin"},
		{"folded and quoted", `&search_path=%22APP%22,App`, nil, "SELECT * FROM twin", "app.twin"},
		{"the server's own first", "", nil, "SELECT * FROM pg_class", "pg_catalog.pg_class"},
		{"set", "", []string{"SET search_path TO app, public"}, "SELECT * FROM twin", "app.twin"},
		{"set to a schema", "", []string{"SET SCHEMA 'app'"}, "SELECT * FROM twin", "app.twin"},
		{"set by another name", "", []string{"UPDATE pg_settings SET setting = 'app' WHERE name = 'search_path'"}, "SELECT * FROM twin", "unknown"},
		{"set and reset", "", []string{"SET search_path TO app", "RESET search_path"}, "SELECT * FROM twin", "app.twin public.twin"},
		{"set in a transaction", "", []string{"BEGIN", "SET search_path TO app"}, "SELECT * FROM twin", "app.twin public.twin"},
		{"set and taken back", "", []string{"BEGIN", "SET search_path TO app", "ROLLBACK"}, "SELECT * FROM twin", "app.twin public.twin"},
		{"set for a transaction", "", []string{"BEGIN", "SET LOCAL search_path TO app"}, "SELECT * FROM twin", "app.twin public.twin"},
		{"set by a function", "", []string{"SELECT set_config('search_path', 'app, public', false)"}, "SELECT * FROM twin", "app.twin public.twin"},
		{"set to what nobody knows", "", []string{"SELECT set_config('search_path', lower('APP'), false)"}, "SELECT * FROM twin", "unknown"},
		{"another role", "", []string{"SET ROLE NONE"}, "SELECT * FROM twin", "unknown"},
		{"with its schema all the same", "", []string{"SET ROLE NONE"}, "SELECT * FROM app.twin", "app.twin"},
		{"a temporary table", "", []string{"CREATE TEMP TABLE twin (id int)"}, "SELECT * FROM twin", "unknown"},
		{"a temporary view", "", []string{"CREATE TEMP VIEW other AS SELECT * FROM hidden.payments"}, "SELECT * FROM other", "unknown"},
		{"into a temporary table", "", []string{"SELECT 1 AS id INTO TEMP twin"}, "SELECT * FROM twin", "unknown"},
		{"beside a temporary table", "", []string{"CREATE TEMP TABLE twin (id int)"}, "SELECT * FROM public.twin", "public.twin"},
		{"what is temporary by name", "", nil, "SELECT * FROM pg_temp.twin", "unknown"},
		{"code that may do anything", "", []string{"SELECT app.peek(1)"}, "SELECT * FROM twin", "unknown"},
		{"code behind a view", "", []string{"SELECT * FROM app.calls"}, "SELECT * FROM twin", "unknown"},
		{"code of an extension", "", []string{"SELECT postgres_fdw_disconnect_all()"}, "SELECT * FROM twin", "public.twin"},
		{"in one message", "", nil, "CREATE TEMP VIEW other AS SELECT 1; SELECT * FROM other", "unknown"},
		{"a path into what is temporary", "", []string{"SET search_path = pg_temp, public", "CREATE TABLE fresh (id int)"}, "SELECT * FROM twin", "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(t, withCatalog)
			conn := dialLine(t, l, c.extra)
			for _, text := range c.before {
				if _, err := conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Fatal(err)
				}
			}
			ask := l.known
			if c.want == "unknown" {
				ask = l.tables
			}
			if got := ask(t, conn, c.text); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestCatalogFollowsChanges(t *testing.T) {
	l := newWorld(t)
	conn, other := dialLine(t, l, ""), dialLine(t, l, "")
	exec := func(text string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE VIEW app.fresh AS SELECT id FROM hidden.payments")
	for name, c := range map[string]*pgx.Conn{"its own session": conn, "another session": other} {
		if got := l.known(t, c, "SELECT * FROM app.fresh"); got != "app.fresh hidden.payments" {
			t.Errorf("%s: %s", name, got)
		}
	}
	exec("CREATE OR REPLACE VIEW app.fresh AS SELECT id FROM app.notes")
	if got := l.known(t, other, "SELECT * FROM app.fresh"); got != "app.fresh app.notes" {
		t.Errorf("replaced: %s", got)
	}
	exec("BEGIN")
	exec("ALTER VIEW app.fresh RENAME TO fresher")
	if got := l.tables(t, conn, "SELECT * FROM app.fresher"); got != "unknown" {
		t.Errorf("inside the transaction that made it: %s", got)
	}
	if got := l.tables(t, conn, "SELECT * FROM app.notes"); got != "unknown" {
		t.Errorf("any other table there: %s", got)
	}
	exec("COMMIT")
	for name, c := range map[string]*pgx.Conn{"its own session": conn, "another session": other} {
		if got := l.known(t, c, "SELECT * FROM app.fresher"); got != "app.fresher app.notes" {
			t.Errorf("renamed, %s: %s", name, got)
		}
	}
	// In the extended protocol the record of a statement ends before its transaction.
	raw := l.ready(t)
	raw.send(prepare("", "CREATE OR REPLACE VIEW app.fresher AS SELECT id FROM hidden.payments"), bind("", ""), run(""), &pgproto3.Flush{})
	raw.until('C')
	if got := l.known(t, other, "SELECT * FROM app.notes"); got != "app.notes" {
		t.Errorf("before the Sync: %s", got)
	}
	raw.send(syncNow)
	raw.until('Z')
	if got := l.known(t, other, "SELECT * FROM app.fresher"); got != "app.fresher hidden.payments" {
		t.Errorf("replaced in the extended protocol: %s", got)
	}
	// Behind the gateway's back: a name that means nothing is looked up again.
	if out, err := needDatabase(t).psql("app", "ALTER TABLE hidden.payments RENAME TO charges"); err != nil {
		t.Fatal(out)
	}
	if got := l.known(t, other, "SELECT * FROM hidden.charges"); got != "hidden.charges" {
		t.Errorf("renamed by others: %s", got)
	}
	if got := l.known(t, other, "SELECT * FROM app.plain"); got != "app.plain hidden.charges" {
		t.Errorf("a view of what others renamed: %s", got)
	}
	if got := l.known(t, other, "SELECT * FROM app.missing"); got != "app.missing" {
		t.Errorf("what is not there: %s", got)
	}
}

func TestCatalogOfPreparedStatements(t *testing.T) {
	l := newWorld(t)
	conn, other := dialLine(t, l, ""), dialLine(t, l, "")
	ctx := t.Context()
	exec := func(c *pgx.Conn, text string, args ...any) {
		t.Helper()
		if _, err := c.Exec(ctx, text, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(other, "CREATE VIEW app.own AS SELECT id FROM hidden.payments")
	if _, err := conn.Prepare(ctx, "one", "SELECT id FROM app.own WHERE id = $1"); err != nil {
		t.Fatal(err)
	}
	one := func() (f *sql.Facts) {
		t.Helper()
		await(t, "the catalog is looked up", func() bool {
			exec(conn, "one", 1)
			_, f = l.last()
			return f.Catalog == sql.CatalogKnown
		})
		return f
	}
	if f := one(); !slices.Equal(f.Expanded, []string{"hidden.payments"}) {
		t.Errorf("%+v", f)
	}
	exec(other, "CREATE OR REPLACE VIEW app.own AS SELECT id FROM app.notes")
	if f := one(); !slices.Equal(f.Expanded, []string{"app.notes"}) {
		t.Errorf("bound again: %v", f.Expanded)
	}
	if _, err := conn.Exec(ctx, "PREPARE two AS SELECT id FROM app.own", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	if got := l.known(t, conn, "EXECUTE two"); got != "app.notes app.own" {
		t.Error(got)
	}
}

func TestT36_ADeniedTableIsMetBehindEveryName(t *testing.T) {
	l := newWorld(t, denies("hidden.payments"))
	conn := dialLine(t, l, "&search_path=app")
	for _, text := range []string{
		"SELECT * FROM hidden.payments", "SELECT * FROM plain", "SELECT * FROM twice", "SELECT * FROM barrier", "SELECT * FROM whole",
		"SELECT * FROM deep", "SELECT * FROM kept", "SELECT * FROM abroad", "SELECT count(*) FROM app.plain",
		"DELETE FROM plain", "UPDATE barrier SET amount = 0", "INSERT INTO redirected VALUES (1)", "INSERT INTO coded VALUES (1)",
		"SELECT * FROM text", "WITH x AS (SELECT * FROM plain) SELECT * FROM x", "COPY (TABLE twice) TO STDOUT",
		"CREATE TABLE mine2 AS SELECT * FROM twice", "CREATE TEMP VIEW v AS SELECT * FROM twice", "MERGE INTO notes USING plain ON notes.id = plain.id WHEN MATCHED THEN DELETE",
		"SET search_path = hidden; SELECT * FROM payments", "SET SCHEMA 'hidden'; SELECT * FROM payments", "SELECT (p).* FROM plain p",
		"INSERT INTO notes SELECT id, 'x' FROM twice", "REFRESH MATERIALIZED VIEW kept", "SELECT * FROM app.app.twice",
		"ALTER TABLE hidden.payments RENAME TO shown", "DROP SCHEMA hidden", "ALTER SCHEMA hidden RENAME TO shown", "LOCK TABLE plain", "DECLARE c CURSOR WITH HOLD FOR TABLE twice", "PREPARE p AS TABLE twice", "EXPLAIN ANALYZE TABLE twice",
	} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeDescribeExec} {
			var refused *pgconn.PgError
			if _, err := conn.Exec(t.Context(), text, mode); !errors.As(err, &refused) || !strings.Contains(refused.Detail, "no hidden.payments") {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	for _, text := range []string{"SELECT * FROM notes", "SELECT * FROM parent", "SELECT * FROM pg_class", "INSERT INTO notes VALUES (1)", "CREATE TABLE made (id int)", "DROP TABLE made"} {
		await(t, text+" passes", func() bool { // once the catalog is looked up
			_, err := conn.Exec(t.Context(), text)
			if err != nil && code(err) != refusal.Denied {
				t.Errorf("%s: %v", text, err)
			}
			return err == nil || t.Failed()
		})
	}
}

func TestCatalogThatCannotBeRead(t *testing.T) {
	refuse := func(l *line) {
		inner := l.decide
		l.decide = func(a *action.Action) action.Decision {
			if a.Kind == "catalog" {
				return action.Decision{Verdict: action.Deny}
			}
			return inner(a)
		}
	}
	l := newWorld(t, denies("hidden.payments"), refuse)
	conn := dialLine(t, l, "")
	for _, text := range []string{"SELECT * FROM app.plain", "SELECT * FROM app.notes", "SELECT * FROM notes"} {
		if _, err := conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); code(err) != "42501" {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := conn.Exec(t.Context(), "SELECT 1; SHOW search_path; BEGIN; COMMIT", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Error(err)
	}
}

func TestCatalogIsLookedUpByAnActionOfItsOwn(t *testing.T) {
	l := newWorld(t)
	conn := dialLine(t, l, "&application_name=canary-agent")
	dialLine(t, l, "")
	for range 20 {
		if _, err := conn.Exec(t.Context(), "SELECT 'canary-text' FROM app.plain", pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	got := l.find("catalog")
	if len(got) != 1 || !got[0].done || got[0].result.Failed || got[0].result.Rows == 0 {
		t.Fatalf("%d look-ups: %+v", len(got), got)
	}
	p := got[0].act.Parts
	if len(p) != 1 || !p[0].Control || p[0].Effects != action.EffectRead {
		t.Errorf("%+v", p)
	}
}

// Rules are kept as trees of the server's own making, which every major writes as
// it likes. Major 15 serves the other tests.
func TestCatalogOfEveryMajor(t *testing.T) {
	for _, major := range []int{13, 14, 16, 17, 18} {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			server, err := pgserver.Start(t.Context(), pgserver.Options{Major: major, Password: password})
			if errors.Is(err, pgserver.ErrMissing) {
				notrun.Skip(t, err.Error())
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { server.Close() })
			direct, err := pgx.Connect(t.Context(), server.URL("postgres", password, "postgres"))
			if err != nil {
				t.Fatal(err)
			}
			defer direct.Close(t.Context())
			if _, err := direct.Exec(t.Context(), world); err != nil {
				t.Fatal(err)
			}
			l := newLineTo(t, server.Address(), nil, withCatalog, plaintext, as("postgres"))
			conn, err := pgx.Connect(t.Context(), strings.Replace(l.url(""), "/app", "/postgres", 1))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			for text, want := range map[string]string{
				"SELECT * FROM app.twice":               "hidden.payments|app.plain.amount app.plain.id app.twice.* hidden.payments.amount hidden.payments.id|read",
				"SELECT doc FROM app.whole":             "hidden.payments|app.whole.doc hidden.payments.*|read",
				"SELECT id FROM app.deep":               "app.notes hidden.payments|app.deep.id app.notes.id hidden.payments.id|read",
				"SELECT id FROM app.kept":               "app.kept hidden.payments|app.kept.id hidden.payments.amount hidden.payments.id|read",
				"SELECT id FROM app.parted":             "app.parted app.parted_old app.parted_older|app.parted.id app.parted_old.id app.parted_older.id|read",
				"SELECT id FROM app.calls":              "app.notes|app.calls.id app.notes.id|read,unknown",
				"SELECT rolname FROM app.shadow":        "pg_catalog.pg_authid|app.shadow.rolname pg_catalog.pg_authid.*|read,admin",
				"INSERT INTO app.redirected VALUES (7)": "app.notes hidden.payments|app.notes.id app.notes.text app.redirected.* app.redirected.id hidden.payments.id|write,unknown",
			} {
				if _, err := conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				p, f := l.last()
				if got := strings.Join(f.Expanded, " ") + "|" + strings.Join(f.Columns, " ") + "|" + p.Effects.String(); got != want {
					t.Errorf("%s: %s, want %s", text, got, want)
				}
				if strings.HasPrefix(text, "INSERT") && !slices.Contains(f.Verbs, "delete") {
					t.Errorf("%s: %v", text, f.Verbs)
				}
			}
		})
	}
}

func TestT40_WhatAViewReadsIsWhatWasApproved(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"nothing changes":      {"SELECT 1", "<nil>"},
		"the view is replaced": {"CREATE OR REPLACE VIEW app.plain AS SELECT id, id AS amount FROM app.notes", "42501"},
	} {
		t.Run(name, func(t *testing.T) {
			d, at := atDesk()
			l := newWorld(t, at)
			conn := dialLine(t, l, "")
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				<-d.asked
				if out, err := needDatabase(t).psql("app", c.change); err != nil {
					t.Error(out)
				}
				d.answer <- yes
			}()
			_, err := conn.Exec(t.Context(), "SELECT id, 'boom' FROM app.plain", pgx.QueryExecModeSimpleProtocol)
			<-answered
			if code(err) != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err := conn.QueryRow(t.Context(), "SELECT 1").Scan(new(int)); err != nil {
				t.Errorf("the session is of no use afterwards: %v", err)
			}
		})
	}
}

// A session that commits and then does not read its answer has changed the catalog
// all the same.
func TestCatalogOfASessionThatStalls(t *testing.T) {
	l := newWorld(t)
	conn, other := dialLine(t, l, ""), dialLine(t, l, "")
	if _, err := conn.Exec(t.Context(), "CREATE VIEW app.moved AS SELECT id FROM app.notes", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	if got := l.known(t, other, "SELECT * FROM app.moved"); got != "app.moved app.notes" {
		t.Fatal(got)
	}
	stalls := l.ready(t)
	stalls.send(query("BEGIN; CREATE OR REPLACE VIEW app.moved AS SELECT id FROM hidden.payments; COMMIT; SELECT repeat('x', 1000) FROM generate_series(1, 100000)"))
	await(t, "the change is committed", func() bool {
		out, err := needDatabase(t).psql("app", "SELECT pg_get_viewdef('app.moved'::regclass)")
		return err == nil && strings.Contains(out, "payments")
	})
	if got := l.known(t, other, "SELECT * FROM app.moved"); got != "app.moved hidden.payments" {
		t.Error(got)
	}
}
