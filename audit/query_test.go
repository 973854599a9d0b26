package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/sallyport/audit/record"
)

func TestParseQuery(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Query
	}{
		{"", Query{}},
		{"  ", Query{}},
		{"agent:ci", Query{Terms: []Term{{Field: "agent", Values: []string{"ci"}}}}},
		{"verdict:deny,ask & !service:github", Query{Terms: []Term{
			{Field: "verdict", Values: []string{"deny", "ask"}}, {Field: "service", Values: []string{"github"}, Not: true}}}},
		{"agent:ci&kind:query", Query{Terms: []Term{{Field: "agent", Values: []string{"ci"}}, {Field: "kind", Values: []string{"query"}}}}},
		{`rule:"no drop, ever"`, Query{Terms: []Term{{Field: "rule", Values: []string{"no drop, ever"}}}}},
		{`drop "the table" !users`, Query{Terms: []Term{{Values: []string{"drop"}}, {Values: []string{"the table"}}, {Values: []string{"users"}, Not: true}}}},
		{`"agent:ci"`, Query{Terms: []Term{{Values: []string{"agent:ci"}}}}},
		{"https://x.dev/a?b=c&d", Query{Terms: []Term{{Values: []string{"https://x.dev/a?b=c&d"}}}}},
		{"a,b", Query{Terms: []Term{{Values: []string{"a,b"}}}}},
		{"since:90m limit:5 before:77", Query{Within: 90 * time.Minute, Limit: 5, Before: 77}},
		{"since:7d", Query{Within: 7 * 24 * time.Hour}},
		{"since:2026-11-22 until:2026-11-23T10:00:00Z", Query{
			Since: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}},
	} {
		got, err := ParseQuery(c.in)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %v\n got %+v\nwant %+v", c.in, err, got, c.want)
		}
	}
}

func TestParseQueryRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"agnet:ci":                              `"agnet" is no field; there are agent`,
		"verdict:no":                            "one of allow, ask, deny",
		"agent:":                                "nothing behind",
		"!":                                     "nothing behind",
		"agent:ci,":                             "nothing behind",
		`"open`:                                 "never closed",
		"limit:0":                               "from 1 to 10000",
		"!limit:5":                              "no !",
		"since:yesterday":                       "no time",
		"since:-1h":                             "no time",
		"before:x":                              "seq",
		"agent:\xff":                            "UTF-8",
		strings.Repeat("a ", maxTerms+1):        "more than 64 terms",
		strings.Repeat("a", maxQuery+1):         "4097 bytes",
		"since:" + strings.Repeat("9", 9) + "d": "no time",
	} {
		if _, err := ParseQuery(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", in, err, want)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"agent:ci verdict:deny", `!rule:"a\"b",c & text`, "since:1h limit:3", `"\u00e9`, "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := ParseQuery(s)
		if err != nil {
			return
		}
		if len(q.Terms) > maxTerms || q.Limit < 0 || q.Limit > MaxLimit {
			t.Fatalf("%q: %+v", s, q)
		}
		for _, term := range q.Terms {
			for _, v := range term.Values {
				if v == "" || !utf8.ValidString(v) {
					t.Fatalf("%q: value %q", s, v)
				}
			}
		}
		r := Record{Agent: record.Agent{Name: "ci"}}
		r.Seal(1, Hash{}, time.Time{})
		q.Match(&r)
	})
}

func TestMatch(t *testing.T) {
	r := Record{ID: "7", Time: month(6), Agent: record.Agent{Name: "ci", User: "ann"}, Service: "github", Protocol: "http", Host: "api.github.com",
		Kind: "request", Method: "DELETE", Summary: `DELETE /a "b" <c>`, Verdict: "deny", Rule: "no-delete", Outcome: record.Refused, Status: "403", Session: "s1"}
	r.Seal(9, Hash{}, month(6))
	for q, want := range map[string]bool{
		"":                                     true,
		"agent:ci verdict:deny service:github": true,
		"agent:ci,other":                       true,
		"agent:other":                          false,
		"!agent:other":                         true,
		"!agent:ci":                            false,
		"verdict:allow":                        false,
		"id:7 session:s1 protocol:http host:api.github.com kind:request method:DELETE rule:no-delete outcome:refused status:403 user:ann": true,
		`"delete /A"`:               true,
		`"\"b\" <c>"`:               true,
		"nowhere":                   false,
		"!nowhere":                  true,
		"before:9":                  false,
		"before:10":                 true,
		"since:2026-06-10":          true,
		"since:2026-06-11":          false,
		"until:2026-06-10":          false,
		"until:2026-06-11":          true,
		"since:2026-06-10T12:00":    true,
		"kind:request kind:connect": false,
	} {
		parsed, err := ParseQuery(q)
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.Match(&r); got != want {
			t.Errorf("%q: %v", q, got)
		}
	}
}

