package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
)

func TestRecordHoldsEverything(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{})
	a := act("/repos")
	a.Sample, a.Digest = []byte("beginning"), []byte{0xab, 0xcd}
	d := action.Decision{
		Verdict: action.Allow, Rule: "writes", Reason: "Approved by ann.",
		Asks: []action.Asking{{Rule: "writes", Reason: "Writing asks.", Approvers: []string{"approver.oncall"}}}, Would: []string{"later"},
	}
	do(t, l, a, d, ok)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rs := m.records(t)
	if len(rs) != 1 {
		t.Fatalf("%d records", len(rs))
	}
	got := rs[0]
	want := Record{
		Seq: 1, ID: a.ID, Time: a.Time.UTC(), Recorded: got.Recorded, Session: "s1",
		Agent:   record.Agent{ID: "a1", Name: "ci", User: "ann@acme.dev", Tags: []string{"tag:ci"}, Roles: []string{"dev"}, Addr: "10.77.0.2"},
		Service: "github", Protocol: "http", Host: "api.github.com", Dst: "198.18.0.7:443", Kind: "request", Method: "GET",
		Summary: "GET /repos", Parts: []record.Part{{Effects: "read", Facts: json.RawMessage(`{"method":"GET","path":"/repos"}`)}},
		Verdict: "allow", Rule: "writes", Reason: "Approved by ann.",
		Asks:  []record.Ask{{Rule: "writes", Reason: "Writing asks.", Approvers: []string{"approver.oncall"}}},
		Would: []string{"later"}, Outcome: record.Done, Status: "200", Upstream: "140.82.121.6:443", Injected: true, Secret: "github@3",
		Sent: 12, Received: 345, Rows: 6, Duration: time.Second, Sample: "beginning", Digest: "abcd",
		Hash: got.Hash,
	}
	if !bytes.Equal(got.AppendJSON(nil), want.AppendJSON(nil)) {
		t.Errorf("got  %s\nwant %s", got.AppendJSON(nil), want.AppendJSON(nil))
	}
	back, err := got.Action(tables())
	if err != nil {
		t.Fatal(err)
	}
	a.Time, a.Peer = a.Time.UTC(), &action.Peer{ID: "a1", Name: "ci", User: "ann@acme.dev", Tags: []string{"tag:ci"}, Enrolled: []string{"dev"}, Addr: peer.Addr}
	if !reflect.DeepEqual(back, a) {
		t.Errorf("action: got %+v\nwant %+v", back, a)
	}
	got.Protocol = "gopher"
	if _, err := got.Action(tables()); err == nil {
		t.Error("facts of an unknown protocol were read")
	}
}

func TestEveryRecordIsKept(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{Queue: 16, Signer: newKey(1)})
	var g sync.WaitGroup
	const agents, each = 8, 500
	for n := range agents {
		g.Go(func() {
			for i := range each {
				do(t, l, act(fmt.Sprintf("/%d/%d", n, i)), allow, ok)
			}
		})
	}
	g.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range m.records(t) {
		seen[r.Summary] = true
	}
	if len(seen) != agents*each {
		t.Errorf("%d of %d records", len(seen), agents*each)
	}
	s := l.Stats()
	if s.Begun != agents*each || s.Written != s.Begun || s.Open != 0 || s.Queued != 0 || s.Lost != 0 {
		t.Errorf("stats: %+v", s)
	}
	report, err := l.Verify(t.Context())
	if err != nil || !report.OK() || report.Records != agents*each || report.Signed != report.Last {
		t.Errorf("%v %+v", err, report)
	}
}

func TestEndCountsOnce(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{})
	a := act("/")
	do(t, l, a, allow, ok)
	l.End(a, allow, ok)
	l.End(act("/never begun"), allow, ok)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(m.records(t)); n != 1 || l.Stats().Stray != 2 {
		t.Errorf("%d records, %+v", n, l.Stats())
	}
	if err := l.Begin(t.Context(), act("/late"), allow); !errors.Is(err, ErrClosed) {
		t.Errorf("Begin after Close: %v", err)
	}
}

func TestEndBlocksWhileTheQueueIsFull(t *testing.T) {
	m := newMemory()
	m.gate = make(chan struct{})
	l := openLog(t, m, Options{Queue: 1})
	done := make(chan struct{})
	answered := ok
	answered.Answer = &action.Answer{Text: strings.Repeat("x", 1000)}
	go func() {
		defer close(done)
		for range maxBatch + 10 {
			do(t, l, act("/"), allow, answered)
		}
	}()
	eventually(t, "End waits", func() bool { return l.Stats().Blocked > 0 })
	// What came before the writer was held up may have been taken off again.
	eventually(t, "the answer that waits is counted", func() bool { return l.pending.Load() >= 1000 })
	select {
	case <-done:
		t.Fatal("more was queued than the queue holds")
	default:
	}
	close(m.gate)
	<-done
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(m.records(t)); n != maxBatch+10 || l.pending.Load() != 0 {
		t.Errorf("%d records, %d bytes pend", n, l.pending.Load())
	}
}

