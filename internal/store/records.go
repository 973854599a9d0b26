package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/internal/store/spending"
)

// rowsPerInsert is how many records one statement inserts. Most of its cost outside
// of SQLite is per call, but the driver binds in time that is square in the values.
const rowsPerInsert = 16

// columns is how many values a record has.
const columns = 5

// An inserter is the writing connection of a month with its statements. It calls
// the driver itself: database/sql takes 1 µs a record to look at what it passes on.
type inserter struct {
	conn      *sql.Conn
	one, many driver.StmtExecContext
	args      []driver.NamedValue
}

func newInserter(ctx context.Context, db *sql.DB) (_ *inserter, err error) {
	in := &inserter{args: make([]driver.NamedValue, rowsPerInsert*columns)}
	for i := range in.args {
		in.args[i].Ordinal = i + 1
	}
	if in.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	const row = "(?, ?, ?, ?, CAST(? AS TEXT))"
	err = in.conn.Raw(func(c any) (err error) {
		if in.one, err = prepare(ctx, c, "INSERT OR ROLLBACK INTO records VALUES "+row); err == nil {
			in.many, err = prepare(ctx, c, "INSERT OR ROLLBACK INTO records VALUES "+row+strings.Repeat(", "+row, rowsPerInsert-1))
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, in.close())
	}
	return in, nil
}

func prepare(ctx context.Context, conn any, query string) (driver.StmtExecContext, error) {
	p, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("the driver's %T prepares nothing", conn)
	}
	stmt, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	exec, ok := stmt.(driver.StmtExecContext)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's %T executes nothing", stmt), stmt.Close())
	}
	return exec, nil
}

func (in *inserter) close() error {
	err := in.conn.Raw(func(any) error {
		var errs []error
		for _, stmt := range []driver.StmtExecContext{in.one, in.many} {
			if c, ok := stmt.(driver.Stmt); ok {
				errs = append(errs, c.Close())
			}
		}
		return errors.Join(errs...)
	})
	return errors.Join(err, in.conn.Close())
}

// Append keeps all of rs in the month of the first, or none.
func (s *Store) Append(ctx context.Context, rs []audit.Record) error {
	if len(rs) == 0 {
		return nil
	}
	err := s.reserve.retry(func() error {
		mo, err := s.months.get(ctx, audit.MonthOf(rs[0].Recorded))
		if err != nil {
			return err
		}
		return mo.append(ctx, rs)
	})
	if err != nil {
		return fmt.Errorf("append %d records: %w", len(rs), err)
	}
	_ = s.reserve.room() // makes the reserve again once there is room for it
	return nil
}

