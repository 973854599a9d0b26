package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
)

var (
	peer    = &action.Peer{ID: "a1", Name: "ci"}
	service = &action.Service{Name: "github", Protocol: "http"}
	allow   = action.Decision{Verdict: action.Allow, Rule: "reads"}
	result  = action.Result{Status: "200", Sent: 1, Received: 2, Rows: 3, Duration: time.Second}
)

func act(summary string) *action.Action {
	now := time.Date(2026, 11, 25, 10, 0, 0, 7, time.UTC)
	return &action.Action{ID: action.NewID(now), Time: now, Session: "s1", Peer: peer, Service: service, Kind: "request", Summary: summary}
}

func open(t testing.TB, path string, slots int) (*Journal, []record.Record) {
	t.Helper()
	j, found, err := Open(path, slots)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, j.Close()) })
	return j, found
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func begin(t testing.TB, j *Journal, a *action.Action, d action.Decision) Slot {
	t.Helper()
	s, err := j.Begin(a, d)
	must(t, err)
	return s
}

// TestNotesOutliveTheirWriter opens the file again while the first one has it
// open, as a new process finds it after a crash.
func TestNotesOutliveTheirWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, found := open(t, path, 8)
	if len(found) != 0 {
		t.Fatalf("%v", found)
	}
	begun, ended, failed, refused, gone := act("begun"), act("ended"), act("failed"), act("refused"), act("gone")
	begin(t, j, begun, allow)
	must(t, j.End(begin(t, j, ended, allow), allow, result))
	must(t, j.End(begin(t, j, failed, allow), allow, action.Result{Failed: true}))
	deny := action.Decision{Rule: "no-drop"}
	must(t, j.End(begin(t, j, refused, deny), deny, action.Result{}))
	j.Free(begin(t, j, gone, allow))
	again, found := open(t, path, 8)
	got := map[string]record.Record{}
	for _, r := range found {
		got[r.Summary] = r
	}
	if len(found) != 4 {
		t.Fatalf("%d notes: %+v", len(found), got)
	}
	for summary, outcome := range map[string]string{"begun": record.Lost, "ended": record.Done, "failed": record.Failed, "refused": record.Refused} {
		if r := got[summary]; r.Outcome != outcome || string(r.Parts[0].Facts) != `{"-":"lost in a crash"}` {
			t.Errorf("%s: %+v", summary, r)
		}
	}
	r := got["ended"]
	if r.ID != ended.ID || !r.Time.Equal(ended.Time) || r.Session != "s1" || r.Agent.ID != "a1" || r.Agent.Name != "ci" || r.Service != "github" ||
		r.Protocol != "http" || r.Kind != "request" || r.Verdict != "allow" || r.Rule != "reads" || r.Status != "200" ||
		r.Sent != 1 || r.Received != 2 || r.Rows != 3 || r.Duration != time.Second {
		t.Errorf("%+v", r)
	}
	if got["refused"].Verdict != "deny" {
		t.Errorf("%+v", got["refused"])
	}
	if len(again.free) != 4 {
		t.Errorf("%d slots are free before Clear", len(again.free))
	}
	again.Clear()
	again.Clear()
	if _, found := open(t, path, 8); len(found) != 0 || len(again.free) != 8 {
		t.Errorf("%d are left, %d free", len(found), len(again.free))
	}
}

// TestAnEndCountsForItsOwnUse proves that what an earlier action left in a slot
// does not end the one that holds it now.
func TestAnEndCountsForItsOwnUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := open(t, path, 1)
	s := begin(t, j, act("first"), allow)
	must(t, j.End(s, allow, result))
	j.Free(s)
	begin(t, j, act("second"), allow)
	if _, found := open(t, path, 1); len(found) != 1 || found[0].Outcome != record.Lost || found[0].Summary != "second" {
		t.Errorf("%+v", found)
	}
}

func TestFullJournalTakesNoMore(t *testing.T) {
	j, _ := open(t, "", 2)
	first := begin(t, j, act("1"), allow)
	begin(t, j, act("2"), allow)
	if _, err := j.Begin(act("3"), allow); !errors.Is(err, ErrFull) {
		t.Fatalf("%v", err)
	}
	freed := j.Freed()
	select {
	case <-freed:
		t.Fatal("nothing was freed")
	default:
	}
	j.Free(first, None)
	<-freed
	begin(t, j, act("3"), allow)
	must(t, j.End(None, allow, result))
}

func TestClosedJournalTakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := open(t, path, 2)
	s := begin(t, j, act("1"), allow)
	must(t, j.Close())
	must(t, j.Close())
	if _, err := j.Begin(act("2"), allow); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if err := j.End(s, allow, result); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	j.Free(s)
	j.Miss(1)
	if _, found := open(t, path, 2); len(found) != 1 {
		t.Errorf("%+v", found)
	}
}

func TestMissingIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := open(t, path, 1)
	j.Miss(3)
	j.Miss(4)
	j.Miss(-3)
	again, _ := open(t, path, 1)
	if again.Missing() != 4 {
		t.Errorf("%d", again.Missing())
	}
	j.mem[missingAt] = 9 // torn
	if n := readMissing(j.mem); n == 0 {
		t.Error("a torn count is none")
	}
}

