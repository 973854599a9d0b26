package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/audit"
)

// months are the files of audit records, one a month.
type months struct {
	dir string

	mu   sync.Mutex
	open []*month // oldest first; guarded by mu
}

// A month is one file of records.
type month struct {
	*database
	name string

	mu     sync.Mutex // one batch at a time
	insert *inserter  // guarded by mu; nil until the first batch
}

// init opens the months that there are.
func (m *months) init(ctx context.Context, dir string) error {
	m.dir = dir
	paths, err := filepath.Glob(filepath.Join(dir, "????-??.db"))
	if err != nil {
		return err
	}
	slices.Sort(paths)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".db")
		if _, err := time.Parse("2006-01", name); err != nil {
			continue
		}
		if _, err := m.get(ctx, name); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	return nil
}

// get gives the month of that name, making it if need be.
func (m *months) get(ctx context.Context, name string) (*month, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := slices.BinarySearchFunc(m.open, name, func(mo *month, name string) int { return strings.Compare(mo.name, name) })
	if ok {
		return m.open[i], nil
	}
	db, err := openDatabase(ctx, filepath.Join(m.dir, name+".db"), monthSchema(), monthPragmas()...)
	if err != nil {
		return nil, err
	}
	mo := &month{database: db, name: name}
	m.open = slices.Insert(m.open, i, mo)
	return mo, nil
}

// all lists the months, oldest first.
func (m *months) all() []*month {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.open)
}

// drop closes and removes a month. Queries that read it fail.
func (m *months) drop(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.open, func(mo *month) bool { return mo.name == name })
	if i < 0 {
		return fmt.Errorf("audit: there is no month %s", name)
	}
	mo := m.open[i]
	m.open = slices.Delete(m.open, i, i+1)
	err := mo.close()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if e := os.Remove(mo.path + suffix); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (m *months) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, mo := range m.open {
		errs = append(errs, mo.close())
	}
	m.open = nil
	return errors.Join(errs...)
}

func (mo *month) close() error {
	mo.mu.Lock()
	defer mo.mu.Unlock()
	var err error
	if mo.insert != nil {
		err = mo.insert.close()
		mo.insert = nil
	}
	return errors.Join(err, mo.database.close())
}

// tail gives the last record of the month; a zero Seq if there is none.
func (mo *month) tail(ctx context.Context) (audit.Tail, error) {
	var t audit.Tail
	var recorded int64
	var body []byte
	err := mo.read.QueryRowContext(ctx, "SELECT seq, recorded, body FROM records ORDER BY seq DESC LIMIT 1").Scan(&t.Seq, &recorded, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Tail{}, nil
	}
	if err != nil {
		return audit.Tail{}, fmt.Errorf("audit %s: %w", mo.name, err)
	}
	t.Hash = sha256.Sum256(body)
	t.Recorded = time.UnixMicro(recorded).UTC()
	return t, nil
}

// Tail gives the last record there is.
func (s *Store) Tail(ctx context.Context) (audit.Tail, error) {
	all := s.months.all()
	for _, mo := range slices.Backward(all) {
		if t, err := mo.tail(ctx); err != nil || t.Seq > 0 {
			return t, err
		}
	}
	return audit.Tail{}, nil
}

// Months lists the months there are, oldest first.
func (s *Store) Months(ctx context.Context) ([]audit.Month, error) {
	var list []audit.Month
	for _, mo := range s.months.all() {
		t, err := mo.tail(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, audit.Month{Name: mo.name, Last: t})
	}
	return list, nil
}

// DropMonth removes the records of a month.
func (s *Store) DropMonth(_ context.Context, name string) error { return s.months.drop(name) }

// Room says why no new action should be begun.
func (s *Store) Room() error { return s.reserve.room() }

// Journal names the file for what is being done.
func (s *Store) Journal() string { return filepath.Join(s.dir, "journal") }
