package audit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
)

// die gives what the gateway of m leaves if it dies now: its store and a copy of
// its journal.
func die(t *testing.T, m *memory) *memory {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	left := newMemory()
	left.rows = append(left.rows, m.rows...)
	for id, i := range m.intents {
		left.intents[id] = i
	}
	for name, h := range m.heads {
		left.heads[name] = h
	}
	b, err := os.ReadFile(m.journal)
	if err != nil {
		t.Fatal(err)
	}
	left.journal = filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(left.journal, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return left
}

func journaled(t *testing.T) *memory {
	m := newMemory()
	m.journal = filepath.Join(t.TempDir(), "journal")
	return m
}

// outcomes gives how often each summary ended how.
func outcomes(t *testing.T, m *memory) map[string]int {
	got := map[string]int{}
	for _, r := range m.records(t) {
		got[r.Summary+" "+r.Outcome]++
	}
	return got
}

// TestT50_CrashLeavesARecordOfEveryAction proves that an action whose Begin has
// returned has exactly one record, wherever the process died, and that the record
// of one whose facts are gone does not pass for one that had none.
func TestT50_CrashLeavesARecordOfEveryAction(t *testing.T) {
	m := journaled(t)
	l := openLog(t, m, Options{Signer: newKey(1)})
	do(t, l, act("/kept"), allow, ok)
	eventually(t, "one is kept", func() bool { return l.Stats().Written == 1 })
	m.set(func() { m.failAppend = errors.New("busy") })
	early, late := act("/early"), act("/late")
	late.Time = late.Time.Add(time.Second)
	early.Time = early.Time.Add(-time.Second)
	do(t, l, late, allow, ok)
	do(t, l, act("/failed"), allow, action.Result{Failed: true})
	do(t, l, act("/refused"), deny, action.Result{})
	if err := l.Begin(t.Context(), early, allow); err != nil {
		t.Fatal(err)
	}
	left := die(t, m)
	again := openLog(t, left, Options{Signer: newKey(1)})
	for what, n := range map[string]int{"GET /kept done": 1, "GET /late done": 1, "GET /failed failed": 1, "GET /refused refused": 1, "GET /early unknown": 1} {
		if got := outcomes(t, left); got[what] != n || len(got) != 5 {
			t.Errorf("%d of %q in %v", got[what], what, got)
		}
	}
	rs := left.records(t)
	if rs[1].Summary != "GET /early" || rs[len(rs)-1].Summary != "GET /late" {
		t.Errorf("not in order: %v", outcomes(t, left))
	}
	for _, r := range rs[1:] {
		if _, err := r.Action(tables()); err == nil {
			t.Errorf("%s can be judged again, without its facts", r.Summary)
		}
		if r.Agent.Name != "ci" || r.Verdict == "" || r.Rule == "" {
			t.Errorf("%+v", r)
		}
	}
	if left.heads[latestHead].Seq != 5 {
		t.Error("what was recovered is not signed")
	}
	// It dies once more, before it could forget what it has recovered.
	twice := die(t, left)
	if err := os.Rename(die(t, m).journal, twice.journal); err != nil {
		t.Fatal(err)
	}
	openLog(t, twice, Options{Signer: newKey(1)})
	if got := len(twice.records(t)); got != 5 {
		t.Errorf("%d records after a second crash: %v", got, outcomes(t, twice))
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := again.Verify(t.Context()); err != nil || !report.OK() {
		t.Errorf("%v %+v", err, report)
	}
	m.set(func() { m.failAppend = nil })
}

// TestCrashInStrictModeKeepsFactsAndEnds proves that an intent and the note of
// the same action become one record, with the facts of one and the end of the
// other.
func TestCrashInStrictModeKeepsFactsAndEnds(t *testing.T) {
	m := journaled(t)
	l := openLog(t, m, Options{Strict: true})
	m.set(func() { m.failAppend = errors.New("busy") })
	begun, ended := act("/begun"), act("/ended")
	for _, a := range []*action.Action{begun, ended} {
		if err := l.Begin(t.Context(), a, allow); err != nil {
			t.Fatal(err)
		}
	}
	l.End(ended, allow, ok)
	left := die(t, m)
	openLog(t, left, Options{Strict: true})
	if got := outcomes(t, left); len(left.rows) != 2 || got["GET /begun unknown"] != 1 || got["GET /ended done"] != 1 {
		t.Errorf("%v", got)
	}
	for _, r := range left.records(t) {
		if a, err := r.Action(tables()); err != nil || len(a.Parts) != 1 {
			t.Errorf("%v", err)
		}
		if r.Outcome == record.Done && (r.Status != "200" || r.Received != 345 || r.Duration != time.Second) {
			t.Errorf("%+v", r)
		}
	}
	m.set(func() { m.failAppend = nil })
}

// TestGapSurvivesACrash proves that what was counted as lost is told of, even if
// the gateway dies before the store is back.
func TestGapSurvivesACrash(t *testing.T) {
	m := journaled(t)
	m.failAppend = errors.New("disk full")
	l := openLog(t, m, Options{Queue: 4})
	all := 0
	for ; l.Stats().Lost < 3; all++ {
		do(t, l, act("/"), allow, ok)
	}
	lost := l.Stats().Lost
	left := die(t, m)
	again := openLog(t, left, Options{Queue: 4})
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	missing, kept := uint64(0), 0
	for _, r := range left.records(t) {
		missing += r.Missing
		if r.Kind != record.KindGap {
			kept++
		}
	}
	if missing != lost || kept+int(lost) != all {
		t.Errorf("%d begun, %d kept, %d told missing of %d", all, kept, missing, lost)
	}
	if again := openLog(t, die(t, left), Options{Queue: 4}); again.Stats().Lost != 0 {
		t.Error("the gap is told of again")
	}
	m.set(func() { m.failAppend = nil })
}

// TestCloseWithoutAStoreLosesNothing proves that what could not be written before
// the end is written at the next start.
func TestCloseWithoutAStoreLosesNothing(t *testing.T) {
	m := journaled(t)
	m.failAppend = errors.New("disk full")
	l := openLog(t, m, Options{})
	do(t, l, act("/"), allow, ok)
	eventually(t, "the failure is seen", func() bool { return l.Health() != nil })
	if err := l.Close(); err == nil {
		t.Error("nothing is said of what could not be written")
	}
	m.failAppend = nil
	if err := openLog(t, m, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if got := outcomes(t, m); len(m.rows) != 1 || got["GET / done"] != 1 {
		t.Errorf("%v", got)
	}
}

// TestFullJournalSlowsAgentsDown proves that nothing is begun without a slot while
// the store works, and that actions pass, counted, while it does not.
func TestFullJournalSlowsAgentsDown(t *testing.T) {
	m := journaled(t)
	l := openLog(t, m, Options{Queue: 1})
	agents := []*action.Peer{{ID: "1"}, {ID: "2"}, {ID: "3"}, {ID: "4"}, {ID: "5"}}
	var all []*action.Action
	for i := range 1 + maxRunning {
		a := act("/")
		a.Peer = agents[i/(maxRunning/maxShare)]
		if err := l.Begin(t.Context(), a, allow); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	more := act("/more")
	begun := make(chan error)
	go func() { begun <- l.Begin(t.Context(), more, allow) }()
	eventually(t, "it waits", func() bool { return l.Stats().Blocked == 1 })
	l.End(all[0], allow, ok)
	if err := <-begun; err != nil {
		t.Fatal(err)
	}
	m.set(func() { m.failAppend = errors.New("disk full") })
	l.End(all[1], allow, ok)
	eventually(t, "the failure is seen", func() bool { return l.Health() != nil })
	do(t, l, act("/unrecorded"), allow, ok)
	if l.Stats().Lost != 1 || l.journal.Missing() != 1 {
		t.Errorf("%+v", l.Stats())
	}
	m.set(func() { m.failAppend = nil })
	eventually(t, "the gap is told", func() bool { return l.journal.Missing() == 0 })
}

func TestUnusableJournalIsAnError(t *testing.T) {
	m := newMemory()
	m.journal = filepath.Join(t.TempDir(), "no", "journal")
	if _, err := New(t.Context(), m, tables(), Options{}); err == nil {
		t.Error("a log without its journal was opened")
	}
}
