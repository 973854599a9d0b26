package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/dns"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/ca"
	"sallyport.dev/sallyport/vault/keyring"
)

func stateDir(t testing.TB) string { return filepath.Join(t.TempDir(), "state") }

func TestOpenMakesAPrivateDirectory(t *testing.T) {
	dir := stateDir(t)
	s := openStore(t, dir)
	l := openLog(t, s, audit.Options{})
	writeRecord(l, 1)
	must(t, l.Close()) // what it lays beside its files for a moment is gone, the record's month is there
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir string)
		want    string
	}{
		"a directory that others can read": {func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir, 0o755))
		}, "chmod 700"},
		"an audit directory that others can read": {func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.Mkdir(filepath.Join(dir, "audit"), 0o750))
		}, "chmod 700"},
		"a file": {func(t *testing.T, dir string) {
			must(t, os.WriteFile(dir, nil, 0o600))
		}, "not a directory"},
		"a second gateway": {func(t *testing.T, dir string) { openStore(t, dir) }, "another gateway"},
		"a newer state": {func(t *testing.T, dir string) {
			must(t, openStore(t, dir).Close())
			setVersion(t, filepath.Join(dir, "state.db"), 99)
		}, "state.db: a newer sallyport wrote it (schema 99"},
		"a newer month": {func(t *testing.T, dir string) {
			s := openStore(t, dir)
			l := openLog(t, s, audit.Options{})
			writeRecord(l, 1)
			must(t, l.Close())
			must(t, s.Close())
			setVersion(t, filepath.Join(dir, "audit", audit.MonthOf(time.Now())+".db"), 99)
		}, "a newer sallyport"},
		"a state that is no database": {func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.WriteFile(filepath.Join(dir, "state.db"), bytes.Repeat([]byte("x"), 8192), 0o600))
		}, "state.db"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := stateDir(t)
			c.prepare(t, dir)
			s, err := Open(t.Context(), dir, nil)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestCloseLetsAnotherOpen(t *testing.T) {
	dir := stateDir(t)
	for range 3 {
		s, err := Open(t.Context(), dir, nil)
		must(t, err)
		must(t, s.Close())
	}
	if _, err := os.Stat(filepath.Join(dir, "state.db-wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the write-ahead log is still there: %v", err)
	}
}

func TestMigrateRunsEachStepOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	steps := []string{"CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (1);", "INSERT INTO a VALUES (2);", "INSERT INTO nowhere VALUES (1);"}
	for _, n := range []int{1, 1, 2, 2} {
		d, err := openDatabase(t.Context(), path, steps[:n])
		must(t, err)
		var rows int
		must(t, d.read.QueryRowContext(t.Context(), "SELECT count(*) FROM a").Scan(&rows))
		if rows != n {
			t.Errorf("schema %d: %d rows", n, rows)
		}
		must(t, d.close())
	}
	if _, err := openDatabase(t.Context(), path, steps); err == nil || !strings.Contains(err.Error(), "migrate to schema 3") {
		t.Errorf("a failing step: %v", err)
	}
	d, err := openDatabase(t.Context(), path, steps[:2])
	must(t, err)
	must(t, d.close())
}

func TestSettings(t *testing.T) {
	s := openStore(t, stateDir(t))
	month, err := openDatabase(t.Context(), filepath.Join(t.TempDir(), "month.db"), monthSchema(), monthPragmas()...)
	must(t, err)
	defer month.close() //nolint:errcheck // nothing was written
	for file, settings := range map[*database]map[string]string{
		s.state: {"journal_mode": "wal", "synchronous": "2", "secure_delete": "1"},
		month:   {"journal_mode": "wal", "synchronous": "2", "page_size": "16384"},
	} {
		for pragma, want := range settings {
			var got string
			must(t, file.write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			if got != want {
				t.Errorf("%s of %s is %s, not %s", pragma, filepath.Base(file.path), got, want)
			}
		}
	}
	if _, err := s.state.read.ExecContext(t.Context(), "DELETE FROM kv"); err == nil {
		t.Error("a reading connection can write")
	}
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b", "a?mode=ro", "a%41", "ü#x"} {
		dir := filepath.Join(t.TempDir(), name)
		s, err := Open(t.Context(), dir, nil)
		must(t, err)
		must(t, s.Put(t.Context(), "b", "k", []byte("v")))
		must(t, s.Close())
		if _, err := os.Stat(filepath.Join(dir, "state.db")); err != nil {
			t.Error(err)
		}
	}
}

