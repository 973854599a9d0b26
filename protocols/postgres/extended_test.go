package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/statement"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

func (l *line) connect(t testing.TB, extra string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), l.url(extra))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// code gives the SQLSTATE of an error, or its text.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return fmt.Sprint(err)
}

func TestEveryModeOfPgx(t *testing.T) {
	l := newLine(t, dropsDenied)
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			c := l.connect(t, "&default_query_exec_mode="+mode)
			for range 3 {
				var name string
				if err := c.QueryRow(t.Context(), "SELECT name FROM users WHERE id = $1", 7).Scan(&name); err != nil || name != "user 7" {
					t.Fatalf("%q, %v", name, err)
				}
			}
			if _, err := c.Exec(t.Context(), "DROP TABLE doomed"); code(err) != refusal.Denied {
				t.Fatalf("the denied statement: %v", err)
			}
			if c.PgConn().TxStatus() != 'I' {
				t.Errorf("status %c", c.PgConn().TxStatus())
			}
			var n int
			if err := c.QueryRow(t.Context(), "SELECT count(*) FROM users").Scan(&n); err != nil || n != 1000 {
				t.Fatalf("%d, %v", n, err)
			}
		})
	}
}

func TestADeniedStatementInAPipelineSkipsToSync(t *testing.T) {
	l := newLine(t, dropsDenied)
	c := l.connect(t, "")
	p := c.PgConn().StartPipeline(t.Context())
	for _, sql := range []string{"SELECT 1", "DROP TABLE doomed", "SELECT 2", "", "SELECT 3", ""} {
		if sql == "" {
			if err := p.Sync(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		p.SendQueryParams(sql, nil, nil, nil, nil)
	}
	var got []string
	for len(got) < 5 {
		r, err := p.GetResults()
		switch r := r.(type) {
		case *pgconn.ResultReader:
			res := r.Read()
			if res.Err != nil {
				got = append(got, code(res.Err))
				continue
			}
			got = append(got, string(res.Rows[0][0]))
		case *pgconn.PipelineSync:
			got = append(got, "sync")
		default:
			got = append(got, code(err))
			if len(got) > 8 {
				t.Fatal(got)
			}
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "1 42501 sync 3 sync"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if n := len(l.find("parse")); n != 1 {
		t.Errorf("%d records of refused preludes, want 1", n)
	}
	for _, r := range l.find("execute") {
		if strings.Contains(r.act.Summary, "DROP") || strings.Contains(r.act.Summary, "SELECT 2") {
			t.Errorf("recorded though skipped: %s", r.act.Summary)
		}
	}
}

func TestADeniedStatementFailsItsTransaction(t *testing.T) {
	l := newLine(t, dropsDenied)
	for _, mode := range []string{"", "&default_query_exec_mode=simple_protocol"} {
		c := l.connect(t, mode)
		for _, step := range []struct{ sql, code string }{
			{"BEGIN", ""},
			{"SELECT 1", ""},
			{"DROP TABLE doomed", refusal.Denied},
			{"SELECT 1", "25P02"},
			{"DROP TABLE doomed", refusal.Denied},
			{"ROLLBACK", ""},
			{"SELECT 1", ""},
		} {
			_, err := c.Exec(t.Context(), step.sql)
			if got := code(err); got != step.code && !(err == nil && step.code == "") {
				t.Errorf("%s%s: %s, want %q", mode, step.sql, got, step.code)
			}
		}
		if s := c.PgConn().TxStatus(); s != 'I' {
			t.Errorf("status %c", s)
		}
	}
}

func TestAPreparedStatementIsJudgedAgain(t *testing.T) {
	l := newLine(t)
	deny := make(chan bool, 1)
	denied := false
	l.decide = func(a *action.Action) action.Decision {
		select {
		case denied = <-deny:
		default:
		}
		if denied && strings.Contains(a.Summary, "users") {
			return action.Decision{Reason: "no more"}
		}
		return action.Decision{Verdict: action.Allow}
	}
	c := l.connect(t, "")
	if _, err := c.Prepare(t.Context(), "s", "SELECT name FROM users WHERE id = $1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "s", 1); err != nil {
		t.Fatal(err)
	}
	deny <- true
	if _, err := c.Exec(t.Context(), "s", 1); code(err) != refusal.Denied {
		t.Errorf("after the change: %v", err)
	}
	if _, err := c.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the session afterwards: %v", err)
	}
}

func TestCancelReachesTheServer(t *testing.T) {
	l := newLine(t)
	c := l.connect(t, "")
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(context.Background(), "SELECT pg_sleep(20) AS to_be_cancelled")
		done <- err
	}()
	await(t, "the query runs", func() bool {
		out, err := needDatabase(t).psql("app", "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%to_be_cancelled%' AND pid <> pg_backend_pid()")
		return err == nil && out == "1"
	})
	clock := pulse.Start()
	defer clock.Stop()
	start := time.Now()
	if err := c.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; code(err) != "57014" || clock.Since(start) > 15*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
	if _, err := c.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the session afterwards: %v", err)
	}
	if got := l.find("cancel"); len(got) != 1 || got[0].result.Status != "cancelled" {
		t.Errorf("records: %+v", got)
	}
}

func TestNotificationsArriveAtAnyTime(t *testing.T) {
	l := newLine(t)
	a, b := l.connect(t, ""), l.connect(t, "")
	if _, err := a.Exec(t.Context(), "LISTEN news"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exec(t.Context(), "NOTIFY news, 'hello'"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	n, err := a.WaitForNotification(ctx)
	if err != nil || n.Payload != "hello" {
		t.Errorf("%v, %v", n, err)
	}
}

func TestCopyStreamsBothWays(t *testing.T) {
	l := newLine(t)
	c := l.connect(t, "")
	rows := make([][]any, 20000)
	for i := range rows {
		rows[i] = []any{i, strings.Repeat("x", 100)}
	}
	n, err := c.CopyFrom(t.Context(), pgx.Identifier{"loaded"}, []string{"id", "name"}, pgx.CopyFromRows(rows))
	if err != nil || n != 20000 {
		t.Fatalf("%d, %v", n, err)
	}
	var out countWriter
	tag, err := c.PgConn().CopyTo(t.Context(), &out, "COPY loaded TO STDOUT")
	if err != nil || tag.RowsAffected() != 20000 || out < 2_000_000 {
		t.Fatalf("%v, %d bytes, %v", tag, out, err)
	}
	got := l.find("query")
	var in, to record
	for _, r := range got {
		switch {
		case strings.HasPrefix(strings.ToLower(r.act.Summary), "copy \"loaded\""), strings.Contains(r.act.Summary, "from stdin"):
			in = r
		case strings.Contains(r.act.Summary, "TO STDOUT"):
			to = r
		}
	}
	if in.act == nil || in.result.Sent < 2_000_000 || in.result.Status != "COPY 20000" {
		t.Errorf("copy in: %+v", in.result)
	}
	if to.act == nil || to.result.Received < 2_000_000 || to.result.Rows != 20000 {
		t.Errorf("copy out: %+v", to.result)
	}
	if _, err := c.CopyFrom(t.Context(), pgx.Identifier{"users"}, []string{"id", "name"}, pgx.CopyFromRows([][]any{{1, "twice"}})); code(err) != "23505" {
		t.Errorf("a copy that fails: %v", err)
	}
	if _, err := c.Exec(t.Context(), "TRUNCATE loaded"); err != nil {
		t.Errorf("the session afterwards: %v", err)
	}
}

type countWriter int

func (c *countWriter) Write(b []byte) (int, error) { *c += countWriter(len(b)); return len(b), nil }

// TestLargeObjectsThroughPsql: import, export and unlink, judged by what each call
// does.
func TestLargeObjectsThroughPsql(t *testing.T) {
	dir := t.TempDir()
	in := strings.Repeat("a large object\n", 20_000)
	if err := os.WriteFile(dir+"/in", []byte(in), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLine(t)
	out, err := l.psql("", "\\lo_import "+dir+"/in\n\\echo :LASTOID\n\\lo_export :LASTOID "+dir+"/out\n")
	if err != nil || strings.Contains(out, "ERROR") {
		t.Fatalf("%v: %s", err, out)
	}
	oid := out[strings.LastIndexByte(out, '\n')+1:]
	if got, err := os.ReadFile(dir + "/out"); err != nil || string(got) != in {
		t.Errorf("exported %d bytes of %d: %v", len(got), len(in), err)
	}
	does := map[string]action.Effects{}
	for _, r := range l.find("call") {
		does[r.act.Parts[0].Facts.(*sql.Facts).Functions[0]] |= r.act.Parts[0].Effects
	}
	const read, write = action.EffectRead, action.EffectRead | action.EffectWrite
	want := map[string]action.Effects{
		"pg_catalog.lo_creat": write, "pg_catalog.lo_open": write, "pg_catalog.lowrite": write, "pg_catalog.loread": read, "pg_catalog.lo_close": read,
	}
	if !maps.Equal(does, want) {
		t.Errorf("%v, want %v", does, want)
	}
	reader := newLine(t, func(l *line) { l.service.Session.ReadOnly = true })
	if out, err := reader.psql("", "\\lo_export "+oid+" "+dir+"/again\n"); err != nil || strings.Contains(out, "ERROR") {
		t.Errorf("a read-only service: %v %s", err, out)
	}
	for _, text := range []string{"\\lo_unlink " + oid, "\\lo_import " + dir + "/in"} {
		if out, _ := reader.psql("", text+"\n"); !strings.Contains(out, "read-only") {
			t.Errorf("a read-only service: %s: %s", text, out)
		}
	}
	if out, err := l.psql("", "\\lo_unlink "+oid+"\n\\lo_export "+oid+" "+dir+"/gone\n"); !strings.Contains(out, "does not exist") {
		t.Errorf("after \\lo_unlink: %v %s", err, out)
	}
}

// TestALargeAnswerOfACallIsRefused: what one call gives has a size, too.
func TestALargeAnswerOfACallIsRefused(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.MaxBytes = 1000 })
	oid, err := needDatabase(t).psql("app", "SELECT lo_from_bytea(0, convert_to(repeat('x', 5000), 'UTF8')); ")
	if err != nil {
		t.Fatal(oid)
	}
	if out, err := needDatabase(t).psql("app", "ALTER LARGE OBJECT "+oid+" OWNER TO scram_ro"); err != nil {
		t.Fatal(out)
	}
	n, _ := strconv.ParseUint(oid, 10, 32)
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
	fn := func(function uint32, arguments ...[]byte) *pgproto3.FunctionCall {
		return &pgproto3.FunctionCall{Function: function, ArgFormatCodes: []uint16{1}, Arguments: arguments, ResultFormatCode: 1}
	}
	cl := l.ready(t)
	cl.send(query("BEGIN"), fn(952, number(n), number(0x40000)), fn(954, number(0), number(900)), fn(954, number(0), number(4000)), query("SELECT 1"))
	for _, want := range []string{"C:BEGIN Z:T", "Z:T", "Z:T", "E:54000 Z:T", "D:1 C:SELECT 1 Z:T"} {
		if got := cl.until('Z'); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestPsqlDescribesAndCopies(t *testing.T) {
	l := newLine(t)
	out, err := l.psql("", "\\d users\n\\copy (SELECT 1) TO STDOUT\n\\copy loaded FROM STDIN\n1\tx\n\\.\nDELETE FROM loaded WHERE id = 1;SELECT 'end';\n")
	if err != nil || !strings.Contains(out, "id|integer||not null") || !strings.HasSuffix(out, "end") {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestPreparedInSQLAndBoundByName(t *testing.T) {
	l := newLine(t)
	c := l.connect(t, "&default_query_exec_mode=simple_protocol")
	for _, sql := range []string{"PREPARE p AS SELECT count(*) FROM users", "EXECUTE p", "DEALLOCATE p", "PREPARE p AS SELECT 1", "EXECUTE p"} {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	res := c.PgConn().ExecPrepared(t.Context(), "p", nil, nil, nil).Read()
	if res.Err != nil || string(res.Rows[0][0]) != "1" {
		t.Errorf("bound by name: %v", res.Err)
	}
	if _, err := c.Exec(t.Context(), "EXECUTE nothing"); code(err) != "26000" {
		t.Errorf("unknown: %v", err)
	}
}

func TestT37_ANameMadeTwiceIsJudgedByBoth(t *testing.T) {
	l := newLine(t)
	l.decide = func(a *action.Action) action.Decision {
		if a.Kind == "execute" {
			for _, p := range a.Parts {
				if slices.Contains(statement.Shape(p).Verbs, "delete") {
					return action.Decision{Reason: "not now"}
				}
			}
		}
		return action.Decision{Verdict: action.Allow}
	}
	cl := l.ready(t)
	cl.send(prepare("s", "SELECT 1"), syncNow)
	cl.until('Z')
	cl.send(query("DEALLOCATE s; PREPARE s AS DELETE FROM doomed WHERE id = 1"))
	if got := cl.until('Z'); got != "C:DEALLOCATE C:PREPARE Z:I" {
		t.Fatal(got)
	}
	cl.send(bind("", "s"), run(""), syncNow)
	if got := cl.until('Z'); got != "E:42501 Z:I" {
		t.Errorf("what SQL made ran as what Parse had made: %s", got)
	}
}