// TestSizeChangesOnlyWhenEmpty proves that a new number of slots loses nothing.
func TestSizeChangesOnlyWhenEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := open(t, path, 4)
	s := begin(t, j, act("1"), allow)
	more, found := open(t, path, 16)
	if len(found) != 1 || len(more.free) != 3 {
		t.Errorf("%d notes, %d free", len(found), len(more.free))
	}
	j.Free(s)
	j.Miss(1)
	if still, _ := open(t, path, 16); still.Missing() != 1 {
		t.Errorf("%d missing", still.Missing())
	}
	j.Miss(-1)
	for _, slots := range []int{16, 2} {
		if sized, _ := open(t, path, slots); len(sized.free) != slots {
			t.Errorf("%d slots, want %d", len(sized.free), slots)
		}
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content string
		want    string
	}{
		"short":   {"sally", ""},
		"empty":   {"", ""},
		"zeros":   {strings.Repeat("\x00", headerSize+3*slotSize), ""},
		"another": {"sallyport journal 2\n" + strings.Repeat("\x00", 4096), "not a journal of this version"},
	} {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(c.content), 0o600))
		j, found, err := Open(path, 4)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || len(found) != 0 || len(j.free) != 4 {
			t.Errorf("%s: %v %v", name, err, found)
			continue
		}
		must(t, j.Close())
	}
	if _, _, err := Open(dir, 4); err == nil {
		t.Error("a directory is a journal")
	}
	if _, _, err := Open(filepath.Join(dir, "no", "journal"), 4); err == nil {
		t.Error("a file in no directory was made")
	}
}

// TestLongTextsAreCut proves that no text reaches beyond its slot.
func TestLongTextsAreCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := open(t, path, 3)
	long := strings.Repeat("é", 2000)
	a := act(long)
	a.Peer, a.Service = &action.Peer{ID: long, Name: long}, &action.Service{Name: long, Protocol: long}
	a.Session, a.Kind = long, long
	d := action.Decision{Verdict: action.Allow, Rule: long}
	first, second := begin(t, j, act("before"), d), begin(t, j, a, d)
	must(t, j.End(second, d, action.Result{Status: long}))
	must(t, j.End(first, d, result))
	_, found := open(t, path, 3)
	if len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	for _, r := range found {
		if r.Outcome != record.Done {
			t.Errorf("%+v", r)
		}
		if r.Summary != "before" && (len(r.Summary) < 98 || !strings.HasPrefix(long, r.Summary) || r.ID != a.ID) {
			t.Errorf("%+v", r)
		}
	}
	_ = begin(t, j, &action.Action{}, action.Decision{})
	if _, found := open(t, path, 3); len(found) != 3 {
		t.Errorf("%d", len(found))
	}
}

// TestHalfWrittenIsNotThere changes every byte of a note in turn.
func TestHalfWrittenIsNotThere(t *testing.T) {
	j, _ := open(t, "", 1)
	s := begin(t, j, act("summary"), allow)
	must(t, j.End(s, allow, result))
	whole, ok := decode(j.slot(s), j.sums)
	if !ok || whole.Outcome != record.Done {
		t.Fatalf("%+v", whole)
	}
	for i := range slotSize {
		b := append([]byte(nil), j.slot(s)...)
		b[i] ^= 0x41
		if r, ok := decode(b, j.sums); ok && fmt.Sprint(r) != fmt.Sprint(whole) && r.Outcome != record.Lost {
			t.Errorf("byte %d: %+v", i, r)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := open(t, path, 64)
	var g sync.WaitGroup
	for n := range 8 {
		g.Go(func() {
			for i := range 500 {
				s, err := j.Begin(act(fmt.Sprint(n, i)), allow)
				if err != nil {
					t.Error(err)
					return
				}
				if err := j.End(s, allow, result); err != nil {
					t.Error(err)
				}
				if i < 498 {
					j.Free(s)
				}
			}
		})
	}
	g.Wait()
	_, found := open(t, path, 64)
	seen := map[string]bool{}
	for _, r := range found {
		seen[r.Summary] = true
	}
	if len(found) != 16 || len(seen) != 16 {
		t.Errorf("%d notes, %d different", len(found), len(seen))
	}
}

func FuzzDecode(f *testing.F) {
	sums := crc32.MakeTable(crc32.Castagnoli)
	b := make([]byte, slotSize)
	encode(b, sums, 7, act("x"), allow)
	encodeEnd(b, sums, allow, result)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(b, make([]byte, slotSize)...)[:slotSize]
		// A checksum keeps accidents out; nothing behind it may rely on that.
		if end := int(b[lenAt]) + int(b[lenAt+1])<<8; end >= textAt && end <= endAt {
			sum := crc32.Checksum(b[lenAt:end], sums)
			b[0], b[1], b[2], b[3] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
		}
		if statusAt+int(b[endLenAt]) <= slotSize {
			sum := endSum(b, sums)
			b[endSumAt], b[endSumAt+1], b[endSumAt+2], b[endSumAt+3] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
		}
		if r, ok := decode(b, sums); ok && r.Outcome == "" {
			t.Fatalf("%+v", r)
		}
	})
}

// BenchmarkNote is all that an action costs here.
func BenchmarkNote(b *testing.B) {
	j, _ := open(b, filepath.Join(b.TempDir(), "journal"), 1<<14)
	a := act("GET /repos/acme/app/issues/7?page=2&per_page=100")
	b.ReportAllocs()
	for b.Loop() {
		s, err := j.Begin(a, allow)
		if err != nil {
			b.Fatal(err)
		}
		if err := j.End(s, allow, result); err != nil {
			b.Fatal(err)
		}
		j.Free(s)
	}
}
