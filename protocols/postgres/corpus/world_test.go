package corpus

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/internal/pgserver"
)

//go:embed testdata/seed.sql
var seed string

// A world is a server with something to lose, and eyes that see what is lost.
type world struct {
	t       *testing.T
	server  *pgserver.Server
	admin   *talk // in the database postgres
	eye     *talk // in the database of the texts, to look
	ear     *talk // listens on the channel "ears"
	victim  *talk // does nothing
	hand    *talk // tries the texts; nil: the last one was spoilt
	dir     string
	conf    []byte   // what ALTER SYSTEM changes
	tables  []string // of the catalogue, in this database
	shared  []string // and of the whole server
	base    snapshot
	healthy bool   // the database is as base says
	at      string // the line at hand
	gates   []*gate
	close   []func()
}

// A snapshot is what can be seen of each kind of effect.
type snapshot map[string]string

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{Password: "unused", Auth: "trust", Settings: map[string]string{
		"autovacuum": "off", "max_prepared_transactions": "4", "wal_level": "logical", "checkpoint_timeout": "1h",
		"track_functions": "none", "log_min_messages": "panic",
	}})
	if errors.Is(err, pgserver.ErrMissing) {
		notrun.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, server: server, dir: filepath.Join(server.Dir, "files")}
	t.Cleanup(func() {
		for _, c := range w.close {
			c()
		}
		server.Close()
	})
	if w.conf, err = os.ReadFile(w.autoConf()); err != nil {
		t.Fatal(err)
	}
	w.layFiles()
	w.admin = w.dial("postgres")
	w.must(w.admin, "CREATE DATABASE seed")
	s := w.dial("seed")
	w.must(s, w.fill(seed))
	s.close()
	w.renew()
	return w
}

func (w *world) autoConf() string { return filepath.Join(w.server.Dir, "data", "postgresql.auto.conf") }

