package record

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
)

// facts are those of a protocol of the tests.
type facts struct {
	Method string   `json:"method"`
	Path   string   `json:"path"`
	Tags   []string `json:"tags,omitempty"`
}

func tables() []action.FactTable {
	return []action.FactTable{{Protocol: "http", New: func() action.Facts { return new(facts) }}}
}

func methods() Methods {
	return Methods{"http": func(f action.Facts) (string, action.State) {
		if f, ok := f.(*facts); ok {
			return f.Method, action.Known
		}
		return "", action.Unknown
	}}
}

func month(m int) time.Time { return time.Date(2026, time.Month(m), 10, 12, 0, 0, 0, time.UTC) }

func act(path string) *action.Action {
	return &action.Action{
		ID: action.NewID(month(6)), Time: month(6), Session: "s1", Host: "api.github.com",
		Peer: &action.Peer{
			ID: "a1", Name: "ci", User: "ann@acme.dev", Tags: []string{"tag:ci"}, Enrolled: []string{"dev"},
			Addr: netip.MustParseAddr("10.77.0.2"),
		},
		Service: &action.Service{Name: "github", Protocol: "http"},
		Dst:     netip.MustParseAddrPort("198.18.0.7:443"), Kind: "request", Summary: "GET " + path,
		Parts: []action.Part{{Effects: action.EffectRead, Facts: &facts{Method: "GET", Path: path}}},
	}
}

// kept takes an action to its body and back.
func kept(t *testing.T, a *action.Action, d action.Decision, res action.Result) Record {
	t.Helper()
	r := New(methods(), a, d)
	r.Finish(d, res)
	r.Seal(7, Hash{1}, month(7))
	back, err := Decode(r.Body())
	if err != nil {
		t.Fatal(err)
	}
	if back.Hash != r.Hash || r.Hash == (Hash{}) {
		t.Errorf("hash %s, want %s", back.Hash, r.Hash)
	}
	return back
}

func TestActionComesBack(t *testing.T) {
	a := act("/a?b=c&d=<e>")
	a.Sample, a.Digest, a.Hidden = []byte("| beginning"), []byte{0xab, 0xcd}, 4711
	d := action.Decision{
		Verdict: action.Allow, Rule: "writes", Reason: "Approved by ann.",
		Asks: []action.Asking{{Rule: "writes", Reason: "Writing asks.", Approvers: []string{"approver.oncall"}}}, Would: []string{"later"},
	}
	answer := &action.Answer{Fields: []action.AnswerField{{Name: "Date", Values: []string{"x"}}}, Type: "text/plain", Size: 3, Text: "<&>"}
	r := kept(t, a, d, action.Result{Status: "200", Sent: 12, Received: 345, Rows: 6, Duration: time.Second, Answer: answer})
	if !reflect.DeepEqual(r.Answer, answer) {
		t.Errorf("%+v", r.Answer)
	}
	if r.Hidden != 4711 || r.Method != "GET" || r.Outcome != Done || r.Asks[0].Approvers[0] != "approver.oncall" || r.Would[0] != "later" {
		t.Errorf("%+v", r)
	}
	again := r
	again.Seal(r.Seq, r.Prev, r.Recorded)
	if string(again.Body()) != string(r.Body()) {
		t.Errorf("got  %s\nwant %s", again.Body(), r.Body())
	}
	back, err := r.Action(tables())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, a) {
		t.Errorf("got  %+v\nwant %+v", back, a)
	}
	r.Protocol = "gopher"
	if _, err := r.Action(tables()); err == nil {
		t.Error("facts of an unknown protocol were read")
	}
}

func TestDecodeRefusesWhatIsNoRecord(t *testing.T) {
	for _, body := range []string{"", "{", "[]", `{"seq":"x"}`} {
		if _, err := Decode([]byte(body)); err == nil {
			t.Errorf("%q is a record", body)
		}
	}
}

// weird facts do what facts must not.
type weird struct{ do func() ([]byte, error) }

func (w weird) MarshalJSON() ([]byte, error) { return w.do() }

