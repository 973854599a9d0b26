package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
)

const secret = "a key of twenty-six letters"

func fixed(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }

func TestT41_WhatIsNotSignedIsNotTaken(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	body := []byte(`{"type":"approval.asked"}`)
	signed := func(change func(h http.Header)) http.Header {
		h := http.Header{}
		if err := Sign(h, []byte(secret), "msg_1", now, body); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(h)
		}
		return h
	}
	for _, c := range []struct {
		name   string
		h      http.Header
		secret string
		now    time.Time
		body   string
		ok     bool
	}{
		{"as it was signed", signed(nil), secret, now, string(body), true},
		{"a little late", signed(nil), secret, now.Add(Window), string(body), true},
		{"a little early", signed(nil), secret, now.Add(-Window), string(body), true},
		{"too late", signed(nil), secret, now.Add(Window + time.Second), string(body), false},
		{"too early", signed(nil), secret, now.Add(-Window - time.Second), string(body), false},
		{"another body", signed(nil), secret, now, string(body) + " ", false},
		{"another key", signed(nil), secret + "x", now, string(body), false},
		{"another id", signed(func(h http.Header) { h.Set(HeaderID, "msg_2") }), secret, now, string(body), false},
		{"another time", signed(func(h http.Header) { h.Set(HeaderTime, "1800000001") }), secret, now, string(body), false},
		{"a time spelled otherwise", signed(func(h http.Header) { h.Set(HeaderTime, "+1800000000") }), secret, now, string(body), false},
		{"no signature", signed(func(h http.Header) { h.Del(HeaderSignature) }), secret, now, string(body), false},
		{"no id", signed(func(h http.Header) { h.Del(HeaderID) }), secret, now, string(body), false},
		{"a dot moved from the id", signed(func(h http.Header) { h.Set(HeaderID, "msg_1.1800000000") }), secret, now, string(body), false},
		{"an empty signature", signed(func(h http.Header) { h.Set(HeaderSignature, "v1,") }), secret, now, string(body), false},
		{"another version", signed(func(h http.Header) { h.Set(HeaderSignature, "v0"+h.Get(HeaderSignature)[2:]) }), secret, now, string(body), false},
		{"one of two keys", signed(func(h http.Header) { h.Set(HeaderSignature, "v1,AAAA "+h.Get(HeaderSignature)) }), secret, now, string(body), true},
		{"a short key", signed(nil), "short", now, string(body), false},
	} {
		id, err := Verify(c.h, []byte(c.secret), c.now, []byte(c.body))
		if (err == nil) != c.ok || c.ok && id != "msg_1" {
			t.Errorf("%s: %q, %v", c.name, id, err)
		}
	}
}

func same(s string) string { return s }