func (mo *month) append(ctx context.Context, rs []audit.Record) (err error) {
	mo.mu.Lock()
	defer mo.mu.Unlock()
	if mo.insert == nil {
		if mo.insert, err = newInserter(ctx, mo.write); err != nil {
			return err
		}
	}
	in := mo.insert
	if _, err := in.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil { // SQLite may have rolled back by itself
			_, _ = in.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if err := in.conn.Raw(func(any) error { return in.insert(ctx, rs) }); err != nil {
		return err
	}
	if err := spending.Insert(ctx, in.conn, rs); err != nil {
		return err
	}
	_, err = in.conn.ExecContext(ctx, "COMMIT")
	return err
}

// insert writes full chunks with one statement, and the rest row by row.
func (in *inserter) insert(ctx context.Context, rs []audit.Record) error {
	var row batchRow
	for chunk := range slices.Chunk(rs, rowsPerInsert) {
		if len(chunk) == rowsPerInsert {
			for i := range chunk {
				row.fill(in.args[i*columns:], &chunk[i])
			}
			if _, err := in.many.ExecContext(ctx, in.args); err != nil {
				return err
			}
			continue
		}
		for i := range chunk {
			row.fill(in.args, &chunk[i])
			if _, err := in.one.ExecContext(ctx, in.args[:columns]); err != nil {
				return err
			}
		}
	}
	return nil
}

// A batchRow remembers the time of the row before, which is mostly that of the next.
type batchRow struct {
	at       int64
	recorded driver.Value // at
}

func (b *batchRow) fill(args []driver.NamedValue, r *audit.Record) {
	if at := r.Recorded.UnixMicro(); b.recorded == nil || at != b.at {
		b.at, b.recorded = at, at
	}
	args[0].Value, args[1].Value, args[2].Value, args[3].Value, args[4].Value = int64(r.Seq), r.ID, r.Agent.Name, b.recorded, r.Body()
}

// FirstSince gives the Seq of the first record that was written at a time or later.
func (s *Store) FirstSince(ctx context.Context, at time.Time) (uint64, error) {
	all := s.months.all()
	next := uint64(0)
	for i, mo := range all {
		if !at.IsZero() && mo.name < audit.MonthOf(at) && i < len(all)-1 {
			continue
		}
		seq, last, err := mo.firstSince(ctx, at)
		if err != nil {
			return 0, fmt.Errorf("audit %s: %w", mo.name, err)
		}
		if seq > 0 {
			return seq, nil
		}
		next = max(next, last+1)
	}
	return next, nil
}

// firstSince halves the numbers of the month: what was written never goes back. It
// gives zero if there is none, and the last number.
func (mo *month) firstSince(ctx context.Context, at time.Time) (first, last uint64, err error) {
	var low, high int64
	if err := mo.read.QueryRowContext(ctx, "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM records").Scan(&low, &high); err != nil || high == 0 {
		return 0, 0, err
	}
	end := high
	for low <= high {
		middle := low + (high-low)/2
		var seq, recorded int64
		err := mo.read.QueryRowContext(ctx, "SELECT seq, recorded FROM records WHERE seq >= ? ORDER BY seq LIMIT 1", middle).Scan(&seq, &recorded)
		switch {
		case err != nil:
			return 0, 0, err
		case time.UnixMicro(recorded).Before(at):
			low = seq + 1
		default:
			first, high = uint64(seq), middle-1
		}
	}
	return first, uint64(end), nil
}

// Scan calls f with every row in the order of Seq, beginning at from. It reads in
// pages, so that a long look holds no snapshot open.
func (s *Store) Scan(ctx context.Context, from uint64, f func(audit.Row) error) error {
	const page = 500
	for _, mo := range s.months.all() {
		next := from
		for {
			rows, err := mo.page(ctx, next, page)
			if err != nil {
				return fmt.Errorf("audit %s: %w", mo.name, err)
			}
			for _, r := range rows {
				if err := f(r); err != nil {
					return err
				}
			}
			if len(rows) < page {
				break
			}
			next = rows[len(rows)-1].Seq + 1
		}
	}
	return nil
}

func (mo *month) page(ctx context.Context, from uint64, n int) ([]audit.Row, error) {
	rows, err := mo.read.QueryContext(ctx,
		"SELECT seq, id, agent, recorded, body FROM records WHERE seq >= ? ORDER BY seq LIMIT ?", int64(from), n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	page := make([]audit.Row, 0, n)
	for rows.Next() {
		r := audit.Row{Month: mo.name}
		var recorded int64
		if err := rows.Scan(&r.Seq, &r.ID, &r.Agent, &recorded, &r.Body); err != nil {
			return nil, err
		}
		r.Recorded = time.UnixMicro(recorded).UTC()
		page = append(page, r)
	}
	return page, rows.Err()
}

// ChangeIntents keeps add and forgets drop in one transaction. It leaves the
// reserve alone: that is for what runs already.
func (s *Store) ChangeIntents(ctx context.Context, add []audit.Intent, drop []string) error {
	if err := s.changeIntents(ctx, add, drop); err != nil {
		return fmt.Errorf("store intents: %w", err)
	}
	return nil
}

func (s *Store) changeIntents(ctx context.Context, add []audit.Intent, drop []string) error {
	tx, err := s.state.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	for _, i := range add {
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO intents VALUES (?, ?)", i.ID, i.Body); err != nil {
			return err
		}
	}
	for _, id := range drop {
		if _, err := tx.ExecContext(ctx, "DELETE FROM intents WHERE id = ?", id); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// LoadIntents gives what had begun and is not known to have ended, oldest first.
func (s *Store) LoadIntents(ctx context.Context) ([]audit.Intent, error) {
	rows, err := s.state.read.QueryContext(ctx, "SELECT id, body FROM intents ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("read intents: %w", err)
	}
	defer rows.Close()
	var all []audit.Intent
	for rows.Next() {
		var i audit.Intent
		if err := rows.Scan(&i.ID, &i.Body); err != nil {
			return nil, fmt.Errorf("read intents: %w", err)
		}
		all = append(all, i)
	}
	return all, rows.Err()
}
