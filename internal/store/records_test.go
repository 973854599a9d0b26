package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/keyring"
)

// calendar is a clock that tests move.
type calendar struct {
	mu sync.Mutex
	t  time.Time
}

func (c *calendar) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *calendar) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func month2026(m int) time.Time { return time.Date(2026, time.Month(m), 10, 12, 0, 0, 0, time.UTC) }

func newSigner(t *testing.T, s *Store) *vault.Signer {
	t.Helper()
	ring, err := keyring.File(context.Background(), filepath.Join(s.Dir(), "key"), true)
	must(t, err)
	v, err := vault.Open(t.Context(), s, ring.Key)
	must(t, err)
	signer, err := v.Signer(t.Context(), "audit")
	must(t, err)
	return signer
}

// fill writes n records in each of the given months, with varied content.
func fill(t *testing.T, s *Store, signer audit.Signer, n int, months ...int) {
	t.Helper()
	clock := &calendar{}
	for _, m := range months {
		clock.set(month2026(m))
		l := openLog(t, s, audit.Options{Now: clock.now, Signer: signer})
		for i := range n {
			a, d, r := example(i)
			a.Time = clock.now().Add(-time.Duration(i) * time.Second)
			p := *peer
			p.Name = []string{"ci", "bot", "100%_real"}[i%3]
			a.Peer = &p
			a.Kind = []string{"request", "query"}[i%2]
			d.Verdict = action.Verdict(i % 3)
			d.Rule = []string{"", "no-drop", `odd "rule" <x>`}[i%3]
			a.Summary = []string{"GET /plain", "DROP TABLE Users", `select '100%_sure' \ "x"`, "Grüße <b>"}[i%4]
			r.Secret = []string{"", "github@3", "cert@1,key@2", "git@1"}[i%4]
			must(t, l.Begin(t.Context(), a, d))
			l.End(a, d, r)
		}
		must(t, l.Close())
	}
}

// TestSelectIsMatch compares the answers of SQL with those of Match alone.
func TestSelectIsMatch(t *testing.T) {
	s := openStore(t, stateDir(t))
	fill(t, s, nil, 60, 9, 10, 11)
	var all []audit.Record
	must(t, s.Scan(t.Context(), 0, func(r audit.Row) error {
		rec, err := record.Decode(r.Body)
		all = append(all, rec)
		return err
	}))
	slices.Reverse(all)
	if len(all) != 180 {
		t.Fatalf("%d records", len(all))
	}
	for _, text := range []string{
		"", "agent:ci", "agent:bot,ci", "!agent:ci", `agent:"100%_real"`, "verdict:deny", "verdict:ask,allow kind:query", "!verdict:deny", "asked:yes", "asked:no", "!asked:yes",
		`rule:"odd \"rule\" <x>"`, "rule:no-drop !agent:ci", "drop", "table users", `"100%_sure"`, `"100__sure"`, `"\\ \"x\""`, "GRÜSSE", "grüße",
		"<b>", "!drop", `"/repos/acme/"`, `"0% SURE"`, `"100%_"`, "2026-10", `"u202e"`, `"\"x\"" "odd \"rule\""`, "since:2026-10-01", "since:2026-10-10T11:59:30Z", "until:2026-10-10T11:59:30Z", "since:2026-10-01 until:2026-10-31",
		"since:2027-01-01", "before:100", "before:100 agent:ci", "method:GET", "method:PUT", "service:github host:api.github.com status:200",
		"session:0q3f5k2m9a", "protocol:http", "outcome:done,refused", "user:ann", "secret:github", "secret:github@3", "secret:key,git", "!secret:cert", "secret:git", "id:" + all[70].ID, "id:nope", "!id:" + all[70].ID,
	} {
		q, err := audit.ParseQuery(text)
		must(t, err)
		for _, q.Limit = range []int{7, audit.MaxLimit} {
			var want []uint64
			for i := range all {
				if q.Match(&all[i]) && len(want) < q.Limit {
					want = append(want, all[i].Seq)
				}
			}
			found, err := s.Select(t.Context(), q)
			must(t, err)
			var got []uint64
			for _, r := range found {
				got = append(got, r.Seq)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q limit %d: got %v, want %v", text, q.Limit, got, want)
			}
		}
	}
}