// layFiles makes the folder of the server in which texts read and write.
func (w *world) layFiles() {
	own, err := os.Stat(w.server.Dir)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.Mkdir(w.dir, 0o777); err != nil {
		w.t.Fatal(err)
	}
	// The server is another user where the test is root.
	if err := errors.Join(os.Chmod(w.dir, 0o777), os.Chmod(w.server.Dir, own.Mode()|0o055)); err != nil {
		w.t.Fatal(err)
	}
	for name, text := range map[string]string{"secret": "canary-file\n", "rows": "5\tfrom a file\n"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
}

// fill puts in what differs from run to run.
func (w *world) fill(text string) string {
	victim := ""
	if w.victim != nil {
		victim = fmt.Sprint(w.victim.pid)
	}
	return strings.NewReplacer("{dir}", w.dir, "{victim}", victim, "{port}", fmt.Sprint(w.server.Port),
		"{conn}", fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=corpus", w.server.Port)).Replace(text)
}

func (w *world) dial(database string) *talk {
	w.t.Helper()
	c, err := dial(w.server.Address(), database)
	if err != nil {
		w.t.Fatal(err)
	}
	w.close = append(w.close, c.close)
	return c
}

// must runs what is not under test.
func (w *world) must(c *talk, text string) *reply {
	w.t.Helper()
	r := c.query(text)
	if r.code != "" || r.ended {
		w.t.Fatalf("%s: %s %s: %.200s", w.at, r.code, r.word, text)
	}
	return r
}

// renew makes the database anew, as the seed has it.
func (w *world) renew() {
	w.t.Helper()
	for _, c := range []*talk{w.eye, w.ear, w.victim, w.hand} {
		if c != nil {
			c.close()
		}
	}
	w.hand = nil
	for _, g := range w.gates {
		g.leave()
	}
	w.must(w.admin, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'corpus'")
	w.must(w.admin, "DROP DATABASE IF EXISTS corpus")
	w.must(w.admin, "CREATE DATABASE corpus TEMPLATE seed STRATEGY FILE_COPY")
	w.eye, w.ear, w.victim = w.dial("corpus"), w.dial("corpus"), w.dial("corpus")
	w.must(w.ear, "LISTEN ears")
	w.must(w.eye, "SELECT pg_stat_reset()") // a new database has no time of its last reset
	if w.tables == nil {
		for _, row := range w.must(w.eye, "SELECT relname, relisshared FROM pg_class WHERE relkind = 'r' AND relnamespace = 'pg_catalog'::regnamespace").rows {
			if row[1] == "t" {
				w.shared = append(w.shared, row[0])
				continue
			}
			w.tables = append(w.tables, row[0])
		}
	}
	w.base, w.healthy = w.look(w.eye), true
}

// tidy takes away what a text has left in the server beyond its database.
func (w *world) tidy() {
	w.t.Helper()
	for _, from := range []struct {
		c    *talk
		text string
	}{
		{w.eye, `SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts
			UNION ALL SELECT format('DROP SUBSCRIPTION %I', subname) FROM pg_subscription`},
		{w.admin, `SELECT format('SELECT pg_drop_replication_slot(%L)', slot_name) FROM pg_replication_slots
			UNION ALL SELECT format('SELECT pg_replication_origin_drop(%L)', roname) FROM pg_replication_origin
			UNION ALL SELECT format('DROP DATABASE %I', datname) FROM pg_database WHERE datname NOT IN ('postgres', 'seed', 'corpus', 'template0', 'template1')`},
		{w.admin, `SELECT format('DROP TABLESPACE %I', spcname) FROM pg_tablespace WHERE spcname NOT LIKE 'pg\_%'
			UNION ALL SELECT format('DROP ROLE %I', rolname) FROM pg_authid WHERE oid >= 16384 AND rolname NOT IN ('clerk', 'owner')`},
	} {
		for _, row := range w.must(from.c, from.text).rows {
			w.must(from.c, row[0])
		}
	}
	if err := os.WriteFile(w.autoConf(), w.conf, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// look takes a snapshot through c, in its transaction if it has one.
func (w *world) look(c *talk) snapshot {
	w.t.Helper()
	return w.snapshot(w.must(c, w.looking()))
}

// looking is what a snapshot asks of the server. Any change of the catalogue brings
// a newer transaction to it, or another number of rows; what is written in place is
// asked for by name.
func (w *world) looking() string {
	count := func(kind string, tables []string) string {
		var parts []string
		for _, name := range tables {
			parts = append(parts, fmt.Sprintf("SELECT '%s', '%s ' || count(*) || ' ' || coalesce(max(xmin::text::bigint), 0) FROM pg_catalog.%[2]s", kind, name))
		}
		return strings.Join(parts, " UNION ALL ")
	}
	return count("catalog", w.tables) + ";" + count("cluster", w.shared) + `;
		SELECT 'catalog', md5(string_agg(concat_ws(' ', relname, relpages, reltuples, relfilenode), ',' ORDER BY oid)) FROM pg_catalog.pg_class WHERE oid >= 16384;
		SELECT 'cluster', concat_ws(' ', (SELECT string_agg(slot_name, ',') FROM pg_catalog.pg_replication_slots),
			(SELECT count(*) FROM pg_catalog.pg_prepared_xacts), md5(pg_catalog.pg_read_file('postgresql.auto.conf')));
		SELECT 'statistics', concat_ws(' ', (SELECT extract(epoch FROM stats_reset) FROM pg_catalog.pg_stat_database WHERE datname = current_database()),
			(SELECT extract(epoch FROM stats_reset) FROM pg_catalog.pg_stat_bgwriter), (SELECT extract(epoch FROM stats_reset) FROM pg_catalog.pg_stat_archiver));
		SELECT 'checkpoint', checkpoint_lsn::text FROM pg_catalog.pg_control_checkpoint();
		SELECT 'wal', pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn());
		SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'data' END, c.oid || md5(pg_catalog.query_to_xml(CASE relkind
				WHEN 'S' THEN format('SELECT last_value, is_called FROM %I.%I', nspname, relname)
				ELSE format('SELECT t::text, xmin, xmax, ctid FROM ONLY %I.%I t ORDER BY ctid', nspname, relname) END, true, false, '')::text)
			FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
			WHERE c.oid >= 16384 AND relkind IN ('r', 'm', 'S') AND nspname NOT LIKE 'pg\_t%' AND relispopulated`
}

// snapshot sorts the answer by kinds, and adds what is seen from outside.
func (w *world) snapshot(r *reply) snapshot {
	w.t.Helper()
	lists := map[string][]string{}
	for _, row := range r.rows {
		lists[row[0]] = append(lists[row[0]], row[1])
	}
	s := snapshot{}
	for kind, rows := range lists {
		slices.Sort(rows)
		s[kind] = strings.Join(rows, "\n")
	}
	s["file"] = w.files()
	s["backend"] = fmt.Sprint(w.must(w.admin, "SELECT count(*) FROM pg_stat_activity WHERE pid = "+fmt.Sprint(w.victim.pid)).rows)
	return s
}

// files lists the folder of the texts, with sizes.
func (w *world) files() string {
	w.t.Helper()
	var b strings.Builder
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d\n", e.Name(), info.Size())
	}
	return b.String()
}

// sweep removes the files that a text has made.
func (w *world) sweep() {
	w.t.Helper()
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "secret" || e.Name() == "rows" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(w.dir, e.Name())); err != nil {
			w.t.Fatal(err)
		}
	}
}

// session tells what a session is like: its role and settings, and its locks.
func (w *world) session(c *talk) (settings, locks string) {
	w.t.Helper()
	// A statement that changes rows, or is only explained, holds a RowExclusiveLock.
	rows := w.must(c, `SELECT concat_ws(' ', session_user, current_user, pg_catalog.current_setting('app.tenant', true),
			(SELECT pg_catalog.md5(pg_catalog.string_agg(name || setting, ',' ORDER BY name)) FROM pg_catalog.pg_settings)),
		(SELECT pg_catalog.string_agg(concat_ws(' ', locktype, relation, objid, mode), ',' ORDER BY locktype, relation, objid, mode) FROM pg_catalog.pg_locks
			WHERE pid = pg_catalog.pg_backend_pid() AND mode NOT IN ('AccessShareLock', 'RowExclusiveLock') AND locktype NOT IN ('virtualxid', 'transactionid'))`).rows
	if len(rows) != 1 {
		w.t.Fatalf("%s: a session tells %d rows of itself: %q", w.at, len(rows), rows)
	}
	return rows[0][0], rows[0][1]
}
