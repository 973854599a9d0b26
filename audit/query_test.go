package audit

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestQueryPages(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{})
	for i := range 10 {
		do(t, l, act(fmt.Sprintf("/%d", i)), allow, ok)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for q := (Query{Limit: 4}); ; {
		rs, err := l.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) == 0 {
			break
		}
		for _, r := range rs {
			got = append(got, r.Seq)
		}
		q.Before = rs[len(rs)-1].Seq
	}
	if fmt.Sprint(got) != "[10 9 8 7 6 5 4 3 2 1]" {
		t.Errorf("%v", got)
	}
	if rs, err := l.Query(t.Context(), Query{After: 8}); err != nil || len(rs) != 2 || rs[1].Seq != 9 {
		t.Errorf("behind 8: %v, %v", err, rs)
	}
	if rs, err := l.Query(t.Context(), Query{Within: time.Hour}); err != nil || len(rs) != 10 {
		t.Errorf("%v, %d records", err, len(rs))
	}
}

func TestFollow(t *testing.T) {
	l := openLog(t, newMemory(), Options{})
	q, err := ParseQuery("verdict:deny")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	events := l.Follow(ctx, q)
	do(t, l, act("/yes"), allow, ok)
	do(t, l, act("/no"), deny, ok)
	e := <-events
	if e.Record.Summary != "GET /no" || e.Record.Seq != 2 || e.Record.Hash == (Hash{}) || e.Lost != 0 {
		t.Errorf("%+v", e)
	}
	stop()
	if e, ok := <-events; ok {
		t.Errorf("%+v", e)
	}
	rest := l.Follow(t.Context(), Query{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := <-rest; ok {
		t.Error("the log is closed and its followers wait")
	}
	if _, ok := <-l.Follow(t.Context(), Query{}); ok {
		t.Error("a closed log can be followed")
	}
}

func TestSlowFollowerIsToldWhatItLost(t *testing.T) {
	l := openLog(t, newMemory(), Options{})
	events := l.Follow(t.Context(), Query{})
	const room = 1024 // see watch
	const all = room + 50
	for range all {
		do(t, l, act("/"), allow, ok)
	}
	eventually(t, "all are written", func() bool { return l.Stats().Written == all })
	for range room {
		if e := <-events; e.Lost != 0 {
			t.Fatalf("%d lost too early", e.Lost)
		}
	}
	do(t, l, act("/"), allow, ok)
	if e := <-events; e.Lost != 50 || e.Record.Seq != all+1 {
		t.Errorf("lost %d before %d", e.Lost, e.Record.Seq)
	}
}

func TestExport(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{})
	do(t, l, act("/yes"), allow, ok)
	do(t, l, act("/no"), deny, ok)
	do(t, l, act("/yes/again"), allow, ok)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	m.rows[0].Recorded = m.rows[0].Recorded.Add(-2 * time.Hour)
	export := func(query string) (got []string) {
		t.Helper()
		q, err := ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		err = l.Export(t.Context(), q, func(line []byte) error {
			var r Record
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			if r.Hash != Hash(sha256.Sum256(m.rows[r.Seq-1].Body)) {
				t.Errorf("record %d has another hash", r.Seq)
			}
			got = append(got, r.Summary)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for query, want := range map[string]string{
		"":                       "[GET /yes GET /no GET /yes/again]",
		"limit:1":                "[GET /yes GET /no GET /yes/again]",
		"since:1h":               "[GET /no GET /yes/again]",
		"since:1h verdict:allow": "[GET /yes/again]",
		"before:3":               "[GET /yes GET /no]",
		"until:2020-01-01":       "[]",
		"since:2099-01-01":       "[]",
		"!verdict:allow":         "[GET /no]",
	} {
		if got := fmt.Sprint(export(query)); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	failed := errors.New("enough")
	if err := l.Export(t.Context(), Query{}, func([]byte) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}
