package http

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
)

// kept is what the record of an action holds of its body; "-" is nothing.
func kept(t *testing.T, a *action.Action) string {
	t.Helper()
	b, err := json.Marshal(a.Parts[0].Facts)
	if err != nil {
		t.Fatal(err)
	}
	var r ask.Request
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Kept == nil {
		return "-"
	}
	return r.Kept.Text
}

func TestBodiesAreKept(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		b := newBench(t, http.HandlerFunc(echo))
		b.settle = func(context.Context, *action.Action, action.Decision) action.Decision { return action.Decision{} }
		const typ = "application/json"
		long := `{"a":"` + strings.Repeat("x", 12<<10) + `"}` // more than leaves with the head
		for _, tt := range []struct {
			name    string
			room    int64
			body    io.Reader
			verdict action.Verdict
			held    bool // a rule reads it
			want    string
		}{
			{"allowed", 16 << 10, strings.NewReader(`{"a":1}`), action.Allow, false, `{"a":1}`},
			{"of no stated size", 16 << 10, io.MultiReader(strings.NewReader(`{"a":1}`)), action.Allow, false, `{"a":1}`},
			{"longer than a packet", 16 << 10, strings.NewReader(long), action.Allow, false, long},
			{"longer, of no stated size", 16 << 10, io.MultiReader(strings.NewReader(long)), action.Allow, false, long},
			{"too long", 1 << 10, strings.NewReader(long), action.Allow, false, "-"},
			{"too long, of no stated size", 1 << 10, io.MultiReader(strings.NewReader(long)), action.Allow, false, "-"},
			{"read by a rule", 16 << 10, strings.NewReader(`{"a":1}`), action.Allow, true, `{"a":1}`},
			{"read by a rule that denies", 16 << 10, strings.NewReader(`{"a":1}`), action.Deny, true, `{"a":1}`},
			{"denied without a look", 16 << 10, strings.NewReader(`{"a":1}`), action.Deny, false, "-"},
			{"asked for approval", 16 << 10, strings.NewReader(long), action.Ask, false, long},
			{"not asked for", 0, strings.NewReader(`{"a":1}`), action.Allow, false, "-"},
			{"not asked for, read by a rule", 0, strings.NewReader(`{"a":1}`), action.Allow, true, "-"},
			{"a secret", 16 << 10, strings.NewReader(`{"a":1,"token":"hunter2"}`), action.Allow, false, `{"a":1,"token":"[hidden]"}`},
		} {
			b.svc.RecordBodies = tt.room
			var act *action.Action
			need := action.Need(0)
			if tt.held {
				need = ask.BodyFacts
			}
			b.decide = func(a *action.Action) action.Decision {
				act = a
				if r, ok := a.Parts[0].Facts.(*ask.Request); ok && r.Unread && need != 0 {
					return action.Decision{Need: need}
				}
				return action.Decision{Verdict: tt.verdict}
			}
			resp, err := b.client(h2).Post("https://api.example/p", typ, tt.body)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			body(t, resp)
			if got := kept(t, act); got != tt.want {
				t.Errorf("%s: %.80s, want %.80s", tt.name, got, tt.want)
			}
		}
		if left, _ := b.p.held.Held(""); left != 0 {
			t.Errorf("%d bytes still held", left)
		}
	})
}

// A recorded body is judged again as the live one was, by what a service declares
// now; what was taken out is pending.
func TestKeptBodiesAreRecalled(t *testing.T) {
	for _, tt := range []struct {
		name, typ, body string
		readings        []string
		fact            string
		want            string
	}{
		{"a document", "application/json", `{"amount": 7}`, nil, "http.body", `{"amount": 7}`},
		{"an argument", "application/json", `{"amount": 7}`, nil, "http.args.amount", "7"},
		{"a form", "application/x-www-form-urlencoded", "amount=7", nil, "http.form.amount", "7"},
		{"a hidden field", "application/json", `{"token": "hunter2"}`, nil, "http.args.token", "pending"},
		{"the text with one", "application/json", `{"token": "hunter2"}`, nil, "http.body", "pending"},
		{"beside one", "application/json", `{"token": "hunter2", "amount": 7}`, nil, "http.args.amount", "7"},
		{"GraphQL", "application/json", `{"query": "mutation Drop { dropAll }"}`, []string{"graphql"}, "graphql.type", "mutation"},
		{"a model", "application/json", `{"model": "m-1", "messages": []}`, []string{"llm"}, "llm.model", "m-1"},
		{"a model, with a secret", "application/json", `{"model": "m-1", "messages": [{"token": "hunter2"}]}`, []string{"llm"}, "llm.model", "pending"},
		{"not read like that", "application/json", `{"model": "m-1", "messages": []}`, nil, "llm.model", "unknown"},
		{"no longer there", "text/plain", "amount=7", nil, "http.body", "pending"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Content-Type": {tt.typ}}
			r := post("/v1", h)
			r.ContentLength = int64(len(tt.body))
			a, p := ask.Read(ask.Place{Peer: &action.Peer{}, Service: &action.Service{Name: "api", RecordBodies: 1000}, Name: "api.example", Secure: true}, r)
			if p != nil {
				t.Fatal(p)
			}
			a.Keep(h, []byte(tt.body))
			recorded, err := json.Marshal(&a.Facts)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(recorded), "hunter2") {
				t.Errorf("a secret is recorded: %s", recorded)
			}
			again := new(ask.Request)
			if err := json.Unmarshal(recorded, again); err != nil {
				t.Fatal(err)
			}
			svc := &action.Service{Name: "api", Readings: tt.readings}
			again.Reopen(svc)
			again.Recall(svc)
			if got := text(t, again, tt.fact); got != tt.want {
				t.Errorf("%s is %s, want %s", tt.fact, got, tt.want)
			}
			again.Reopen(&action.Service{Name: "api"}) // by another policy
			again.Reopen(svc)
			if got := text(t, again, tt.fact); got != tt.want {
				t.Errorf("the second time %s is %s, want %s", tt.fact, got, tt.want)
			}
		})
	}
}

// text is the value of a fact, or why there is none.
func text(t *testing.T, r *ask.Request, name string) string {
	t.Helper()
	for _, spec := range Facts().Facts {
		var v string
		var s action.State
		switch key, keyed := strings.CutPrefix(name, spec.Name+"."); {
		case spec.Name == name && spec.Str != nil:
			v, s = spec.Str(r)
		case keyed && spec.Key != nil:
			v, s = spec.Key(r, key)
		default:
			continue
		}
		return map[action.State]string{action.Known: v, action.Absent: "absent", action.Unknown: "unknown", action.Pending: "pending"}[s]
	}
	t.Fatalf("there is no fact %s", name)
	return ""
}
