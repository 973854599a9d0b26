package record

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// sent are facts with a body that the configuration has kept.
type sent struct {
	Path string `json:"path"`
	Body struct {
		Text string `json:"text"`
	} `json:"body"`
	Size int `json:"size"`
}

// bound are facts of a statement.
type bound struct {
	Text       string   `json:"text"`
	Statements int      `json:"statements"`
	Params     []string `json:"params,omitempty"`
	Catalog    string   `json:"catalog,omitempty"`
}

// TestBareHasNoBoundValues: of what was bound to a statement how many there were is left.
func TestBareHasNoBoundValues(t *testing.T) {
	a := act("/")
	odd := &bound{Text: `SELECT $1, '"params":["x"]', ","`, Statements: 1, Params: []string{"hunter2", `"],"params":["x`, "", "x"}, Catalog: "yes"}
	a.Parts = []action.Part{{Facts: odd}, {Facts: &bound{Text: "SELECT 1"}}}
	r := kept(t, a, action.Decision{}, action.Result{Status: "SELECT 1"})
	b := r.Bare()
	if got, want := string(b.Parts[0].Facts), `{"text":"SELECT $1, '\"params\":[\"x\"]', \",\"","statements":1,"params_withheld":4,"catalog":"yes"}`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got, want := string(b.Parts[1].Facts), string(r.Parts[1].Facts); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if strings.Contains(string(r.Text(true)), "hunter2") || !strings.Contains(string(r.Text(false)), "hunter2") || !r.Keeps() || !b.Keeps() || !b.Withheld() || r.Withheld() {
		t.Errorf("%s", r.Text(true))
	}
	if again := b.Bare(); string(again.Parts[0].Facts) != string(b.Parts[0].Facts) {
		t.Errorf("bare again: %s", again.Parts[0].Facts)
	}
	if got := unbound([]byte(`{"params":["x`)); got != nil {
		t.Errorf("what cannot be read is given away: %s", got)
	}
}

// TestBareHasNoBodies: neither a sample nor a kept body is left, and all else is.
func TestBareHasNoBodies(t *testing.T) {
	a := act("/v1/orders")
	f := &sent{Path: "/v1/orders", Size: 7}
	f.Body.Text = "hunter2"
	a.Parts = []action.Part{{Facts: f}, {Facts: &facts{Method: "GET", Path: "/body"}}}
	a.Sample, a.Hidden = []byte("| letmein"), 5
	a.Digest = []byte{1, 2, 3}
	r := kept(t, a, action.Decision{}, action.Result{Status: "200"})
	b := r.Bare()
	text := string(b.AppendJSON(nil))
	if b.Hash != (Hash{}) || b.Prev != (Hash{}) || b.Digest != "" || strings.Contains(text, "digest") || strings.Contains(text, "prev") {
		t.Errorf("a body could be guessed against a hash: %s", text)
	}
	if strings.Contains(text, "hunter2") || strings.Contains(text, "letmein") || b.Hidden != 5+int64(len("| letmein")) {
		t.Error(text)
	}
	for _, stays := range []string{"/v1/orders", `"size":7`, `"path":"/body"`, `"hidden":true`, `"status":"200"`} {
		if !strings.Contains(text, stays) {
			t.Errorf("%s is gone: %s", stays, text)
		}
	}
	if !strings.Contains(string(r.Parts[0].Facts), "hunter2") || r.Sample == "" {
		t.Error("the record itself was changed")
	}
	for _, c := range []struct {
		word        string
		whole, bare bool
	}{{"hunter2", true, false}, {"letmein", true, false}, {"/v1/orders", true, true}, {"nowhere", false, false}} {
		if got := strings.Contains(string(r.Text(false)), c.word); got != c.whole {
			t.Errorf("%s stands in the record: %v", c.word, got)
		}
		if got := strings.Contains(string(r.Text(true)), c.word); got != c.bare {
			t.Errorf("%s stands in the bare record: %v", c.word, got)
		}
	}
	empty := &sent{Path: "/"}
	for _, c := range []struct {
		facts action.Facts
		keeps bool
	}{{f, true}, {empty, false}, {&facts{Path: "\"body\":{"}, false}} {
		a := act("/v1/orders")
		a.Parts = []action.Part{{Facts: c.facts}}
		r := kept(t, a, action.Decision{}, action.Result{})
		b := r.Bare()
		if r.Keeps() != c.keeps || b.Keeps() != c.keeps {
			t.Errorf("%s keeps a body: %v, and bare %v", r.Body(), r.Keeps(), b.Keeps())
		}
	}
	plain := kept(t, act("/x"), action.Decision{}, action.Result{})
	if want := strings.Replace(string(plain.Body()), `"prev":"`+plain.Prev.String()+`",`, "", 1); string(plain.Text(true)) != want {
		t.Error("a record without bodies is read in another form")
	}
	if got := bodiless([]byte(`{"body":`)); got != nil {
		t.Errorf("what cannot be read is given away: %s", got)
	}
}