// TestT30_FatRecordsBlockTheirOwnAgent proves that what waits is bounded for each
// agent, and that one who is over its share stands in nobody's way.
func TestT30_FatRecordsBlockTheirOwnAgent(t *testing.T) {
	l := &Log{}
	fat, other := new(share), new(share)
	of := func(s *share, size int64) *ended { return &ended{size: size, running: running{share: s}} }
	const part = maxPending / maxShare
	if !l.reserve(of(fat, part-1)) {
		t.Fatal("the first was refused")
	}
	if l.reserve(of(fat, 2)) {
		t.Error("more waits of one agent than may")
	}
	if !l.reserve(of(other, part)) {
		t.Error("another agent was refused")
	}
	if l.pending.Load() != 2*part-1 || fat.bytes.Load() != part-1 {
		t.Errorf("%d bytes pend, %d of the first", l.pending.Load(), fat.bytes.Load())
	}
	l.pending.Store(maxPending)
	if !l.reserve(of(new(share), part)) {
		t.Error("an agent of which nothing waits never gets in")
	}
	if l.reserve(of(other, 1)) {
		t.Error("more waits than may")
	}
	if alone := new(Log); !alone.reserve(of(new(share), 2*maxPending)) {
		t.Error("a huge record alone never gets in")
	}
}

// TestT30_FloodBlocksItsOwnAgent proves that an agent whose records wait for the
// store cannot take every slot.
func TestT30_FloodBlocksItsOwnAgent(t *testing.T) {
	m := newMemory()
	m.gate = make(chan struct{})
	l := openLog(t, m, Options{Queue: 4096})
	ctx, hangUp := context.WithCancel(t.Context())
	begun, blocked := 0, make(chan error)
	go func() {
		for {
			a := act("/flood")
			if err := l.Begin(ctx, a, allow); err != nil {
				blocked <- err
				return
			}
			l.End(a, allow, ok)
			begun++
		}
	}()
	eventually(t, "the flood is blocked", func() bool { return l.Stats().Blocked > 0 })
	other := act("/other")
	other.Peer = &action.Peer{ID: "a2", Name: "other"}
	do(t, l, other, allow, ok)
	hangUp()
	if err := <-blocked; !errors.Is(err, context.Canceled) || begun != (4096+maxRunning)/maxShare {
		t.Errorf("%d begun, then %v", begun, err)
	}
	close(m.gate)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// The one that hung up while it waited is told of.
	if n := len(m.records(t)); n != begun+2 || l.Stats().Lost != 1 {
		t.Errorf("%d records of %d, %+v", n, begun+1, l.Stats())
	}
}

func TestGapIsToldOnce(t *testing.T) {
	m := newMemory()
	m.failAppend = errors.New("disk full")
	l := openLog(t, m, Options{Queue: 4})
	all := 0
	for ; l.Stats().Lost < 3; all++ {
		do(t, l, act(fmt.Sprintf("/%d", all)), allow, ok) // never refused, never stuck
	}
	if l.Health() == nil {
		t.Error("a log that cannot be written is healthy")
	}
	m.set(func() { m.failAppend = nil })
	eventually(t, "the gap is recorded", func() bool { return l.counts.lost.Load() > 0 })
	do(t, l, act("/after"), allow, ok)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	kept, missing, gaps := 0, uint64(0), 0
	for _, r := range m.records(t) {
		if r.Kind == record.KindGap {
			gaps++
			missing += r.Missing
			continue
		}
		kept++
	}
	if gaps != 1 || missing == 0 || uint64(kept)+missing != uint64(all)+1 {
		t.Errorf("%d kept, %d missing in %d gaps, of %d", kept, missing, gaps, all+1)
	}
	if report, err := l.Verify(t.Context()); err != nil || !report.OK() {
		t.Errorf("%v %+v", err, report)
	}
	if l.Health() != nil {
		t.Error(l.Health())
	}
}

func TestLostAnswerIsNoSecondRecord(t *testing.T) {
	m := newMemory()
	m.lieOnce = true
	l := openLog(t, m, Options{})
	do(t, l, act("/"), allow, ok)
	eventually(t, "written", func() bool { return l.Stats().Written == 1 })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(m.records(t)); n != 1 || l.Stats().Failures != 1 {
		t.Errorf("%d records, %+v", n, l.Stats())
	}
}

