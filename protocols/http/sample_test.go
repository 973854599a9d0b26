package http

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
)

// whole is the action that an approver of r sees.
func whole(t testing.TB, r *http.Request, body string) *action.Action {
	t.Helper()
	a, p := ask.Read(ask.Place{
		Peer: &action.Peer{}, Service: &action.Service{Name: "api"}, Name: "api.example", Secure: true,
	}, r)
	if p != nil {
		t.Fatal(p)
	}
	if err := a.Whole(r.Header, nil, ask.Bytes([]byte(body))); err != nil {
		t.Fatal(err)
	}
	return &a.Act
}

func post(uri string, h http.Header) *http.Request {
	if h == nil {
		h = http.Header{}
	}
	return &http.Request{Method: "POST", RequestURI: uri, Host: "api.example", ProtoMajor: 1, ProtoMinor: 1, Header: h}
}

func TestSample(t *testing.T) {
	for _, tt := range []struct {
		name, uri string
		header    http.Header
		body      string
		want      string // every mark of what is missing stands in it
	}{
		{"plain", "/a", nil, "", "POST https://api.example/a\n"},
		{
			"raw query", "/pay?v=1%0AContent-Type:%20x%0A%0A%7B%7D&to=bob", nil, `{"to":"eve"}`,
			"POST https://api.example/pay?v=1%0AContent-Type:%20x%0A%0A%7B%7D&to=bob\nbody 12 bytes\n| {\"to\":\"eve\"}\n",
		},
		{
			"masked", "/a?api_key=abc;x=1&%74oken=t&token&y=", nil, "",
			"POST https://api.example/a?api_key=[hidden];x=1&%74oken=[hidden]&token&y=\n[… 4 bytes not shown …]\n",
		},
		{"fields", "/a", http.Header{
			"X-Sudo": {"root", "two"}, "Authorization": {"Bearer x"}, "Content-Type": {"a/b"}, "Cookie": {"a=1"},
			"User-Agent": {"curl"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "Connection": {"keep-alive"}, "Content-Length": {"3"},
		}, "abc", "POST https://api.example/a\nheader Authorization: [hidden]\n[… 8 bytes not shown …]\nheader Content-Type: a/b\n" +
			"header Cookie: [hidden]\n[… 3 bytes not shown …]\nheader X-Sudo: root\nheader X-Sudo: two\nbody 3 bytes\n| abc\n" +
			"header Accept: */*\nheader Accept-Encoding: gzip\nheader User-Agent: curl\n"},
		{
			"foreign letters in a field", "/a",
			http.Header{"X": {"\u202eevil\té\xff"}},
			"",
			"POST https://api.example/a\nheader X: <U+202E>evil<U+0009><U+00E9><0xFF>\n",
		},
		{
			"lines", "/a", nil, "one\r\n\nheader X: y\rGET z\n\ttab \u202e\u2028\x1b[2Jé\n",
			"POST https://api.example/a\nbody 42 bytes\n| one\n| \n| header X: y<U+000D>GET z\n| \ttab <U+202E><U+2028><U+001B>[2Jé\n",
		},
		{
			"a stray byte", "/a", nil, "drop \x00 table\xff\nnow",
			"POST https://api.example/a\nbody 17 bytes, not all of it text\n| drop <U+0000> table<0xFF>\n| now\n",
		},
		{
			"binary", "/a", nil, "\x89PNG\r\n\x1a\n\x00\x00\x00\xff",
			"POST https://api.example/a\nbody 12 bytes, binary\n| 89 50 4e 47 0d 0a 1a 0a 00 00 00 ff\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			act := whole(t, post(tt.uri, tt.header), tt.body)
			if string(act.Sample) != tt.want || act.Hidden != toldHidden(t, tt.want) {
				t.Errorf("hidden %d, got\n%swant\n%s", act.Hidden, act.Sample, tt.want)
			}
		})
	}
}

// What is cut is said to be cut, in its place, and counted.
func TestSampleIsCutAloud(t *testing.T) {
	long := strings.Repeat("a", 60<<10)
	many := http.Header{}
	for i := range 100 {
		many[fmt.Sprintf("X-Field-%02d", i)] = []string{strings.Repeat("v", 500)}
	}
	for _, tt := range []struct {
		name   string
		r      *http.Request
		body   string
		shown  string // must stand in what is left
		hidden int64
	}{
		{"URL", post("/?"+long, nil), "seen", "| seen\n", int64(len("POST https://api.example/?")+len(long)) - 8<<10},
		{"path", post("/"+long[:5000], nil), "seen", "| seen\n", 0},
		{"one field", post("/", http.Header{"A": {long}, "B": {"seen"}}), "", "header B: seen\n", int64(len("A: ")+len(long)) - 1<<10},
		{"many fields", post("/", many), "seen", "| seen\n", -1},
		{"body", post("/", nil), "seen" + long, "| seen", int64(len("seen")+len(long)) - 16<<10 + 3},
		{"empty lines", post("/", nil), strings.Repeat("\n", 60<<10), "| \n", -1},
		{"binary", post("/", nil), strings.Repeat("\xff", 5<<10), "| ff ff", 4 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			act := whole(t, tt.r, tt.body)
			s := string(act.Sample)
			if !strings.Contains(s, tt.shown) || len(s) > 34<<10 {
				t.Errorf("%d bytes: %.200q", len(s), s)
			}
			if tt.hidden >= 0 && act.Hidden != tt.hidden || tt.hidden < 0 && act.Hidden <= 0 {
				t.Errorf("%d bytes are hidden, want %d", act.Hidden, tt.hidden)
			}
			if told := toldHidden(t, s); told != act.Hidden {
				t.Errorf("the text tells of %d hidden bytes, Hidden is %d", told, act.Hidden)
			}
		})
	}
}