func TestMonthsRollOverAndDrop(t *testing.T) {
	dir := stateDir(t)
	s := openStore(t, dir)
	signer := newSigner(t, s)
	fill(t, s, signer, 1200, 1, 2)
	fill(t, s, signer, 10, 3, 4)
	clock := &calendar{t: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	l := openLog(t, s, audit.Options{Now: clock.now, Signer: signer, Keep: 59 * 24 * time.Hour})
	must(t, l.Close())
	report, err := audit.Verify(t.Context(), s, signer.Public())
	if err != nil || !report.OK() || report.Records != 20 || report.First != 2401 || !slices.Equal(report.Months, []string{"2026-03", "2026-04"}) {
		t.Errorf("%v %+v", err, report)
	}
	left, err := filepath.Glob(filepath.Join(dir, "audit", "*.db*"))
	if err != nil || slices.ContainsFunc(left, func(p string) bool { return strings.Contains(p, "2026-01") || strings.Contains(p, "2026-02") }) {
		t.Errorf("%v %v", left, err)
	}
	must(t, s.Close())
	s = openStore(t, dir)
	if report, err := audit.Verify(t.Context(), s, signer.Public()); err != nil || !report.OK() {
		t.Errorf("%v %+v", err, report)
	}
	if err := s.DropMonth(t.Context(), "2020-01"); err == nil {
		t.Error("a month that is not there was dropped")
	}
	months, err := s.Months(t.Context())
	if err != nil || len(months) != 2 || months[1].Last.Seq != 2420 {
		t.Errorf("%v %+v", err, months)
	}
}

// TestTamperedFilesShow changes the files as somebody with a shell would.
func TestTamperedFilesShow(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string // in October's file
		file func(t *testing.T, dir string)
		want string
	}{
		"changed body":  {sql: `UPDATE records SET body = replace(body, '"verdict":"deny"', '"verdict":"allow"') WHERE seq = (SELECT seq FROM records WHERE body LIKE '%"deny"%' LIMIT 1)`, want: "does not follow"},
		"changed agent": {sql: `UPDATE records SET agent = 'bot' WHERE seq = 61`, want: "filed under"},
		"changed id":    {sql: `UPDATE records SET id = 'x' WHERE seq = 61`, want: "filed under"},
		"changed time":  {sql: `UPDATE records SET recorded = recorded + 1 WHERE seq = 61`, want: "filed under"},
		"deleted":       {sql: `DELETE FROM records WHERE seq = 61`, want: "records are missing"},
		"moved":         {sql: `UPDATE records SET seq = 1000 WHERE seq = 61`, want: "records are missing"},
		"removed month": {file: func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "audit", "2026-10.db"))) }, want: "40 records are missing"},
		"removed end":   {file: func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "audit", "2026-11.db"))) }, want: "40 records at the end are missing"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := stateDir(t)
			s := openStore(t, dir)
			signer := newSigner(t, s)
			fill(t, s, signer, 40, 9, 10, 11)
			if c.sql != "" {
				db, err := sql.Open("sqlite", dsn(filepath.Join(dir, "audit", "2026-10.db")))
				must(t, err)
				_, err = db.ExecContext(t.Context(), c.sql)
				must(t, err)
				must(t, db.Close())
			} else {
				must(t, s.Close())
				c.file(t, dir)
				s = openStore(t, dir)
			}
			report, err := audit.Verify(t.Context(), s, signer.Public())
			must(t, err)
			if got := fmt.Sprint(report.Problems); !strings.Contains(got, c.want) {
				t.Errorf("%s does not say %q", got, c.want)
			}
		})
	}
}

