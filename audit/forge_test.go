package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/audit/record"
)

// forge rewrites the second record and chains those behind it, up to a number, as
// somebody without the key can.
func forge(t *testing.T, m *memory, last int) {
	t.Helper()
	prev := Hash{}
	for i := range last {
		r, err := record.Decode(m.rows[i].Body)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			r.Summary = "GET /innocent"
		}
		r.Seal(r.Seq, prev, r.Recorded)
		m.rows[i].Body, prev = r.Body(), r.Hash
	}
}

// unmark takes away what was signed before the latest head.
func unmark(m *memory) {
	for name := range m.heads {
		if strings.HasPrefix(name, "mark ") {
			delete(m.heads, name)
		}
	}
}

// accept opens the log again and accepts what is missing.
func accept(t *testing.T, m *memory) ([]Gap, error) {
	t.Helper()
	l := openLog(t, m, Options{Signer: newKey(1), Now: (&calendar{t: month(5)}).now})
	gaps, err := l.Accept(t.Context())
	return gaps, errors.Join(err, l.Close())
}

// losses take away the tenth record, or all that stand behind the ninth.
var losses = map[string]func(*memory){
	"one record": func(m *memory) { m.rows = slices.Delete(m.rows, 9, 10) },
	"the tail":   func(m *memory) { m.rows = m.rows[:9] },
}

// TestT56_WhatStandsBeforeAGapIsProven: records that are missing are no cover to
// rewrite those before them. What was signed along the way denies them, and so
// nobody accepts them.
func TestT56_WhatStandsBeforeAGapIsProven(t *testing.T) {
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			m := year(t)
			forge(t, m, 9)
			lose(m)
			if gaps, err := accept(t, m); !errors.Is(err, ErrChanged) {
				t.Errorf("%+v, %v", gaps, err)
			}
			if report := verify(t, m); report.OK() {
				t.Errorf("it passes: %+v", report)
			}
		})
	}
}

// TestT56_WhatNoSignatureCoversIsNamed: who takes the earlier heads away takes the
// proof away, but then everybody who accepts the gap or verifies reads of which
// records, for good.
func TestT56_WhatNoSignatureCoversIsNamed(t *testing.T) {
	const doubt = "no signature covered the records 1 to 9 before them"
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			m := year(t)
			forge(t, m, 9)
			lose(m)
			unmark(m)
			if report := verify(t, m); report.OK() || !strings.Contains(report.Problems[0].What, doubt) {
				t.Errorf("before it is accepted: %+v", report.Problems)
			}
			gaps, err := accept(t, m)
			if err != nil || len(gaps) != 1 || gaps[0].Doubt() != doubt {
				t.Fatalf("%+v, %v", gaps, err)
			}
			report := verify(t, m)
			if !report.OK() || len(report.Accepted) != 1 || report.Accepted[0].Doubt() != doubt {
				t.Errorf("%+v", report)
			}
			for name, h := range m.heads { // the doubt is signed as well
				h.Unproven = 0
				m.heads[name] = h
			}
			if report := verify(t, m); report.OK() {
				t.Error("the doubt can be taken away")
			}
		})
	}
}

// TestT56_WhatStoodBeforeAnAcceptedGapStays: an acceptance covers the records before
// the gap, also where nothing else that was signed is left.
func TestT56_WhatStoodBeforeAnAcceptedGapStays(t *testing.T) {
	for name, lose := range losses {
		for marks, take := range map[string]func(*memory){"": func(*memory) {}, ", no marks": unmark} {
			t.Run(name+marks, func(t *testing.T) {
				m := year(t)
				lose(m)
				if gaps, err := accept(t, m); err != nil || len(gaps) != 1 || gaps[0].Unproven != 0 {
					t.Fatalf("an honest gap: %+v, %v", gaps, err)
				}
				take(m)
				if report := verify(t, m); !report.OK() || report.Accepted[0].Unproven != 0 {
					t.Fatalf("an honest log: %+v", report)
				}
				forge(t, m, 9)
				if report := verify(t, m); report.OK() || report.Problems[0].Seq > 9 {
					t.Errorf("it passes: %+v", report)
				}
				if gaps, err := accept(t, m); !errors.Is(err, ErrChanged) {
					t.Errorf("accepted again: %+v, %v", gaps, err)
				}
				delete(m.heads, acceptedPrefix+"10")
				unmark(m)
				if report := verify(t, m); report.OK() || !strings.Contains(fmt.Sprint(report.Problems), "the records 1 to 9") {
					t.Errorf("without the acceptance: %+v", report)
				}
			})
		}
	}
}

// TestAWiderGapKeepsItsDoubt: what one acceptance named as unproven, the next one
// behind the same record names as well.
func TestAWiderGapKeepsItsDoubt(t *testing.T) {
	m := year(t)
	m.rows = slices.Delete(m.rows, 4, 5)
	gaps, err := accept(t, m)
	if err != nil || len(gaps) != 1 || gaps[0].Doubt() != "no signature covered the records 4 to 4 before them" {
		t.Fatalf("%+v, %v", gaps, err)
	}
	m.rows = slices.Delete(m.rows, 4, 5)
	gaps, err = accept(t, m)
	if err != nil || len(gaps) != 1 || gaps[0].From != 5 || gaps[0].To != 6 || gaps[0].Unproven != 4 {
		t.Fatalf("%+v, %v", gaps, err)
	}
	if report := verify(t, m); !report.OK() || len(report.Accepted) != 1 {
		t.Errorf("%+v", report)
	}
}

// TestAnAcceptanceThatSaysNothingOfBefore is none: such were signed once.
func TestAnAcceptanceThatSaysNothingOfBefore(t *testing.T) {
	m := year(t)
	m.rows = slices.Delete(m.rows, 9, 10)
	next, err := record.Decode(m.rows[9].Body)
	if err != nil {
		t.Fatal(err)
	}
	m.heads[acceptedPrefix+"10"] = Head{Seq: 10, Hash: next.Prev}.Sealed(newKey(1), month(4), acceptedPrefix+"10")
	if report := verify(t, m); report.OK() || len(report.Accepted) > 0 {
		t.Errorf("%+v", report)
	}
	if _, err := accept(t, m); err != nil {
		t.Error(err)
	}
	if report := verify(t, m); !report.OK() || len(report.Accepted) != 1 {
		t.Errorf("once accepted anew: %+v", report)
	}
}

// TestAForkShows: two heads of one number that name different records.
func TestAForkShows(t *testing.T) {
	m := year(t)
	m.heads["mark 01m"] = Head{Seq: 9, Hash: Hash{1}}.Sealed(newKey(1), month(4), latestHead)
	if report := verify(t, m); report.OK() {
		t.Error("it passes")
	}
}