func TestKeys(t *testing.T) {
	for secret, ok := range map[string]bool{
		secret: true, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": true, "": false, "0123456789abcde": false,
		"whsec_": false, "whsec_!": false, "whsec_AAAA": false,
	} {
		if _, err := key([]byte(secret)); (err == nil) != ok {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

// A receiver is a transport that answers with a script of codes, then with 200.
type receiver struct {
	mu    sync.Mutex
	codes []int
	got   []*http.Request
	body  []string
	at    []time.Time
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.body, r.at = append(r.got, req), append(r.body, string(body)), append(r.at, time.Now())
	code := http.StatusOK
	if len(r.codes) > 0 {
		code, r.codes = r.codes[0], r.codes[1:]
	}
	if code == 0 {
		return nil, errors.New("the line is dead")
	}
	w := httptest.NewRecorder()
	w.Header().Set("Location", "https://elsewhere.example.com/")
	w.WriteHeader(code)
	return w.Result(), nil
}

func asked(id string) approval.Event {
	return approval.Event{Kind: approval.Asked, Request: approval.Request{ID: id, Agent: "robot", Expires: time.Now().Add(10 * time.Minute)}}
}

func TestDelivery(t *testing.T) {
	for _, c := range []struct {
		name  string
		codes []int
		posts int
	}{
		{"taken", nil, 1},
		{"taken later", []int{500, 0, 429, 503}, 5},
		{"refused", []int{400}, 1},
		{"redirected", []int{307}, 1},
		{"moved", []int{301}, 1},
		{"never", []int{500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500}, maxAttempts},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{codes: c.codes}
			h := New("https://hooks.example.com/x", fixed(secret), same, &http.Client{Transport: r}, slog.New(slog.DiscardHandler))
			h.Tell(t.Context(), asked("1"))
			time.Sleep(time.Hour)
			h.Close()
			if len(r.got) != c.posts {
				t.Fatalf("%s: %d posts", c.name, len(r.got))
			}
			ids := map[string]bool{}
			for i, req := range r.got {
				id, err := Verify(req.Header, []byte(secret), r.at[i], []byte(r.body[i]))
				if err != nil || req.URL.Host != "hooks.example.com" {
					t.Errorf("%s: post %d to %s: %v", c.name, i, req.URL, err)
				}
				ids[id] = true
			}
			if len(ids) != 1 {
				t.Errorf("%s: %d ids for one message", c.name, len(ids))
			}
			var m Message
			if err := json.Unmarshal([]byte(r.body[0]), &m); err != nil || m.Type != "approval.asked" || m.Approval.Agent != "robot" {
				t.Errorf("%s: %q, %v", c.name, r.body[0], err)
			}
			if strings.Contains(r.body[0], secret) {
				t.Errorf("%s: the key stands in the body", c.name)
			}
		})
	}
}

// An address may hold a secret of its own: who does not get through does not tell it.
func TestAnErrorDoesNotTellTheAddress(t *testing.T) {
	h := New("https://hooks.example.com/x?key=of-its-own", fixed(secret), same, &http.Client{Transport: &receiver{codes: []int{0}}}, slog.New(slog.DiscardHandler))
	defer h.Close()
	err := h.Try(t.Context())
	if err == nil || strings.Contains(err.Error(), "of-its-own") || strings.Contains(h.Standing().Problem, "of-its-own") || !strings.Contains(err.Error(), "hooks.example.com: the line is dead") {
		t.Errorf("it says: %v", err)
	}
}

func TestAnAskThatEndsIsNotTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{codes: []int{500, 500, 500, 500, 500, 500, 500}}
		h := New("https://hooks.example.com/x", fixed(secret), same, &http.Client{Transport: r}, slog.New(slog.DiscardHandler))
		e := asked("1")
		e.Request.Expires = time.Now().Add(3 * time.Second)
		h.Tell(t.Context(), e)
		time.Sleep(time.Hour)
		h.Close()
		if last := r.at[len(r.at)-1]; last.After(e.Request.Expires) {
			t.Errorf("tried %v after its end", last.Sub(e.Request.Expires))
		}
	})
}

// TestTellNeverBlocks fills the queue of a receiver that hangs.
func TestTellNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		hang := make(chan struct{})
		h := New("https://hooks.example.com/x", func() ([]byte, error) { <-hang; return []byte(secret), nil }, same, &http.Client{Transport: r}, slog.New(slog.DiscardHandler))
		for i := range 10 * queueLen {
			h.Tell(t.Context(), asked(fmt.Sprint(i)))
		}
		close(hang)
		time.Sleep(time.Hour)
		h.Close()
		if n := len(r.got); n < queueLen || n > queueLen+1 {
			t.Errorf("%d posts", n)
		}
	})
}

func TestAShortKeySignsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		h := New("https://hooks.example.com/x", fixed("short"), same, &http.Client{Transport: r}, slog.New(slog.DiscardHandler))
		h.Tell(t.Context(), asked("1"))
		time.Sleep(time.Hour)
		h.Close()
		if len(r.got) != 0 {
			t.Error("posted with a key that can be guessed")
		}
	})
}

// A desk remembers what it is told.
type desk struct {
	asks    map[string]approval.Request
	answers []string
}

func (d *desk) Get(id string) (approval.Request, bool) { r, ok := d.asks[id]; return r, ok }