// TestFactsThatAreNotKeptCannotBeJudged proves that no record passes for one
// whose facts are empty.
func TestFactsThatAreNotKeptCannotBeJudged(t *testing.T) {
	for name, f := range map[string]action.Facts{
		"could not be encoded": weird{func() ([]byte, error) { return nil, errors.New("no") }},
		"not be encoded":       weird{func() ([]byte, error) { panic("no") }},
		"be encoded":           make(chan int),
		"too long":             &facts{Path: strings.Repeat("x", MaxFacts)},
	} {
		a := act("/")
		a.Parts = []action.Part{{Facts: f}}
		a.Time = time.Date(123456, 1, 1, 0, 0, 0, 0, time.UTC)
		r := kept(t, a, action.Decision{}, action.Result{})
		if _, err := r.Action(tables()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := Record{ID: "1", Protocol: "http", Parts: []Part{{Facts: Mark(LostFacts)}}}
	if _, err := r.Action(tables()); err == nil || !strings.Contains(err.Error(), LostFacts) {
		t.Errorf("%v", err)
	}
}

// TestT30_AgentsCannotBlowRecordsUp proves that a record is bounded as it is
// kept: by its parts together, and whatever their letters are.
func TestT30_AgentsCannotBlowRecordsUp(t *testing.T) {
	for _, text := range []string{"<", "&", "\x00", "\xff", "\u2028", `"`, "x", "中"} {
		fat := strings.Repeat(text, MaxFacts/len(text))
		a := act("/")
		a.Sample = []byte(fat)
		a.Parts = nil
		for range 100 {
			a.Parts = append(a.Parts, action.Part{Facts: &facts{Path: fat[:MaxFacts/4]}})
		}
		r := kept(t, a, action.Decision{}, action.Result{Answer: &action.Answer{Text: fat}})
		if n := len(r.Body()); n > MaxFacts+MaxSample+MaxAnswer+16<<10 || !r.Answer.Cut || len(r.Answer.Text) == 0 {
			t.Errorf("%q: a record of %d bytes", text, n)
		}
		if len(r.Sample) == 0 || !strings.HasPrefix(strings.ToValidUTF8(fat, "\ufffd"), r.Sample[:1]) && text != "\xff" {
			t.Errorf("%q: sample %.20q", text, r.Sample)
		}
	}
	r := kept(t, act("/?a=<b>&c"), action.Decision{}, action.Result{})
	if !strings.Contains(string(r.Body()), `"path":"/?a=<b>&c"`) || !strings.Contains(string(r.Body()), `"GET /?a=<b>&c"`) {
		t.Errorf("escaped: %s", r.Body())
	}
}

func TestCut(t *testing.T) {
	for _, s := range []string{"", "plain", "<&>", "line\nfeed", "\x1b[31m", "é\u2028", "\xff\xfe", "\x7f", "a\x00b", "中文", `"\`} {
		for most := range 40 {
			got := cut([]byte(s), most)
			if b, err := marshal(got); err != nil || len(b)-2 > most || !strings.HasPrefix(s, got) {
				t.Errorf("%q at %d: %q is %s", s, most, got, b)
			}
		}
		if got := cut([]byte(s), 6*len(s)); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// TestT49_RecordsCarryNoControl proves that nothing an agent sends can break out
// of its record: not in the store, not in JSON, not on a terminal.
func TestT49_RecordsCarryNoControl(t *testing.T) {
	for _, s := range []string{
		"GET /\r\n2026-11-22T10:00:00Z  allow  root", "\x1b[2J\x1b[1;1Hfake", "\x9b31m", "\u009b31m", "a\x00b", "\b\b\b",
		`","verdict":"allow","x":"`, "{\"seq\":1}\n{\"seq\":2}", "\u202egnp.exe", "\u2066x\u2069", "a\u2028b", "\xff\xfe\xc0\xaf",
		"</script><script>alert(1)</script>", "=cmd|' /C calc'!A0", "\x7f", "\ufeff", "\U000e0041",
	} {
		a := act("/")
		a.Summary, a.Host, a.Kind, a.Session, a.Sample = s, s, s, s, []byte(s)
		a.Parts[0].Facts = &facts{Method: s, Path: s, Tags: []string{s}}
		r := kept(t, a, action.Decision{Verdict: action.Deny, Reason: s}, action.Result{Status: s})
		if r.Verdict != "deny" || r.Agent.Name != "ci" || r.Seq != 7 {
			t.Errorf("%q changed its record: %+v", s, r)
		}
		if utf8.ValidString(s) && r.Summary != s {
			t.Errorf("%q became %q", s, r.Summary)
		}
		for _, c := range string(r.Body()) {
			if c < ' ' || c == utf8.RuneError && utf8.ValidString(s) {
				t.Errorf("%q leaves %q in the store", s, c)
			}
		}
		if web, err := json.Marshal(&r); err != nil || strings.Contains(string(web), "<script") {
			t.Errorf("%q leaves a tag in what is served: %v", s, err)
		}
		for _, c := range r.Line() {
			if c == unicode.ReplacementChar || !unicode.IsPrint(c) {
				t.Errorf("%q leaves %q on the terminal", s, c)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := New(methods(), act("/<&>"), action.Decision{})
	r.Seal(1, Hash{}, month(1))
	f.Add(r.Body())
	f.Add([]byte(`{"parts":[{"facts":{"-":"x"}},{"facts":null}],"dst":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Decode(body)
		if err != nil {
			return
		}
		_, _ = r.Action(tables())
		if line := r.Line(); strings.ContainsAny(line, "\n\x1b") {
			t.Fatalf("%q", line)
		}
		if !json.Valid(r.AppendJSON(nil)) {
			t.Fatalf("%q becomes %q", body, r.AppendJSON(nil))
		}
	})
}

// wordy facts can do without their words.
type wordy struct {
	Path  string `json:"path"`
	Words string `json:"words,omitempty"`
}

func (w *wordy) Shorter() action.Facts {
	if w.Words == "" {
		return nil
	}
	return &wordy{Path: w.Path}
}

// What has no room takes the rest of the facts with it only if it must.
func TestFactsAreShortened(t *testing.T) {
	for _, tt := range []struct {
		facts wordy
		want  string
	}{
		{wordy{"/a", "few"}, `{"path":"/a","words":"few"}`},
		{wordy{"/a", strings.Repeat("x", MaxFacts)}, `{"path":"/a"}`},
		{wordy{strings.Repeat("x", MaxFacts), "few"}, `{"-":"too long to be kept"}`},
	} {
		r := New(nil, &action.Action{Parts: []action.Part{{Facts: &tt.facts}}}, action.Decision{})
		if got := string(r.Parts[0].Facts); got != tt.want {
			t.Errorf("%.100s, want %s", got, tt.want)
		}
	}
}