func TestQueryPages(t *testing.T) {
	m := newMemory()
	l := openLog(t, m, Options{})
	for i := range 10 {
		do(t, l, act(fmt.Sprintf("/%d", i)), allow, ok)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for q := (Query{Limit: 4}); ; {
		rs, err := l.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) == 0 {
			break
		}
		for _, r := range rs {
			got = append(got, r.Seq)
		}
		q.Before = rs[len(rs)-1].Seq
	}
	if fmt.Sprint(got) != "[10 9 8 7 6 5 4 3 2 1]" {
		t.Errorf("%v", got)
	}
	if rs, err := l.Query(t.Context(), Query{Within: time.Hour}); err != nil || len(rs) != 10 {
		t.Errorf("%v, %d records", err, len(rs))
	}
}

func TestFollow(t *testing.T) {
	l := openLog(t, newMemory(), Options{})
	q, err := ParseQuery("verdict:deny")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	events := l.Follow(ctx, q)
	do(t, l, act("/yes"), allow, ok)
	do(t, l, act("/no"), deny, ok)
	e := <-events
	if e.Record.Summary != "GET /no" || e.Record.Seq != 2 || e.Record.Hash == (Hash{}) || e.Lost != 0 {
		t.Errorf("%+v", e)
	}
	stop()
	if e, ok := <-events; ok {
		t.Errorf("%+v", e)
	}
	rest := l.Follow(t.Context(), Query{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := <-rest; ok {
		t.Error("the log is closed and its followers wait")
	}
	if _, ok := <-l.Follow(t.Context(), Query{}); ok {
		t.Error("a closed log can be followed")
	}
}

func TestSlowFollowerIsToldWhatItLost(t *testing.T) {
	l := openLog(t, newMemory(), Options{})
	events := l.Follow(t.Context(), Query{})
	const all = followBuffer + 50
	for range all {
		do(t, l, act("/"), allow, ok)
	}
	eventually(t, "all are written", func() bool { return l.Stats().Written == all })
	for range followBuffer {
		if e := <-events; e.Lost != 0 {
			t.Fatalf("%d lost too early", e.Lost)
		}
	}
	do(t, l, act("/"), allow, ok)
	if e := <-events; e.Lost != 50 || e.Record.Seq != all+1 {
		t.Errorf("lost %d before %d", e.Lost, e.Record.Seq)
	}
}

// TestEncodingIsJSON compares the fast encoder with the slow one.
func TestEncodingIsJSON(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var r Record
		fill(rnd, reflect.ValueOf(&r).Elem())
		want, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.AppendJSON(nil); string(got) != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// fill sets a random half of the fields to something.
func fill(rnd *rand.Rand, v reflect.Value) {
	texts := []string{"plain", "", "<&>\"\\", "line\nfeed", "\x1b[31m", "é\u2028", "\xff\xfe", "\x7f", "a\x00b"}
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanSet() || rnd.IntN(2) == 0 {
			continue
		}
		switch f := f.Addr().Interface().(type) {
		case *time.Time:
			*f = time.Unix(rnd.Int64N(1<<32), rnd.Int64N(1e9)).UTC()
		case *json.RawMessage:
			*f = json.RawMessage(`{"a":[1,"b"]}`)
		case *string:
			*f = texts[rnd.IntN(len(texts))]
		case *[]string:
			*f = texts[:rnd.IntN(4)]
		case *bool:
			*f = true
		case *Hash:
			f[3] = byte(rnd.IntN(256))
		case *uint64:
			*f = rnd.Uint64N(1 << 60)
		case *int64:
			*f = rnd.Int64()
		case *time.Duration:
			*f = time.Duration(rnd.Int64())
		case *record.Agent:
			fill(rnd, reflect.ValueOf(f).Elem())
		case *[]record.Part:
			*f = make([]record.Part, rnd.IntN(3))
			for i := range *f {
				fill(rnd, reflect.ValueOf(&(*f)[i]).Elem())
			}
		case *[]record.Ask:
			*f = make([]record.Ask, rnd.IntN(3))
			for i := range *f {
				fill(rnd, reflect.ValueOf(&(*f)[i]).Elem())
			}
		default:
			panic(fmt.Sprintf("%T is not filled", f))
		}
	}
}

func TestHashText(t *testing.T) {
	var h Hash
	if err := h.UnmarshalText([]byte(strings.Repeat("ab", 32))); err != nil || h.String() != strings.Repeat("ab", 32) {
		t.Errorf("%v %s", err, h)
	}
	for _, bad := range []string{"", "ab", strings.Repeat("zz", 32), strings.Repeat("ab", 33)} {
		if h.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is a hash", bad)
		}
	}
}

// TestT49_RecordsCarryNoControl proves that nothing an agent sends can break out
// of its record: not in the store, not in JSON, not on a terminal.
func TestT49_RecordsCarryNoControl(t *testing.T) {
	attacks := []string{
		"GET /\r\n2026-11-22T10:00:00Z  allow  root", "\x1b[2J\x1b[1;1Hfake", "\x9b31m", "\u009b31m", "a\x00b", "\b\b\b",
		`","verdict":"allow","x":"`, "{\"seq\":1}\n{\"seq\":2}", "\u202egnp.exe", "\u2066x\u2069", "a\u2028b", "\xff\xfe\xc0\xaf",
		"</script><script>alert(1)</script>", "=cmd|' /C calc'!A0", "\x7f", "\ufeff", "\U000e0041",
	}
	m := newMemory()
	l := openLog(t, m, Options{})
	for _, s := range attacks {
		a := act("/")
		a.Summary, a.Host, a.Kind, a.Session, a.Sample = s, s, s, s, []byte(s)
		a.Parts[0].Facts = &facts{Method: s, Path: s, Tags: []string{s}}
		d := deny
		d.Reason = s
		do(t, l, a, d, ok)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rs := m.records(t)
	if len(rs) != len(attacks) {
		t.Fatalf("%d records of %d", len(rs), len(attacks))
	}
	for i, r := range rs {
		if r.Verdict != "deny" || r.Agent.Name != "ci" || r.Seq != uint64(i+1) {
			t.Errorf("%q changed its record: %+v", attacks[i], r)
		}
		if valid := strings.ToValidUTF8(attacks[i], "\ufffd"); utf8.ValidString(attacks[i]) && r.Summary != valid {
			t.Errorf("%q became %q", attacks[i], r.Summary)
		}
		for _, c := range string(r.Body()) {
			if c < ' ' || c == utf8.RuneError && utf8.ValidString(attacks[i]) {
				t.Errorf("%q leaves %q in the store", attacks[i], c)
			}
		}
		if strings.Contains(string(r.Body()), "<script") {
			t.Errorf("%q leaves a tag in JSON", attacks[i])
		}
		for _, c := range r.Line() {
			if c == unicode.ReplacementChar || !unicode.IsPrint(c) {
				t.Errorf("%q leaves %q on the terminal", attacks[i], c)
			}
		}
	}
}

func TestLine(t *testing.T) {
	r := Record{Time: month(6), Agent: record.Agent{Name: "ci"}, Service: "db", Summary: "DROP TABLE users", Verdict: "deny", Rule: "no-drop", Reason: "Never.", Outcome: record.Refused}
	if got, want := r.Line(), "2026-06-10T12:00:00Z  deny   ci  db  DROP TABLE users  rule no-drop  (Never.)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r = Record{Time: month(6), Agent: record.Agent{Name: "ci"}, Service: "db", Summary: "SELECT 1", Verdict: "allow", Outcome: record.Done, Status: "SELECT 1"}
	if got, want := r.Line(), "2026-06-10T12:00:00Z  allow  ci  db  SELECT 1  done SELECT 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := record.Clean("a\nb\u202ec\xff"); got != `a\nb\u202ec\ufffd` {
		t.Errorf("%q", got)
	}
}