func TestStrictRefusesWhatCannotBeRecorded(t *testing.T) {
	broken := errors.New("broken")
	for name, fail := range map[string]func(*memory){
		"intents": func(m *memory) { m.failIntents = broken },
		"room":    func(m *memory) { m.failRoom = broken },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			l := openLog(t, m, Options{Strict: true})
			m.set(func() { fail(m) })
			if err := l.Begin(t.Context(), act("/"), allow); !errors.Is(err, broken) {
				t.Errorf("Begin: %v", err)
			}
			if s := l.Stats(); s.Refused != 1 || s.Open != 0 {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

func TestStrictRefusesWhileRecordsCannotBeWritten(t *testing.T) {
	m := newMemory()
	m.failAppend = errors.New("disk full")
	l := openLog(t, m, Options{Strict: true})
	do(t, l, act("/first"), allow, ok)
	eventually(t, "the failure is seen", func() bool { return l.Health() != nil })
	if err := l.Begin(t.Context(), act("/second"), allow); !errors.Is(err, m.failAppend) {
		t.Errorf("Begin: %v", err)
	}
	m.set(func() { m.failAppend = nil })
	eventually(t, "it works again", func() bool { return l.Health() == nil })
	do(t, l, act("/third"), allow, ok)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range m.records(t) {
		got = append(got, r.Summary)
	}
	if s := strings.Join(got, "; "); !strings.HasPrefix(s, "GET /first; 1 records are missing") || !strings.Contains(s, "GET /third") {
		t.Errorf("records: %s", s)
	}
}

func TestStrictIntentIsKeptBeforeBeginReturns(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{Strict: true})
	a := act("/")
	if err := l.Begin(t.Context(), a, allow); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.intents[a.ID]; !ok {
		t.Fatal("no intent")
	}
	l.End(a, allow, ok)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if len(m.intents) != 0 || len(m.records(t)) != 1 {
		t.Errorf("%d intents, %d records", len(m.intents), len(m.records(t)))
	}
}

func TestStrictBeginningsShareCommits(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{Strict: true})
	m.hold.Lock() // the first commit waits here while the others gather
	var g sync.WaitGroup
	begin := func() {
		if err := l.Begin(context.Background(), act("/"), allow); err != nil {
			t.Error(err)
		}
	}
	g.Go(begin)
	eventually(t, "the first is on its way", func() bool { return m.came.Load() == 1 })
	for range 99 {
		g.Go(begin)
	}
	eventually(t, "the others gather", func() bool { return len(l.intents) == 99 })
	m.hold.Unlock()
	g.Wait()
	if m.commits != 2 {
		t.Errorf("%d commits for 100 beginnings", m.commits)
	}
}

func TestHangUpLeavesNoIntent(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{Strict: true})
	ctx, hangUp := context.WithCancel(t.Context())
	m.hold.Lock()
	failed := make(chan error)
	go func() { failed <- l.Begin(ctx, act("/"), allow) }()
	eventually(t, "its intent is on its way", func() bool { return m.came.Load() == 1 })
	hangUp()
	err := <-failed
	m.hold.Unlock()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Begin: %v", err)
	}
	eventually(t, "the intent is dropped", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.intents) == 0 && m.commits == 2
	})
}

func TestCrashLeavesUnknownOutcomes(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{Strict: true, Signer: newKey(1)})
	kept, died := act("/kept"), act("/died")
	do(t, l, kept, allow, ok)
	if err := l.Begin(t.Context(), died, allow); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one is written", func() bool { return l.Stats().Written == 1 })
	// The gateway dies here: one record is kept while its intent is still there.
	crashed := newMemory()
	m.set(func() {
		crashed.rows = append(crashed.rows, m.rows...)
		crashed.intents[died.ID] = m.intents[died.ID]
		crashed.intents[kept.ID] = Intent{ID: kept.ID, Body: m.rows[0].Body}
		crashed.intents["torn"] = Intent{ID: "torn", Body: []byte("{")}
	})
	again := openLog(t, crashed, Options{Strict: true, Signer: newKey(1)})
	rs := crashed.records(t)
	if len(rs) != 3 || len(crashed.intents) != 0 {
		t.Fatalf("%d records, %d intents", len(rs), len(crashed.intents))
	}
	for _, r := range rs[1:] {
		if r.Outcome != record.Lost || r.ID != died.ID && r.ID != "torn" {
			t.Errorf("%+v", r)
		}
		if r.ID == died.ID && (r.Verdict != "allow" || r.Summary != "GET /died" || len(r.Parts) != 1) {
			t.Errorf("%+v", r)
		}
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := again.Verify(t.Context()); err != nil || !report.OK() {
		t.Errorf("%v %+v", err, report)
	}
}

func TestRecordedNeverGoesBack(t *testing.T) {
	m := newMemory()
	clock := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	l := openLog(t, m, Options{Now: now})
	do(t, l, act("/1"), allow, ok)
	eventually(t, "written", func() bool { return l.Stats().Written == 1 })
	mu.Lock()
	clock = clock.Add(-time.Hour)
	mu.Unlock()
	do(t, l, act("/2"), allow, ok)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rs := m.records(t)
	if rs[1].Recorded.Before(rs[0].Recorded) {
		t.Errorf("%s, then %s", rs[0].Recorded, rs[1].Recorded)
	}
}