func TestKV(t *testing.T) {
	ctx := t.Context()
	dir := stateDir(t)
	s := openStore(t, dir)
	must(t, s.Put(ctx, "b", "k2", []byte("two")))
	must(t, s.Put(ctx, "b", "k1", []byte("old")))
	must(t, s.Put(ctx, "b", "k1", []byte("one")))
	must(t, s.Put(ctx, "other", "k1", []byte("x")))
	must(t, s.Delete(ctx, "b", "nothing"))
	must(t, s.Close())
	s = openStore(t, dir)
	v, ok, err := s.Get(ctx, "b", "k1")
	if err != nil || !ok || string(v) != "one" {
		t.Errorf("%q %v %v", v, ok, err)
	}
	all, err := s.List(ctx, "b")
	if err != nil || len(all) != 2 || all[0].Key != "k1" || string(all[1].Value) != "two" || time.Since(all[0].Updated) > time.Minute {
		t.Errorf("%v %v", all, err)
	}
	must(t, s.Delete(ctx, "b", "k1"))
	if _, ok, err := s.Get(ctx, "b", "k1"); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func TestAgentsAndNames(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, stateDir(t))
	a := netstack.Agent{
		ID: "a1", Name: "ci", Roles: []string{"dev"}, PublicKey: "k", Addr: netip.MustParseAddr("10.77.0.2"),
		Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
	}
	must(t, s.SaveAgent(ctx, a))
	a.Frozen, a.Removed = true, time.Date(2026, 2, 2, 3, 4, 5, 6, time.UTC)
	must(t, s.SaveAgent(ctx, a))
	agents, err := s.LoadAgents(ctx)
	if err != nil || !reflect.DeepEqual(agents, []netstack.Agent{a}) {
		t.Errorf("%+v %v", agents, err)
	}
	must(t, s.SaveName(ctx, dns.Name{Host: "old.dev", ID: 7}))
	n := dns.Name{Host: "api.dev", ID: 7, LastUsed: a.Created}
	must(t, s.SaveName(ctx, n))
	names, err := s.LoadNames(ctx)
	if err != nil || !reflect.DeepEqual(names, []dns.Name{n}) {
		t.Errorf("%+v %v", names, err)
	}
}

func TestDamagedValueIsAnError(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, stateDir(t))
	for _, bucket := range []string{bucketAgents, bucketHeads, bucketSealed} {
		must(t, s.Put(ctx, bucket, "k", []byte("{")))
	}
	_, err1 := s.LoadAgents(ctx)
	_, err2 := s.LoadHeads(ctx)
	_, err3 := s.LoadSealed(ctx)
	for _, err := range []error{err1, err2, err3} {
		if err == nil || !strings.Contains(err.Error(), `"k"`) {
			t.Errorf("%v", err)
		}
	}
}

// TestNoSecretInAnyFile looks for a secret in every byte of the state directory,
// while the vault is open and after.
func TestNoSecretInAnyFile(t *testing.T) {
	const canary = "CANARY-s3cr3t-7f1e"
	ctx := t.Context()
	dir := stateDir(t)
	s := openStore(t, dir)
	ring, err := keyring.File(ctx, filepath.Join(dir, "key"), true)
	must(t, err)
	v, err := vault.Open(ctx, s, ring.Key)
	must(t, err)
	for i := range 50 { // versions, so that pages are freed and used again
		must(t, v.Put(ctx, "github", vault.NewSecret(fmt.Appendf(nil, "%s-%d", canary, i)), ""))
	}
	must(t, v.Put(ctx, "gone", vault.NewSecret([]byte(canary)), ""))
	must(t, v.Delete(ctx, "gone"))
	authority, err := ca.Open(ctx, v, "acme", []string{"api.github.com"}, time.Now)
	must(t, err)
	grep(t, dir, canary)
	grep(t, dir, "PRIVATE KEY")
	must(t, s.Close())
	grep(t, dir, canary)

	s = openStore(t, dir)
	v, err = vault.Open(ctx, s, ring.Key)
	must(t, err)
	if infos := v.List(); len(infos) != 1 || infos[0].Version != 50 {
		t.Errorf("%+v", infos)
	}
	again, err := ca.Open(ctx, v, "acme", []string{"api.github.com"}, time.Now)
	must(t, err)
	if !bytes.Equal(authority.PEM(), again.PEM()) {
		t.Error("the root changed over a restart")
	}
}

// grep fails if a file below dir holds needle.
func grep(t *testing.T, dir, needle string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(needle)) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("%d files: %v", files, err)
	}
}

func setVersion(t *testing.T, path string, version int) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(context.Background(), fmt.Sprintf("PRAGMA user_version = %d", version))
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