func TestAppendKeepsAllOrNothing(t *testing.T) {
	s := openStore(t, stateDir(t))
	fill(t, s, nil, 3, 9)
	var first audit.Record
	must(t, s.Scan(t.Context(), 1, func(r audit.Row) (err error) {
		if r.Seq == 1 {
			first, err = record.Decode(r.Body)
		}
		return err
	}))
	batch := make([]audit.Record, 30)
	for i := range batch {
		batch[i] = first
		batch[i].Seq = uint64(10 + i)
	}
	batch[29].Seq = 1 // is there already
	if err := s.Append(t.Context(), batch); err == nil {
		t.Fatal("a record was kept twice")
	}
	if tail, err := s.Tail(t.Context()); err != nil || tail.Seq != 3 {
		t.Errorf("%+v %v", tail, err)
	}
	batch[29].Seq = 39
	must(t, s.Append(t.Context(), batch))
	if tail, err := s.Tail(t.Context()); err != nil || tail.Seq != 39 {
		t.Errorf("%+v %v", tail, err)
	}
}

func TestIntents(t *testing.T) {
	ctx := t.Context()
	dir := stateDir(t)
	s := openStore(t, dir)
	must(t, s.ChangeIntents(ctx, []audit.Intent{{ID: "b", Body: []byte("2")}, {ID: "a", Body: []byte("1")}}, nil))
	must(t, s.ChangeIntents(ctx, []audit.Intent{{ID: "c", Body: []byte("3")}}, []string{"a", "nothing"}))
	must(t, s.Close())
	s = openStore(t, dir)
	all, err := s.LoadIntents(ctx)
	if err != nil || len(all) != 2 || all[0].ID != "b" || string(all[1].Body) != "3" {
		t.Errorf("%v %v", all, err)
	}
}

// TestReadersDoNotWaitForTheWriter queries while records are written.
func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	s := openStore(t, stateDir(t))
	l := openLog(t, s, audit.Options{})
	ctx, stop := context.WithCancel(t.Context())
	var g sync.WaitGroup
	for range 3 {
		g.Go(func() {
			for ctx.Err() == nil {
				if _, err := l.Query(context.Background(), audit.Query{Limit: 5}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 3000 {
		writeRecord(l, i)
	}
	must(t, l.Close())
	stop()
	g.Wait()
	if report, err := l.Verify(t.Context()); err != nil || report.Records != 3000 {
		t.Errorf("%v %+v", err, report)
	}
}

func TestFirstSince(t *testing.T) {
	s := openStore(t, stateDir(t))
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := func(since time.Time) uint64 {
		t.Helper()
		seq, err := s.FirstSince(t.Context(), since)
		if err != nil {
			t.Fatal(err)
		}
		return seq
	}
	if got := first(time.Time{}); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
	prev := audit.Hash{}
	for i, text := range []string{"2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-10-20T08:00:00Z", "2026-11-02T00:00:00Z"} {
		r := audit.Record{ID: fmt.Sprint(i), Time: at(text), Kind: "request"}
		r.Seal(uint64(10+i), prev, at(text))
		prev = r.Hash
		if err := s.Append(t.Context(), []audit.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	for since, want := range map[string]uint64{
		"2026-01-01T00:00:00Z": 10, "2026-09-30T23:59:59Z": 10, "2026-10-01T00:00:00Z": 11, "2026-10-01T00:00:01Z": 13,
		"2026-10-25T00:00:00Z": 14, "2026-11-02T00:00:00Z": 14, "2026-11-02T00:00:01Z": 15, "2027-01-01T00:00:00Z": 15,
	} {
		if got := first(at(since)); got != want {
			t.Errorf("%s: %d, want %d", since, got, want)
		}
	}
	if got := first(time.Time{}); got != 10 {
		t.Errorf("of all: %d", got)
	}
}
