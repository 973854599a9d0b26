package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestMissingRecordsAreAccepted: after a restore without the records, or without some
// of them, the chain goes on from what was signed, and an operator may sign that what
// is missing is known to be. Whatever else is wrong stays wrong.
func TestMissingRecordsAreAccepted(t *testing.T) {
	for name, c := range map[string]struct {
		lose  func(*memory)
		gap   Gap
		first uint64 // of the records that come then
	}{
		"all of them": {func(m *memory) { m.rows = nil }, Gap{From: 1, To: 12}, 13},
		"the newest":  {func(m *memory) { m.rows = m.rows[:9] }, Gap{From: 10, To: 12}, 13},
		"one month":   {func(m *memory) { m.rows = slices.Delete(m.rows, 3, 6) }, Gap{From: 4, To: 6}, 13},
		"the oldest":  {func(m *memory) { m.rows = slices.Delete(m.rows, 0, 3) }, Gap{From: 1, To: 3}, 13},
	} {
		for _, more := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s, and then %d", name, more), func(t *testing.T) {
				m, clock := year(t), &calendar{t: month(5)}
				c.lose(m)
				l := openLog(t, m, Options{Signer: newKey(1), Now: clock.now})
				for range more {
					do(t, l, act("/new"), allow, ok)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				if report := verify(t, m); report.OK() {
					t.Fatal("nothing is missing")
				}
				l = openLog(t, m, Options{Signer: newKey(1), Now: clock.now})
				gaps, err := l.Accept(t.Context())
				if err != nil || len(gaps) != 1 || gaps[0].From != c.gap.From || gaps[0].To != c.gap.To {
					t.Fatalf("%+v, %v", gaps, err)
				}
				if _, err := l.Accept(t.Context()); !errors.Is(err, ErrNoGap) {
					t.Errorf("accepted twice: %v", err)
				}
				do(t, l, act("/later"), allow, ok)
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				report := verify(t, m)
				if !report.OK() || len(report.Accepted) != 1 || report.Last != c.first+uint64(more) {
					t.Errorf("%+v", report)
				}
				// The signature is for this gap only.
				m.rows = m.rows[:len(m.rows)-1]
				if len(m.rows) > 0 {
					m.rows = m.rows[1:]
				}
				if report := verify(t, m); report.OK() {
					t.Error("more may be missing than was accepted")
				}
			})
		}
	}
}

// TestChangedRecordsAreNotAccepted: a gap beside something worse, or a gap that
// somebody without the key says was accepted.
func TestChangedRecordsAreNotAccepted(t *testing.T) {
	for name, tamper := range map[string]func(*memory){
		"a changed record": func(m *memory) {
			m.rows[5].Body = []byte(strings.Replace(string(m.rows[5].Body), `"verdict":"allow"`, `"verdict":"deny"`, 1))
		},
		"a gap and a changed record": func(m *memory) {
			m.rows = slices.Delete(m.rows, 0, 3)
			m.rows[5].Agent = "innocent"
		},
		"a head by another key": func(m *memory) {
			h := Head{Seq: 3, Hash: Hash{1}, Key: newKey(2).Public()}
			h.Signature = newKey(2).Sign(h.Message(acceptedPrefix + "1"))
			m.heads[acceptedPrefix+"1"] = h
			m.rows = slices.Delete(m.rows, 0, 3)
		},
		"a head for another gap": func(m *memory) {
			m.heads[acceptedPrefix+"1"] = m.heads[latestHead]
			m.rows = slices.Delete(m.rows, 0, 3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, clock := year(t), &calendar{t: month(5)}
			tamper(m)
			l := openLog(t, m, Options{Signer: newKey(1), Now: clock.now})
			if gaps, err := l.Accept(t.Context()); !errors.Is(err, ErrChanged) {
				t.Errorf("%+v, %v", gaps, err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if report := verify(t, m); report.OK() {
				t.Error("it passes")
			}
		})
	}
}
