package audit

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/audit/record"
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

func month(m int) time.Time { return time.Date(2026, time.Month(m), 10, 12, 0, 0, 0, time.UTC) }

// year fills a log with three records in each of four months.
func year(t *testing.T) *memory {
	t.Helper()
	m := newMemory()
	clock := &calendar{t: month(1)}
	for i := range 4 {
		clock.set(month(i + 1))
		l := openLog(t, m, Options{Signer: newKey(1), Now: clock.now})
		for n := range 3 {
			do(t, l, act(fmt.Sprintf("/%d/%d", i, n)), allow, ok)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func verify(t *testing.T, m *memory) Report {
	t.Helper()
	report, err := Verify(t.Context(), m, newKey(1).Public())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestVerify(t *testing.T) {
	report := verify(t, year(t))
	if !report.OK() || report.Records != 12 || report.First != 1 || report.Last != 12 || report.Signed != 12 || len(report.Months) != 4 {
		t.Errorf("%+v", report)
	}
	if report := verify(t, newMemory()); !report.OK() {
		t.Errorf("empty: %+v", report)
	}
}

// rebuild forges the chain from a record on, as somebody without the key can.
func rebuild(m *memory, from int, change func(*Record)) {
	prev := Hash{}
	for i := range m.rows {
		r, err := record.Decode(m.rows[i].Body)
		if err != nil {
			continue
		}
		if i == from {
			change(&r)
		}
		if i >= from {
			r.Seal(r.Seq, prev, r.Recorded)
			m.rows[i].Body = r.Body()
		}
		prev = r.Hash
	}
}

func TestVerifyDetects(t *testing.T) {
	edit := func(m *memory, i int, from, to string) {
		m.rows[i].Body = bytes.Replace(m.rows[i].Body, []byte(from), []byte(to), 1)
	}
	for name, c := range map[string]struct {
		tamper func(*memory)
		want   string
	}{
		"a changed record":          {func(m *memory) { edit(m, 5, `"verdict":"allow"`, `"verdict":"deny"`) }, "does not follow"},
		"a changed last record":     {func(m *memory) { edit(m, 11, `"verdict":"allow"`, `"verdict":"deny"`) }, "not the one that was signed"},
		"a changed number":          {func(m *memory) { edit(m, 5, `"seq":6`, `"seq":7`) }, "filed under"},
		"a record that is no JSON":  {func(m *memory) { m.rows[5].Body = []byte("{") }, "cannot be read"},
		"another agent's column":    {func(m *memory) { m.rows[5].Agent = "innocent" }, "filed under"},
		"another id column":         {func(m *memory) { m.rows[5].ID = "x" }, "filed under"},
		"another time column":       {func(m *memory) { m.rows[5].Recorded = month(7) }, "filed under"},
		"a record in another month": {func(m *memory) { m.rows[5].Month = "2026-07" }, "filed under"},
		"a deleted record":          {func(m *memory) { m.rows = slices.Delete(m.rows, 5, 6) }, "1 records are missing"},
		"a deleted first record":    {func(m *memory) { m.rows = slices.Delete(m.rows, 0, 1) }, "1 records are missing"},
		"a deleted month":           {func(m *memory) { m.rows = slices.Delete(m.rows, 3, 6) }, "3 records are missing"},
		"a deleted oldest month":    {func(m *memory) { m.rows = slices.Delete(m.rows, 0, 3) }, "3 records are missing"},
		"bodies that changed places": {func(m *memory) {
			m.rows[4].Body, m.rows[5].Body = m.rows[5].Body, m.rows[4].Body
		}, "filed under"},
		"rows that changed places": {func(m *memory) { m.rows[4], m.rows[5] = m.rows[5], m.rows[4] }, "stands where"},
		"a copied record":          {func(m *memory) { m.rows = slices.Insert(m.rows, 6, m.rows[5]) }, "stands where"},
		"a truncated log":          {func(m *memory) { m.rows = m.rows[:10] }, "2 records at the end are missing"},
		"an emptied log":           {func(m *memory) { m.rows = nil }, "12 records at the end are missing"},
		"a truncated log and head": {func(m *memory) { m.rows = m.rows[:10]; delete(m.heads, latestHead) }, "no signed head"},
		"a rebuilt chain":          {func(m *memory) { rebuild(m, 5, func(r *Record) { r.Verdict = "deny" }) }, "not the one that was signed"},
		"a rebuilt chain and head": {func(m *memory) {
			rebuild(m, 5, func(r *Record) { r.Verdict = "deny" })
			last, _ := record.Decode(m.rows[11].Body)
			h := m.heads[latestHead]
			h.Hash = last.Hash
			m.heads[latestHead] = h
		}, "wrong signature"},
		"a head by another key": {func(m *memory) {
			h := m.heads[latestHead]
			h.Key, h.Signature = newKey(2).Public(), newKey(2).Sign(h.Message(latestHead))
			m.heads[latestHead] = h
		}, "another key"},
		"an old head passed off as a dropped month": {func(m *memory) {
			m.heads[droppedPrefix+"2026-01"] = m.heads[latestHead]
			m.rows = nil
		}, "wrong signature"},
	} {
		t.Run(name, func(t *testing.T) {
			m := year(t)
			c.tamper(m)
			report := verify(t, m)
			if s := fmt.Sprint(report.Problems); !strings.Contains(s, c.want) {
				t.Errorf("%s does not say %q", s, c.want)
			}
		})
	}
}

func TestTruncationShowsAfterARestart(t *testing.T) {
	m := year(t)
	m.rows = m.rows[:10]
	clock := &calendar{t: month(5)}
	l := openLog(t, m, Options{Signer: newKey(1), Now: clock.now})
	for range 10 { // overtake the old head
		do(t, l, act("/new"), allow, ok)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if report := verify(t, m); report.OK() || report.Problems[0].Seq != 12 {
		t.Errorf("%+v", report)
	}
}

func TestUnsignedLogVerifies(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{})
	do(t, l, act("/"), allow, ok)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := Verify(t.Context(), m, ed25519.PublicKey(nil)); err != nil || !report.OK() {
		t.Errorf("%v %+v", err, report)
	}
}

func TestOldMonthsAreDropped(t *testing.T) {
	m := year(t)
	clock := &calendar{t: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	l := openLog(t, m, Options{Signer: newKey(1), Now: clock.now, Keep: 59 * 24 * time.Hour})
	do(t, l, act("/may"), allow, ok)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	report := verify(t, m)
	// 59 days before May 1 is March 3: March may still be needed.
	if !report.OK() || !slices.Equal(report.Dropped, []string{"2026-01", "2026-02"}) || report.First != 7 || report.Last != 13 {
		t.Errorf("%+v", report)
	}
	m.rows = slices.Delete(m.rows, 0, 3) // March goes without its hash
	if report := verify(t, m); report.OK() {
		t.Error("a month that was removed by hand passed for a dropped one")
	}
}

func TestNewestMonthIsNeverDropped(t *testing.T) {
	m := year(t)
	clock := &calendar{t: month(12)}
	l := openLog(t, m, Options{Signer: newKey(1), Now: clock.now, Keep: time.Hour})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// The chain goes on from its last record: without one it would begin again.
	if report := verify(t, m); !report.OK() || report.Records != 3 || report.Last != 12 {
		t.Errorf("%+v", report)
	}
}

func TestHeadIsSignedOnceAMinute(t *testing.T) {
	m := newMemory()
	clock := &calendar{t: month(1)}
	l := openLog(t, m, Options{Signer: newKey(1), Now: clock.now})
	signed := func() uint64 {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.heads[latestHead].Seq
	}
	do(t, l, act("/1"), allow, ok)
	eventually(t, "the first is signed", func() bool { return signed() == 1 })
	do(t, l, act("/2"), allow, ok)
	eventually(t, "the second is written", func() bool { return l.Stats().Written == 2 })
	if signed() != 1 {
		t.Error("signed again within the minute")
	}
	clock.set(month(1).Add(time.Minute))
	eventually(t, "the second is signed", func() bool { return signed() == 2 })
}

// TestIdleLogSignsItsFirstRecord proves that what comes after a quiet time, at a
// start, at Close, or after the clock went back does not wait for a minute.
func TestIdleLogSignsItsFirstRecord(t *testing.T) {
	m := newMemory()
	clock := &calendar{t: month(1)}
	signed := func() uint64 {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.heads[latestHead].Seq
	}
	l := openLog(t, m, Options{Signer: newKey(1), Now: clock.now})
	for i, at := range []time.Time{month(1), month(1).Add(2 * time.Minute), month(2), month(1)} {
		clock.set(at)
		do(t, l, act("/"), allow, ok)
		eventually(t, "it is signed", func() bool { return signed() == uint64(i+1) })
	}
	do(t, l, act("/last"), allow, ok)
	if err := l.Close(); err != nil || signed() != 5 {
		t.Errorf("%v, %d are signed", err, signed())
	}
	delete(m.heads, latestHead) // as if it had died before it could sign
	openLog(t, m, Options{Signer: newKey(1), Now: clock.now})
	if signed() != 5 {
		t.Errorf("%d are signed at the start", signed())
	}
}

// T56: records over which no signature of this gateway stands at a start are taken as
// they are, and that is told, then and by every later check.
func TestT56_RecordsWithoutASignatureAreNotSignedInSilence(t *testing.T) {
	kept := func(t *testing.T) *memory {
		m := newMemory()
		l := openLog(t, m, Options{Signer: newKey(1)})
		for range 3 {
			do(t, l, act("/"), allow, ok)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for name, tt := range map[string]struct {
		harm  func(m *memory)
		found uint64
	}{
		"as it was":             {func(*memory) {}, 0},
		"the heads removed":     {func(m *memory) { clear(m.heads) }, 3},
		"signed by another key": {func(m *memory) { m.heads[latestHead] = m.heads[latestHead].Sealed(newKey(2), month(4), latestHead) }, 3},
		"a store that is new":   {func(m *memory) { *m = *newMemory() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := kept(t)
			tt.harm(m)
			var said strings.Builder
			l := openLog(t, m, Options{Signer: newKey(1), Log: slog.New(slog.NewTextHandler(&said, nil))})
			if l.Stats().Found != tt.found || strings.Contains(said.String(), "vouched_from=4") != (tt.found > 0) {
				t.Errorf("found %d, and said %q", l.Stats().Found, said.String())
			}
			do(t, l, act("/"), allow, ok)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = openLog(t, m, Options{Signer: newKey(1)})
			report, err := l.Verify(t.Context())
			if err != nil || !report.OK() || l.Stats().Found != 0 || len(report.Found) != min(1, int(tt.found)) || tt.found > 0 && report.Found[0].To != tt.found {
				t.Errorf("later: %+v, %v", report, err)
			}
		})
	}
	m := kept(t)
	clear(m.heads)
	if l := openLog(t, m, Options{}); l.Stats().Found != 0 {
		t.Error("where nothing is signed, nothing can be missing")
	}
}

// T56: an earlier head in the place of the latest is a signature of this gateway, too,
// and gives nobody room to write what came after it anew: no crash leaves so much
// without a signature. What a crash does leave is taken without a word.
func TestT56_AnEarlierHeadVouchesForNothingLater(t *testing.T) {
	for name, tt := range map[string]struct {
		apart time.Duration // between the records that no signature covers
		found uint64
	}{
		"a crash":         {20 * time.Second, 0},
		"an earlier head": {20 * time.Minute, 4},
	} {
		t.Run(name, func(t *testing.T) {
			m, now := newMemory(), month(4)
			clock := func() time.Time { return now }
			l := openLog(t, m, Options{Signer: newKey(1), Now: clock})
			do(t, l, act("/"), allow, ok)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			earlier := m.heads[latestHead]
			now = now.Add(time.Hour) // nothing happened meanwhile
			for range 3 {
				l = openLog(t, m, Options{Signer: newKey(1), Now: clock})
				do(t, l, act("/anew"), allow, ok)
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				now = now.Add(tt.apart)
			}
			m.heads = map[string]Head{latestHead: earlier}
			l = openLog(t, m, Options{Signer: newKey(1), Now: clock})
			if got := l.Stats().Found; got != tt.found {
				t.Errorf("found %d, want %d", got, tt.found)
			}
			report, err := l.Verify(t.Context())
			if err != nil || !report.OK() || len(report.Found) != min(1, int(tt.found)) {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}