func (d *desk) Answer(id string, yes bool, who action.Person, note string, s approval.Scope) (approval.Request, error) {
	d.answers = append(d.answers, fmt.Sprintf("%s %v %s via %s %q %v", id, yes, who.Name, who.Via, note, s))
	return d.asks[id], nil
}

const other = "the key of the other approver"

// inbox knows two approvers with a key each, one without, and three asks.
func inbox(now *time.Time) (*Inbox, *desk) {
	d := &desk{asks: map[string]approval.Request{
		"1": {ID: "1", Needs: []approval.Need{{Approver: "approver.oncall"}}},
		"2": {ID: "2", Needs: []approval.Need{{Approver: "approver.oncall"}, {Approver: "approver.quiet"}}},
		"3": {ID: "3", Needs: []approval.Need{{Approver: ""}}},
		"4": {ID: "4", Needs: []approval.Need{{Approver: "approver.money"}}},
	}}
	return &Inbox{
		Desk: d, Now: func() time.Time { return *now },
		Keys: func() []Key { return []Key{{"approver.oncall", fixed(secret)}, {"approver.money", fixed(other)}} },
		Approver: func(name string) (approval.Approver, bool) {
			return map[string]approval.Approver{
				"approver.oncall": {Members: []string{"ana@acme.dev", "bo@acme.dev"}},
				"approver.money":  {Members: []string{"ana@acme.dev"}},
				"approver.quiet":  {Members: []string{"ana@acme.dev"}},
			}[name], name != ""
		},
	}, d
}

// send signs a body and hands it in for an ask.
func send(in *Inbox, ask, key, id string, at time.Time, body string) error {
	h := http.Header{}
	if err := Sign(h, []byte(key), id, at, []byte(body)); err != nil {
		return err
	}
	_, err := in.Take(ask, h, strings.NewReader(body))
	return err
}

func TestT41_AKeySpeaksForItsOwnApprover(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		name, ask, key, body string
		want                 error
		desk                 string
	}{
		{"a yes", "1", secret, `{"approval":"1","answer":"approve","by":"ana@acme.dev","note":"fine"}`, nil, `1 true ana@acme.dev via webhook "fine" { 0s 0}`},
		{"a no", "1", secret, `{"approval":"1","answer":"deny","by":"bo@acme.dev"}`, nil, `1 false bo@acme.dev via webhook "" { 0s 0}`},
		{"of somebody else", "1", secret, `{"approval":"1","answer":"approve","by":"eve@acme.dev"}`, ErrNotForHooks, ""},
		{"with another approver's key", "1", other, `{"approval":"1","answer":"approve","by":"ana@acme.dev"}`, ErrNotForHooks, ""},
		{"that would count twice", "2", secret, `{"approval":"2","answer":"approve","by":"ana@acme.dev"}`, ErrNotForHooks, ""},
		{"that counts once of two", "2", secret, `{"approval":"2","answer":"approve","by":"bo@acme.dev"}`, nil, `2 true bo@acme.dev via webhook "" { 0s 0}`},
		{"for the operators", "3", secret, `{"approval":"3","answer":"approve","by":"ana@acme.dev"}`, ErrNotForHooks, ""},
		{"for another ask", "1", secret, `{"approval":"4","answer":"approve","by":"ana@acme.dev"}`, ErrForm, ""},
		{"for no ask", "9", secret, `{"approval":"9","answer":"approve","by":"ana@acme.dev"}`, approval.ErrUnknown, ""},
		{"with a key of nobody", "1", secret + "x", `{"approval":"1","answer":"approve","by":"ana@acme.dev"}`, ErrSignature, ""},
		{"of nobody", "1", secret, `{"approval":"1","answer":"approve"}`, ErrForm, ""},
		{"of a name that folds to another", "1", secret, `{"approval":"1","answer":"approve","by":"an\u00e1@acme.dev"}`, ErrForm, ""},
		{"of a name with a line in it", "1", secret, `{"approval":"1","answer":"approve","by":"ana@acme.dev\nx"}`, ErrForm, ""},
		{"maybe", "1", secret, `{"approval":"1","answer":"maybe","by":"ana@acme.dev"}`, ErrForm, ""},
		{"with more", "1", secret, `{"approval":"1","answer":"approve","by":"ana@acme.dev","scope":{"kind":"exact"}}`, ErrForm, ""},
		{"twice", "1", secret, `{"approval":"1","answer":"approve","by":"ana@acme.dev"}{}`, ErrForm, ""},
		{"our own message", "1", secret, `{"type":"approval.asked","approval":{"id":"1"}}`, ErrForm, ""},
		{"too long", "1", secret, `{"note":"` + strings.Repeat("x", maxAnswer) + `"}`, ErrForm, ""},
	} {
		in, d := inbox(&now)
		err := send(in, c.ask, c.key, "m1", now, c.body)
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if got := strings.Join(d.answers, "; "); got != c.desk {
			t.Errorf("%s: the desk got %s", c.name, got)
		}
	}
}