// toldHidden adds up the marks of a sample.
func toldHidden(t testing.TB, sample string) (n int64) {
	for line := range strings.Lines(sample) {
		if digits, ok := strings.CutPrefix(line, "[… "); ok {
			digits, _, _ = strings.Cut(digits, " ")
			one, err := strconv.ParseInt(digits, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			n += one
		}
	}
	return n
}

// FuzzSample claims that nothing of an agent's can stand in a sample but in one
// line behind our word for it, or behind the margin.
func FuzzSample(f *testing.F) {
	f.Add("/a?b=1%0d%0aheader", "X-A", "v\u202e", []byte("a\nheader B: c\r\n[… 3 bytes not shown …]"))
	f.Add("/?"+strings.Repeat("&", 9000), "Cookie", strings.Repeat("é", 900), bytes.Repeat([]byte{0xe9, '\n'}, 9000))
	f.Fuzz(func(t *testing.T, uri, name, value string, body []byte) {
		r := post(uri, http.Header{http.CanonicalHeaderKey(name): {value}})
		a, p := ask.Read(ask.Place{Peer: &action.Peer{}, Service: &action.Service{Name: "api"}, Name: "api.example", Secure: true}, r)
		if len(a.Act.Summary) > action.MaxSummary || strings.ContainsFunc(a.Act.Summary, func(r rune) bool { return r != '…' && (r < ' ' || r > '~') }) {
			t.Fatalf("summary %q", a.Act.Summary)
		}
		if p != nil || !token(name) {
			return
		}
		a.Whole(r.Header, nil, ask.Bytes(body))
		s := string(a.Act.Sample)
		if !utf8.ValidString(s) || len(s) > 36<<10 || toldHidden(t, s) != a.Act.Hidden {
			t.Fatalf("%d bytes, hidden %d: %.300q", len(s), a.Act.Hidden, s)
		}
		heads := 0
		for line := range strings.Lines(s) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, action.SampleMargin) {
				continue
			}
			line = strings.NewReplacer("[… ", "", " …]", "").Replace(line)
			if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
				t.Fatalf("%q stands outside the margin", line)
			}
			if strings.HasPrefix(line, "header ") {
				heads++
			}
		}
		if heads > 1 {
			t.Fatalf("%d fields of one: %.300q", heads, s)
		}
	})
}

func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) })
}

// A forged beginning of a body in the query does not pass for the body, as it once
// did: what is approved is what the approver reads.
func TestT40_ForgedSample(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	b.decide = asked
	var act action.Action
	b.settle = func(_ context.Context, a *action.Action, _ action.Decision) action.Decision {
		act = *a
		return action.Decision{}
	}
	nl := strings.Repeat("%0A", 1350)
	q := "v=1%0AContent-Type:%20application/json%0A%0A%7B%22amount%22:1,%22to%22:%22alice%22%7D" + nl + "&a=" + nl + "&b=" + nl
	req, _ := http.NewRequest("POST", "https://api.example/pay?"+q, strings.NewReader(`{"amount":1000000,"to":"eve"}`))
	req.Header.Set("X-Sudo", "root")
	resp, err := b.client(false).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body(t, resp)
	s := string(act.Sample)
	for _, want := range []string{"POST https://api.example/pay?v=1%0AContent-Type", "\nheader X-Sudo: root\n", "\n| {\"amount\":1000000,\"to\":\"eve\"}\n", " bytes not shown …]\n"} {
		if !strings.Contains(s, want) {
			t.Errorf("%q lacks %q", s, want)
		}
	}
	if strings.Contains(s, "\nContent-Type") || act.Hidden == 0 {
		t.Errorf("hidden %d: %q", act.Hidden, s)
	}
	if len(act.Summary) != action.MaxSummary || !strings.HasSuffix(act.Summary, "…") || !strings.HasPrefix(act.Summary, "POST api.example/pay?v=1%0A") {
		t.Errorf("summary %q", act.Summary)
	}
}
