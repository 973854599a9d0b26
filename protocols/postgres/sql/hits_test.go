//go:build cgo

package sql

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// rate gives how many of the texts so far were known.
func (s Stats) rate() float64 {
	known := float64(s.Template + s.Exact)
	return known / (known + float64(s.Fast+s.Full+s.Refused))
}

// TestHits: what programs send is known after a few of its kind.
func TestHits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(36, 5))
	n := func(most int) int { return rnd.IntN(most) }
	traffic := map[string]struct {
		least float64
		texts func() []string
	}{
		"pgbench": {0.99, func() []string { // the built-in script, as pgbench 15 sends it
			aid, bid, tid, delta := n(100000)+1, n(10)+1, n(100)+1, n(10000)-5000
			return []string{
				"BEGIN;",
				fmt.Sprintf("UPDATE pgbench_accounts SET abalance = abalance + %d WHERE aid = %d;", delta, aid),
				fmt.Sprintf("SELECT abalance FROM pgbench_accounts WHERE aid = %d;", aid),
				fmt.Sprintf("UPDATE pgbench_tellers SET tbalance = tbalance + %d WHERE tid = %d;", delta, tid),
				fmt.Sprintf("UPDATE pgbench_branches SET bbalance = bbalance + %d WHERE bid = %d;", delta, bid),
				fmt.Sprintf("INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (%d, %d, %d, %d, CURRENT_TIMESTAMP);", tid, bid, aid, delta),
				"END;",
			}
		}},
		"comments before and behind": {0.98, func() []string {
			trace := fmt.Sprintf("traceparent='00-%016x%016x-%016x-01'", rnd.Uint64(), rnd.Uint64(), rnd.Uint64())
			return []string{
				fmt.Sprintf("SELECT id, total FROM orders WHERE user_id = %d /*%s*/", n(1000), trace),
				fmt.Sprintf("/*app='shop',%s*/ SELECT id FROM users WHERE name = 'user %d' AND score > %d.%d", trace, n(1000), n(9), n(9)),
				fmt.Sprintf("SELECT 1 -- %s", trace),
			}
		}},
		"an ORM": {0.9, func() []string {
			ids := fmt.Sprint(n(1000))
			for range n(20) {
				ids += fmt.Sprintf(", %d", n(1000))
			}
			return []string{
				"BEGIN",
				"SELECT users.id AS users_id, users.name AS users_name FROM users WHERE users.id IN (" + ids + ")",
				fmt.Sprintf("SELECT o.id, o.price * 1.%d FROM orders o WHERE o.user_id = %d ORDER BY o.id LIMIT %d OFFSET %d", n(99), n(1000), 21, n(100)*21),
				fmt.Sprintf("UPDATE users SET name = 'it''s %d', at = '2026-01-%02d'::timestamptz WHERE users.id = %d", n(1000), n(28)+1, n(1000)),
				"COMMIT",
			}
		}},
	}
	for name, c := range traffic {
		t.Run(name, func(t *testing.T) {
			a := New(8 << 20)
			for range 400 {
				for _, text := range c.texts() {
					if _, err := a.Parse(text, confirmed()); err != nil {
						t.Fatalf("%s: %v", text, err)
					}
				}
			}
			a.Parse("SELEC 1", confirmed())    //nolint:errcheck // counted below
			a.Parse("SELECT '\\'", &Session{}) //nolint:errcheck // counted below
			if s := a.Stats(); s.Refused != 2 {
				t.Errorf("two texts were refused: %+v", s)
			}
			if r := a.Stats().rate(); r < c.least {
				t.Errorf("%.4f of the texts were known, want %v: %+v", r, c.least, a.Stats())
			}
		})
	}
}