// TestT41_AnAnswerIsTakenOnce replays a signed answer, at once and as long as its
// signature lasts, and then.
func TestT41_AnAnswerIsTakenOnce(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	now := start
	in, d := inbox(&now)
	body := `{"approval":"1","answer":"approve","by":"ana@acme.dev"}`
	if err := send(in, "1", secret, "m1", start, body); err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{0, time.Minute, Window} {
		now = start.Add(after)
		if err := send(in, "1", secret, "m1", start, body); !errors.Is(err, ErrReplay) {
			t.Errorf("after %v: %v", after, err)
		}
	}
	now = start.Add(Window + time.Second)
	if err := send(in, "1", secret, "m1", start, body); !errors.Is(err, ErrSignature) {
		t.Errorf("after the window: %v", err)
	}
	if len(d.answers) != 1 {
		t.Errorf("the desk got %d answers", len(d.answers))
	}
}

func TestNoncesAreBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	in := &Inbox{Now: func() time.Time { return now }}
	for i := range maxNonces {
		if !in.fresh(fmt.Sprint(i)) {
			t.Fatal(i)
		}
	}
	if in.fresh("one more") {
		t.Error("an id is taken that cannot be remembered")
	}
	now = now.Add(3 * Window)
	if !in.fresh("one more") || len(in.nonces) != 1 {
		t.Errorf("%d ids are kept for ever", len(in.nonces))
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"approval":"1","answer":"approve","by":"ana@acme.dev"}`), "m1", "1800000000")
	f.Fuzz(func(t *testing.T, body []byte, id, stamp string) {
		now := time.Unix(1_800_000_000, 0)
		if a, err := read(body); err == nil && (a.By == "" || a.Answer != "approve" && a.Answer != "deny") {
			t.Errorf("%q is %+v", body, a)
		}
		h := http.Header{}
		h.Set(HeaderID, id)
		h.Set(HeaderTime, stamp)
		h.Set(HeaderSignature, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
		if _, err := Verify(h, []byte(secret), now, body); err == nil {
			t.Error("a signature out of nothing")
		}
	})
}

// An alert is signed like an ask, tried again like one, and says nothing of asks.
func TestAnAlertIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{codes: []int{503, 0}}
		h := New("https://hooks.example.com/x", fixed(secret), same, &http.Client{Transport: r}, slog.New(slog.DiscardHandler))
		h.Alert(map[string]any{"what": "a warning", "gone": false})
		time.Sleep(time.Hour)
		h.Close()
		if len(r.got) != 3 {
			t.Fatalf("%d posts", len(r.got))
		}
		for i, req := range r.got {
			if _, err := Verify(req.Header, []byte(secret), r.at[i], []byte(r.body[i])); err != nil {
				t.Error(err)
			}
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(r.body[2]), &m); err != nil || m["type"] != "alert" || m["approval"] != nil || m["alert"].(map[string]any)["what"] != "a warning" {
			t.Errorf("%v in %s", err, r.body[2])
		}
		if at := h.Standing(); at.Problem != "" || at.Delivered.IsZero() {
			t.Errorf("%+v", at)
		}
	})
}
