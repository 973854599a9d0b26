package query

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sallyport.dev/sallyport/audit/record"
)

func month(m int) time.Time { return time.Date(2026, time.Month(m), 10, 12, 0, 0, 0, time.UTC) }

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Query
	}{
		{"", Query{}},
		{"  ", Query{}},
		{"agent:ci", Query{Terms: []Term{{Field: "agent", Values: []string{"ci"}}}}},
		{"verdict:deny,ask & !service:github", Query{Terms: []Term{
			{Field: "verdict", Values: []string{"deny", "ask"}}, {Field: "service", Values: []string{"github"}, Not: true},
		}}},
		{"agent:ci&kind:query", Query{Terms: []Term{{Field: "agent", Values: []string{"ci"}}, {Field: "kind", Values: []string{"query"}}}}},
		{`secret:github@3,github`, Query{Terms: []Term{{Field: "secret", Values: []string{"github@3", "github"}}}}},
		{`rule:"no drop, ever"`, Query{Terms: []Term{{Field: "rule", Values: []string{"no drop, ever"}}}}},
		{`drop "the table" !users`, Query{Terms: []Term{{Values: []string{"drop"}}, {Values: []string{"the table"}}, {Values: []string{"users"}, Not: true}}}},
		{`"agent:ci"`, Query{Terms: []Term{{Values: []string{"agent:ci"}}}}},
		{"https://x.dev/a?b=c&d", Query{Terms: []Term{{Values: []string{"https://x.dev/a?b=c&d"}}}}},
		{"a,b", Query{Terms: []Term{{Values: []string{"a,b"}}}}},
		{"since:90m limit:5 before:77", Query{Within: 90 * time.Minute, Limit: 5, Before: 77}},
		{"since:7d", Query{Within: 7 * 24 * time.Hour}},
		{"since:2026-11-22 until:2026-11-23T10:00:00Z", Query{
			Since: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
		}},
	} {
		got, err := Parse(c.in)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %v\n got %+v\nwant %+v", c.in, err, got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"agnet:ci":                              `"agnet" is no field; there are agent`,
		"verdict:no":                            "one of allow, ask, deny",
		"asked:root":                            "one of yes, no",
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
		strings.Repeat("a ", MaxTerms+1):        "more than 64 terms",
		strings.Repeat("a", maxQuery+1):         "4097 bytes",
		"since:" + strings.Repeat("9", 9) + "d": "no time",
	} {
		if _, err := Parse(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", in, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"agent:ci verdict:deny", `!rule:"a\"b",c & text`, "since:1h limit:3", `"\u00e9`, "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s)
		if err != nil {
			return
		}
		if len(q.Terms) > MaxTerms || q.Limit < 0 || q.Limit > MaxLimit {
			t.Fatalf("%q: %+v", s, q)
		}
		for _, term := range q.Terms {
			for _, v := range term.Values {
				if v == "" || !utf8.ValidString(v) {
					t.Fatalf("%q: value %q", s, v)
				}
			}
		}
		r := record.Record{Agent: record.Agent{Name: "ci"}}
		r.Seal(1, record.Hash{}, time.Time{})
		q.Match(&r)
	})
}

func TestMatch(t *testing.T) {
	r := record.Record{
		ID: "7", Time: month(6), Agent: record.Agent{Name: "ci", User: "ann"}, Service: "github", Protocol: "http", Host: "api.github.com",
		Kind: "request", Method: "DELETE", Summary: `DELETE /a "b" <c>`, Verdict: "deny", Rule: "no-delete", Outcome: record.Refused, Status: "403", Session: "s1",
		Asks: []record.Ask{{Rule: "look-first"}},
	}
	r.Seal(9, record.Hash{}, month(6))
	for q, want := range map[string]bool{
		"":                                     true,
		"agent:ci verdict:deny service:github": true,
		"agent:ci,other":                       true,
		"agent:other":                          false,
		"!agent:other":                         true,
		"!agent:ci":                            false,
		"verdict:allow":                        false,
		"asked:no":                             false,
		"asked:yes":                            true,
		"!asked:yes":                           false,
		"asked:yes,no":                         true,
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
		parsed, err := Parse(q)
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.Match(&r); got != want {
			t.Errorf("%q: %v", q, got)
		}
	}
}
