package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/audit/usage"
	"sallyport.dev/sallyport/internal/store/spending"
)

// spend has one agent ask a model, at a time.
func spend(t *testing.T, l *audit.Log, n int, agent string, at time.Time, u *action.Usage) {
	t.Helper()
	a, d, r := example(n)
	p := *peer
	p.Name, p.ID, p.Enrolled = agent, "id of "+agent, []string{"coding"}
	a.Peer, a.Time = &p, at
	d.Verdict, r.Usage = action.Allow, u
	must(t, l.Begin(t.Context(), a, d))
	l.End(a, d, r)
}

// What the records say is what the sums are, over months and a restart; a file of
// a version without them gets its table.
func TestUsageIsThatOfTheRecords(t *testing.T) {
	dir := stateDir(t)
	s := openStore(t, dir)
	clock := &calendar{}
	clock.set(month2026(10))
	l := openLog(t, s, audit.Options{Now: clock.now})
	gpt := &action.Usage{Provider: "openai", Model: "gpt-x", Input: 100, CacheRead: 20, Output: 7, Cost: 1500, Price: "2026-01-02"}
	for i := range 40 { // more than one statement inserts
		spend(t, l, i, "ci", clock.now().Add(-time.Duration(i)*time.Hour), gpt)
	}
	spend(t, l, 40, "ci", clock.now(), nil)
	must(t, l.Close())
	clock.set(month2026(11))
	l = openLog(t, s, audit.Options{Now: clock.now})
	spend(t, l, 41, "bot", clock.now(), &action.Usage{Provider: "generic", Asked: "asked", Input: 1, CacheWrite: 2, CacheWriteLong: 3, Output: 4, Reasoning: 2, Estimated: true})
	must(t, l.Close())
	must(t, s.Close())

	s = openStore(t, dir)
	q := usage.Query{Since: month2026(1), Until: month2026(12)}
	rows, err := s.Usage(t.Context(), q)
	must(t, err)
	want := []usage.Sum{
		{Requests: 40, Input: 4000, CacheRead: 800, Output: 280, Cost: 60_000},
		{Requests: 1, Estimated: 1, Unpriced: 1, Input: 1, CacheWrite: 5, Output: 4, Reasoning: 2},
	}
	if len(rows) != 2 || rows[0].Sum != want[0] || rows[1].Sum != want[1] {
		t.Fatalf("%+v, want %+v", rows, want)
	}
	if r := rows[1]; r.Agent.Name != "bot" || r.Model != "asked" || r.Provider != "generic" || len(r.Agent.Roles) != 1 || !r.At.IsZero() {
		t.Errorf("%+v", r)
	}
	sameAsRecords(t, s, rows)
	if found, err := s.CheckUsage(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("%+v: %v", found, err)
	}

	q = usage.Query{Since: month2026(10).Add(-90 * time.Minute), Until: month2026(10).Add(time.Second), Step: time.Hour}
	rows, err = s.Usage(t.Context(), q)
	must(t, err)
	if len(rows) != 2 || rows[0].At != month2026(10).Add(-time.Hour) || rows[1].At != month2026(10) || rows[0].Requests != 1 {
		t.Errorf("by the hour: %+v", rows)
	}
}

// sameAsRecords adds up the records themselves.
func sameAsRecords(t *testing.T, s *Store, rows []usage.Row) {
	t.Helper()
	var got, want usage.Sum
	for _, r := range rows {
		got.Add(r.Sum)
	}
	must(t, s.Scan(t.Context(), 0, func(row audit.Row) error {
		r, err := record.Decode(row.Body)
		if err == nil && r.Usage != nil {
			u := r.Usage
			want.Add(usage.Sum{Requests: 1, Input: u.Input, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite + u.CacheWriteLong, Output: u.Output, Reasoning: u.Reasoning, Cost: u.Cost})
		}
		return err
	}))
	if got.Estimated, got.Unpriced = 0, 0; got != want {
		t.Errorf("the sums are %+v, the records say %+v", got, want)
	}
}

func TestAnOlderMonthGetsTheTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	old, err := openDatabase(t.Context(), path, monthSchema()[:1], monthPragmas()...)
	must(t, err)
	must(t, old.close())
	now, err := openDatabase(t.Context(), path, monthSchema(), monthPragmas()...)
	must(t, err)
	defer now.close()
	var n int
	must(t, now.read.QueryRowContext(t.Context(), "SELECT count(*) FROM usage").Scan(&n))
}

// TestASumThatWasMadeSmallerIsFound: the chain proves the records, and they the sums.
func TestT31_ASumThatWasMadeSmallerIsFound(t *testing.T) {
	for change, want := range map[string]string{
		"UPDATE usage SET cost = cost - 1 WHERE seq = 2":                "[{2 its usage is counted otherwise than the record says}]",
		"UPDATE usage SET output = 0 WHERE seq = 3":                     "[{3 its usage is counted otherwise than the record says}]",
		"UPDATE usage SET unpriced = 1 WHERE seq = 1":                   "[{1 its usage is counted otherwise than the record says}]",
		"UPDATE usage SET at = at - 86400 WHERE seq = 1":                "[{1 its usage is counted otherwise than the record says}]",
		"UPDATE usage SET agent = '{\"name\":\"other\"}' WHERE seq = 1": "[{1 its usage is counted otherwise than the record says}]",
		"DELETE FROM usage WHERE seq = 2":                               "[{2 its usage is not counted}]",
		"UPDATE usage SET seq = 4 WHERE seq = 3":                        "[{3 its usage is not counted} {4 usage is counted that the record does not have}]",
		"UPDATE usage SET seq = 99 WHERE seq = 1":                       "[{1 its usage is not counted} {99 usage is counted that no record has}]",
		"SELECT 1": "[]",
	} {
		s := openStore(t, stateDir(t))
		l := openLog(t, s, audit.Options{})
		for i := range 3 {
			spend(t, l, i, "ci", time.Now(), &action.Usage{Provider: "openai", Model: "m\xff<&>", Input: 10, Output: 5, Cost: 3, Price: "x"})
		}
		spend(t, l, 3, "ci", time.Now(), nil)
		must(t, l.Close())
		mo := s.months.all()[0]
		_, err := mo.insert.conn.ExecContext(t.Context(), change) // another one would wait for it
		must(t, err)
		found, err := s.CheckUsage(t.Context())
		must(t, err)
		if got := fmt.Sprint(append([]spending.Difference{}, found...)); got != want {
			t.Errorf("%s: %s, want %s", change, got, want)
		}
	}
}

// A model's name is chosen by whoever answers; in a column it is a text like any other.
func TestAModelsNameIsNoSQL(t *testing.T) {
	s := openStore(t, stateDir(t))
	l := openLog(t, s, audit.Options{})
	name := `x'); DROP TABLE usage; --`
	spend(t, l, 0, name, time.Now(), &action.Usage{Provider: name, Model: name, Input: 1})
	must(t, l.Close())
	rows, err := s.Usage(t.Context(), usage.Query{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)})
	if err != nil || len(rows) != 1 || rows[0].Model != name || rows[0].Agent.Name != name {
		t.Errorf("%+v: %v", rows, err)
	}
}

func BenchmarkUsage(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "state"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	at := month2026(11)
	for i := range 100 {
		rs := make([]audit.Record, 500)
		for j := range rs {
			n := i*500 + j
			rs[j] = audit.Record{
				ID: fmt.Sprint(n), Time: at.Add(-time.Duration(n) * time.Minute / 5), Kind: "request", Agent: record.Agent{Name: fmt.Sprint("agent ", n%10)}, Service: "openai",
				Usage: &action.Usage{Provider: "openai", Model: fmt.Sprint("m", n%5), Input: 10, Output: 5, Cost: 3, Price: "x"},
			}
			rs[j].Seal(uint64(n+1), record.Hash{}, at)
		}
		if err := s.Append(b.Context(), rs); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := s.Usage(b.Context(), usage.Query{Since: at.Add(-7 * 24 * time.Hour), Until: at.Add(time.Hour), Step: time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
}
