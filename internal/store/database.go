package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"sallyport.dev/sallyport/internal/store/spending"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// A database is one SQLite file: one connection that writes, and a few that read
// while it does.
type database struct {
	path  string
	write *sql.DB
	read  *sql.DB
}

// readers bounds the connections that read one file.
const readers = 3

// openDatabase opens the file at path, making it if need be, and brings it to
// the newest of the schema's versions. Its writer has the pragmas, too.
func openDatabase(ctx context.Context, path string, schema []string, pragmas ...string) (_ *database, err error) {
	d := &database{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", filepath.Base(path), err), d.close())
		}
	}()
	// SQLite gives its own files the permissions of this one.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	// The driver sets the pragmas in the order of the alphabet, and this mode after
	// them: it fixes the size of a page.
	if d.write, err = sql.Open("sqlite", dsn(path, append(pragmas, "synchronous(FULL)")...)+"&_journal_mode=WAL"); err != nil {
		return nil, err
	}
	d.write.SetMaxOpenConns(1)
	if err := migrate(ctx, d.write, schema); err != nil {
		return nil, err
	}
	if d.read, err = sql.Open("sqlite", dsn(path, "query_only(ON)")); err != nil {
		return nil, err
	}
	d.read.SetMaxOpenConns(readers)
	d.read.SetMaxIdleConns(1)
	return d, nil
}

func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)"}, pragmas...), "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

func (d *database) close() error {
	var errs []error
	for _, db := range []*sql.DB{d.read, d.write} { // the last to close folds the WAL in
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// migrate runs the steps of schema that the file has not seen, each in a
// transaction of its own. A file of a newer version is refused.
func migrate(ctx context.Context, db *sql.DB, schema []string) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if version > len(schema) {
		return fmt.Errorf("a newer sallyport wrote it (schema %d, this one knows %d): run that version, or restore a backup", version, len(schema))
	}
	for ; version < len(schema); version++ {
		if err := step(ctx, db, schema[version], version+1); err != nil {
			return fmt.Errorf("migrate to schema %d: %w", version+1, err)
		}
	}
	return nil
}

func step(ctx context.Context, db *sql.DB, statements string, version int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, statements); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}

// stateSchema is state.db: things by bucket and key, what has begun, what the
// limits of rules have counted, and what operators did.
func stateSchema() []string {
	return []string{
		`CREATE TABLE kv (
			bucket  TEXT NOT NULL,
			key     TEXT NOT NULL,
			value   BLOB NOT NULL,
			updated INTEGER NOT NULL, -- microseconds
			PRIMARY KEY (bucket, key)
		) WITHOUT ROWID;
		CREATE TABLE intents (
			id   TEXT PRIMARY KEY,
			body BLOB NOT NULL
		) WITHOUT ROWID;`,
		`CREATE TABLE tally (
			rule TEXT NOT NULL,
			of   TEXT NOT NULL,
			at   INTEGER NOT NULL, -- nanoseconds
			n    INTEGER NOT NULL,
			PRIMARY KEY (rule, of, at)
		) WITHOUT ROWID;`,
		`CREATE TABLE deeds (
			seq  INTEGER PRIMARY KEY,
			body BLOB NOT NULL
		);`,
	}
}

// monthPragmas are for a file that only grows, until it is removed as a whole:
// large pages and rare checkpoints take a tenth to a fifth of the time off a record each.
func monthPragmas() []string { return []string{"page_size(16384)", "wal_autocheckpoint(1000)"} }

// monthSchema is a month of records. Each index costs 1 to 2 µs a record; what
// has none is found by reading.
func monthSchema() []string {
	return []string{
		`CREATE TABLE records (
			seq      INTEGER PRIMARY KEY,
			id       TEXT NOT NULL,
			agent    TEXT NOT NULL,
			recorded INTEGER NOT NULL, -- microseconds; never goes back
			body     TEXT NOT NULL
		);
		CREATE INDEX records_id ON records (id);
		CREATE INDEX records_agent ON records (agent);`,
		spending.Schema,
	}
}
