package slack_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/approval/slack"
	"sallyport.dev/sallyport/internal/lab/chat"
)

const patience = time.Minute

// people of the workspace: ana and bo are asked, eve is a member who is not, the
// others only look like ana.
func people() []chat.User {
	return []chat.User{
		{ID: "U1", Email: "Ana@acme.dev"},
		{ID: "U2", Email: "bo@acme.dev"},
		{ID: "U3", Email: "eve@acme.dev"},
		{ID: "U4", Email: "ana@acme.dev", Unconfirmed: true},
		{ID: "U5", Email: "ana@acme.dev", Team: "T0EVIL"},
		{ID: "U6", Email: "ana@acme.dev", Bot: true},
		{ID: "U7", Email: "ana@acme.dev", Deleted: true},
		{ID: "U8", Email: "ana@acme.dev", Stranger: true},
		{ID: "U9", Email: ""},
		{ID: "U10", Email: "os\u212Aar@acme.dev"}, // folds to oskar
	}
}

// A shelf is a Store in memory.
type shelf struct {
	mu    sync.Mutex
	cards map[string]slack.Card
}

func (s *shelf) LoadCards(context.Context) ([]slack.Card, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.cards)), nil
}

func (s *shelf) SaveCard(_ context.Context, c slack.Card) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cards[c.Ask+c.Channel] = c
	return nil
}

func (s *shelf) DropCard(_ context.Context, c slack.Card) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cards, c.Ask+c.Channel)
	return nil
}

// A rig is a desk and a Slack; the workspace and the store outlive a crash.
type rig struct {
	t     *testing.T
	team  *chat.Slack
	web   *httptest.Server
	shelf *shelf
	desk  *approval.Desk
	slack *slack.Slack
	stop  func()
	reads atomic.Int32 // of tokens

	operator func(string) string   // nil: the address
	groups   func(string) []string // nil: none
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, team: chat.New(people()...), shelf: &shelf{cards: map[string]slack.Card{}}}
	r.web = httptest.NewServer(r.team)
	t.Cleanup(func() { r.team.Close(); r.web.Close() })
	r.desk = r.newDesk()
	r.start()
	return r
}

func (r *rig) newDesk() *approval.Desk {
	return &approval.Desk{
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Key: []byte("k"),
		Approver: func(name string) (approval.Approver, bool) {
			a, ok := map[string]approval.Approver{
				"approver.oncall": {Members: []string{"ana@acme.dev", "bo@acme.dev", "oskar@acme.dev"}},
				"approver.two":    {Members: []string{"ana@acme.dev", "bo@acme.dev"}, Require: 2},
				"approver.group":  {Members: []string{"group:oncall"}},
				"approver.money":  {Members: []string{"ana@acme.dev"}, StepUp: true},
			}[name]
			if ok && r.slack != nil {
				a.Notify = []approval.Channel{r.slack.Channel("#agents")}
			}
			return a, ok
		},
	}
}

// start runs a Slack for the desk as it is now.
func (r *rig) start() {
	r.t.Helper()
	token := func(s string) func() (string, error) {
		return func() (string, error) { r.reads.Add(1); return s, nil }
	}
	r.slack = slack.New(slack.Config{
		AppToken: token(chat.AppToken), BotToken: token(chat.BotToken), API: r.web.URL + "/api/",
		Client: r.web.Client(), Dial: (&net.Dialer{}).DialContext,
		Channels: func(approver string) []string {
			if approver == "" {
				return nil
			}
			return []string{"#agents"}
		},
		Page:     func(id string) string { return "https://sallyport.acme.dev/approvals/" + id },
		Operator: r.operator, Groups: r.groups, Desk: r.desk, Store: r.shelf, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.slack.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Slack ended with %v", err)
		}
	})
	r.t.Cleanup(r.stop)
}

// ask files an action for an approver and gives where the decision will arrive.
func (r *rig) ask(ctx context.Context, id, approver, sample string) <-chan action.Decision {
	r.t.Helper()
	got := make(chan action.Decision, 1)
	a := &action.Action{
		ID: id, Kind: "request", Summary: "DELETE /customers " + sample[:min(len(sample), 100)], Sample: []byte(sample), Digest: []byte(id),
		Peer: &action.Peer{ID: "a", Name: "robot", User: "bo@acme.dev"}, Service: &action.Service{Name: "crm", Protocol: "http"},
	}
	dec := action.Decision{Verdict: action.Ask, Rule: "careful", Asks: []action.Asking{{Rule: "careful", Approvers: []string{approver}}}}
	go func() { got <- r.desk.Settle(ctx, a, dec) }()
	return got
}

func (r *rig) within() context.Context {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	r.t.Cleanup(cancel)
	return ctx
}

// wait gives the messages once ok says so of them.
func (r *rig) wait(ok func([]chat.Message) bool) []chat.Message {
	r.t.Helper()
	got, err := r.team.Wait(r.within(), ok)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// card waits for the first message, and the n-th edit of it.
func (r *rig) card(edits int) chat.Message {
	r.t.Helper()
	return r.wait(func(m []chat.Message) bool { return len(m) > 0 && m[0].Edits >= edits })[0]
}

// press has somebody press a button of a message.
func (r *rig) press(user string, m chat.Message, act string) {
	r.t.Helper()
	value, _, ok := chat.Button(m, act)
	if !ok {
		r.t.Fatalf("there is no button %s in %s", act, m.Blocks)
	}
	if err := r.team.Press(r.within(), chat.Click{User: user, Message: m, Action: act, Value: value}); err != nil {
		r.t.Fatal(err)
	}
}

// told waits for what only one person sees.
func (r *rig) told(user string) string {
	r.t.Helper()
	is := func(m chat.Message) bool { return m.To == user }
	got := r.wait(func(m []chat.Message) bool { return slices.ContainsFunc(m, is) })
	return got[slices.IndexFunc(got, is)].Blocks
}

func TestACardIsAnsweredAndEdited(t *testing.T) {
	for act, want := range map[string]struct {
		verdict action.Verdict
		words   string
	}{
		"sallyport_once": {action.Allow, "Allowed by ana@acme.dev"},
		"sallyport_deny": {action.Deny, "Denied by ana@acme.dev"},
	} {
		r := newRig(t)
		got := r.ask(t.Context(), "1", "approver.oncall", "| hello")
		m := r.card(0)
		if m.Channel != "#agents" || !strings.Contains(m.Blocks, "robot asks for crm") || !strings.Contains(m.Blocks, "| hello") {
			t.Errorf("%+v", m)
		}
		r.press("U1", m, act)
		if d := <-got; d.Verdict != want.verdict {
			t.Errorf("%s: %+v", act, d)
		}
		m = r.card(1)
		if _, _, buttons := chat.Button(m, act); buttons || !strings.Contains(m.Blocks, want.words) {
			t.Errorf("%s: afterwards %s", act, m.Blocks)
		}
	}
}

// TestT41_OnlyWhoIsAskedAnswers has everybody else press yes: members who are not
// asked, the agent's own user, and those who only seem to be somebody.
func TestT41_OnlyWhoIsAskedAnswers(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	got := r.ask(ctx, "1", "approver.oncall", "x")
	m := r.card(0)
	for user, words := range map[string]string{
		"U2":  "agent of their own",
		"U3":  "somebody else",
		"U4":  "confirmed",
		"U5":  "no member",
		"U6":  "only people",
		"U7":  "only people",
		"U8":  "no member",
		"U9":  "confirmed",
		"U10": "confirmed",
		"U99": "who you are",
	} {
		r.press(user, m, "sallyport_once")
		if told := r.told(user); !strings.Contains(told, words) {
			t.Errorf("%s is told %s", user, told)
		}
	}
	if req, _ := r.desk.Get("1"); req.State != approval.Pending || len(req.Votes) > 0 {
		t.Errorf("%+v", req)
	}
	cancel()
	if d := <-got; d.Verdict != action.Deny {
		t.Errorf("%+v", d)
	}
}

// A person in Slack is an operator, and in the groups that the gateway knows of that one.
func TestT41_APersonInSlackIsAnOperator(t *testing.T) {
	for _, c := range []struct {
		name   string
		is     string // the operator; "": the address
		groups []string
		words  string // of the refusal; "": it is taken
	}{
		{"in the group", "", []string{"oncall"}, ""},
		{"by another address", "ana@other.example", []string{"oncall"}, ""},
		{"in another group", "", []string{"dev"}, "somebody else"},
		{"in none", "", nil, "somebody else"},
		{"the agent's own user by another address", "bo@acme.dev", []string{"oncall"}, "agent of their own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.stop()
			asked := make(chan string, 16)
			r.operator = func(address string) string { return cmp.Or(c.is, address) }
			r.groups = func(operator string) []string { asked <- operator; return c.groups }
			r.start()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			got := r.ask(ctx, "1", "approver.group", "x")
			r.press("U1", r.card(0), "sallyport_once")
			if who := <-asked; who != cmp.Or(c.is, "ana@acme.dev") {
				t.Errorf("the groups of %s are asked for", who)
			}
			if c.words == "" {
				if d := <-got; d.Verdict != action.Allow || !strings.Contains(d.Reason, cmp.Or(c.is, "ana@acme.dev")) {
					t.Errorf("%+v", d)
				}
				return
			}
			if told := r.told("U1"); !strings.Contains(told, c.words) {
				t.Errorf("they are told %s", told)
			}
		})
	}
}

// TestT41_AButtonIsGoodForItsOwnCard presses with values and messages that do not
// belong together.
func TestT41_AButtonIsGoodForItsOwnCard(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	one := r.ask(ctx, "1", "approver.oncall", "x")
	first := r.card(0)
	two := r.ask(ctx, "2", "approver.oncall", "y")
	second := r.wait(func(m []chat.Message) bool { return len(m) > 1 })[1]
	value, _, _ := chat.Button(first, "sallyport_once")
	elsewhere := first
	elsewhere.ID = "CEVIL"
	for i, c := range []chat.Click{
		{Message: second, Action: "sallyport_once", Value: value},
		{Message: elsewhere, Action: "sallyport_once", Value: value},
		{Message: first, Action: "sallyport_once", Value: "1 guessed"},
		{Message: first, Action: "sallyport_once", Value: "1"},
		{Message: first, Action: "sallyport_once", Value: ""},
		{Message: first, Action: "sallyport_everything", Value: value},
	} {
		c.User = "U1"
		if err := r.team.Press(r.within(), c); err != nil {
			t.Fatal(err)
		}
		r.wait(func(m []chat.Message) bool { return len(m) == 3+i })
	}
	for _, id := range []string{"1", "2"} {
		if req, _ := r.desk.Get(id); req.State != approval.Pending {
			t.Errorf("%s is %s", id, req.State)
		}
	}
	cancel()
	<-one
	<-two
}

// TestT41_AGraveAskHasNoYesButton proves that the card of an ask that takes a fresh
// proof leads to the dashboard, and that a forged yes is refused.
func TestT41_AGraveAskHasNoYesButton(t *testing.T) {
	r := newRig(t)
	got := r.ask(t.Context(), "1", "approver.money", "x")
	m := r.card(0)
	if _, _, ok := chat.Button(m, "sallyport_once"); ok {
		t.Error("there is a yes button")
	}
	value, url, ok := chat.Button(m, "sallyport_visit")
	if !ok || url != "https://sallyport.acme.dev/approvals/1" {
		t.Errorf("the link is %q", url)
	}
	if err := r.team.Press(r.within(), chat.Click{User: "U1", Message: m, Action: "sallyport_once", Value: value}); err != nil {
		t.Fatal(err)
	}
	if told := r.told("U1"); !strings.Contains(told, "dashboard") {
		t.Errorf("told %s", told)
	}
	r.press("U1", m, "sallyport_deny")
	if d := <-got; d.Verdict != action.Deny {
		t.Errorf("%+v", d)
	}
}

func TestSeveralPeople(t *testing.T) {
	r := newRig(t)
	a := &action.Action{
		ID: "1", Summary: "x", Digest: []byte("1"), Peer: &action.Peer{ID: "a", Name: "robot"}, Service: &action.Service{Name: "crm"},
	}
	got := make(chan action.Decision, 1)
	go func() {
		got <- r.desk.Settle(t.Context(), a, action.Decision{Verdict: action.Ask, Asks: []action.Asking{{Rule: "r", Approvers: []string{"approver.two"}}}})
	}()
	m := r.card(0)
	r.press("U1", m, "sallyport_once")
	if m = r.card(1); !strings.Contains(m.Blocks, "1 of 2 ana@acme.dev") {
		t.Errorf("after one: %s", m.Blocks)
	}
	r.press("U2", m, "sallyport_once")
	if d := <-got; d.Verdict != action.Allow {
		t.Errorf("%+v", d)
	}
}

func TestAnAskThatEndsIsEdited(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	got := r.ask(ctx, "1", "approver.oncall", "x")
	r.card(0)
	cancel()
	<-got
	if m := r.card(1); !strings.Contains(m.Blocks, "Withdrawn") {
		t.Errorf("%s", m.Blocks)
	}
}

// TestNothingIsLostInAnOutage files and settles asks while Slack is down.
func TestNothingIsLostInAnOutage(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	before := r.ask(ctx, "1", "approver.oncall", "x")
	r.card(0)
	if err := r.team.Opened(r.within(), 1); err != nil { // the card goes another way
		t.Fatal(err)
	}
	r.team.Down(true)
	during := r.ask(t.Context(), "2", "approver.oncall", "y")
	cancel()
	<-before
	r.team.Down(false)
	got := r.wait(func(m []chat.Message) bool { return len(m) == 2 && m[0].Edits > 0 })
	if !strings.Contains(got[0].Blocks, "Withdrawn") {
		t.Errorf("the first shows %s", got[0].Blocks)
	}
	if err := r.team.Opened(r.within(), 2); err != nil {
		t.Fatal(err)
	}
	r.press("U1", got[1], "sallyport_once")
	if d := <-during; d.Verdict != action.Allow {
		t.Errorf("%+v", d)
	}
}

func TestABrokenSocketIsOpenedAgain(t *testing.T) {
	r := newRig(t)
	got := r.ask(t.Context(), "1", "approver.oncall", "x")
	m := r.card(0)
	for n := 1; n < 4; n++ {
		if err := r.team.Opened(r.within(), n); err != nil {
			t.Fatal(err)
		}
		r.team.Break()
	}
	if err := r.team.Opened(r.within(), 4); err != nil {
		t.Fatal(err)
	}
	r.press("U1", m, "sallyport_once")
	if d := <-got; d.Verdict != action.Allow {
		t.Errorf("%+v", d)
	}
}

// TestARestartEditsWhatItPosted ends the process between the post and the answer.
func TestARestartEditsWhatItPosted(t *testing.T) {
	r := newRig(t)
	got := r.ask(t.Context(), "1", "approver.oncall", "x")
	m := r.card(0)
	if err := r.team.Opened(r.within(), 1); err != nil {
		t.Fatal(err)
	}
	r.stop()
	r.start()
	if err := r.team.Opened(r.within(), 2); err != nil {
		t.Fatal(err)
	}
	r.press("U1", m, "sallyport_once")
	if d := <-got; d.Verdict != action.Allow {
		t.Errorf("%+v", d)
	}
	if m = r.card(1); !strings.Contains(m.Blocks, "Allowed by ana@acme.dev") {
		t.Errorf("%s", m.Blocks)
	}
	if n := len(r.team.Messages()); n != 1 {
		t.Errorf("%d messages for one ask", n)
	}
}

func TestSlackLimitsUs(t *testing.T) {
	r := newRig(t)
	if err := r.team.Opened(r.within(), 1); err != nil {
		t.Fatal(err)
	}
	r.team.Limit(2)
	got := r.ask(t.Context(), "1", "approver.oncall", "x")
	r.press("U1", r.card(0), "sallyport_once")
	if d := <-got; d.Verdict != action.Allow {
		t.Errorf("%+v", d)
	}
}

// TestTheSameTokensEndNoSession: that the tokens have changed may be said when the
// session with them has begun already. A click would be lost with it.
func TestTheSameTokensEndNoSession(t *testing.T) {
	r := newRig(t)
	got := r.ask(t.Context(), "1", "approver.oncall", "x")
	m := r.card(0)
	if err := r.team.Opened(r.within(), 1); err != nil {
		t.Fatal(err)
	}
	before := r.reads.Load()
	r.slack.Restart()
	for deadline := time.Now().Add(patience); r.reads.Load() == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody looked at the tokens")
		}
	}
	r.press("U1", m, "sallyport_once")
	if d := <-got; d.Verdict != action.Allow {
		t.Errorf("%+v", d)
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if r.team.Opened(now, 2) == nil {
		t.Error("another session with the same tokens")
	}
}

// TestWithoutTokensTheDeskWorks proves that a Slack that cannot start is nothing
// that an ask waits for, and that it starts once the tokens are there.
func TestWithoutTokensTheDeskWorks(t *testing.T) {
	r := &rig{t: t, team: chat.New(people()...), shelf: &shelf{cards: map[string]slack.Card{}}}
	r.web = httptest.NewServer(r.team)
	t.Cleanup(func() { r.team.Close(); r.web.Close() })
	r.desk = r.newDesk()
	var mu sync.Mutex
	missing := errors.New("no value")
	token := func(s string) func() (string, error) {
		return func() (string, error) { mu.Lock(); defer mu.Unlock(); return s, missing }
	}
	r.slack = slack.New(slack.Config{
		AppToken: token(chat.AppToken), BotToken: token(chat.BotToken), API: r.web.URL + "/api/", Client: http.DefaultClient,
		Dial: (&net.Dialer{}).DialContext, Channels: func(string) []string { return []string{"#agents"} },
		Desk: r.desk, Store: r.shelf, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.slack.Run(ctx) }()
	got := r.ask(t.Context(), "1", "approver.oncall", "x")
	for {
		changed := r.desk.Changed()
		if _, ok := r.desk.Get("1"); ok {
			break
		}
		<-changed
	}
	mu.Lock()
	missing = nil
	mu.Unlock()
	r.slack.Restart()
	r.press("U1", r.card(0), "sallyport_once")
	if d := <-got; d.Verdict != action.Allow {
		t.Errorf("%+v", d)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestT41_UnknownEnvelopesDoNothing sends what nobody asked for.
func TestT41_UnknownEnvelopesDoNothing(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	got := r.ask(ctx, "1", "approver.oncall", "x")
	r.card(0)
	for _, payload := range []any{
		map[string]any{"type": "view_submission", "user": map[string]any{"id": "U1"}},
		map[string]any{"type": "block_actions", "user": map[string]any{"id": "U1"}},
		map[string]any{"type": "block_actions", "user": map[string]any{"id": "U1"}, "actions": []any{}},
	} {
		if err := r.team.Send(r.within(), "interactive", payload); err != nil {
			t.Error(err)
		}
	}
	if err := r.team.Send(r.within(), "slash_commands", map[string]any{"command": "/approve", "text": "1", "user_id": "U1"}); err != nil {
		t.Error(err)
	}
	if req, _ := r.desk.Get("1"); req.State != approval.Pending {
		t.Errorf("%+v", req)
	}
	cancel()
	<-got
}

// What nobody answers is posted, later where Slack wants so, and what a channel
// refuses is known of that channel.
func TestASayingArrives(t *testing.T) {
	r := newRig(t)
	if err := r.team.Opened(r.within(), 1); err != nil {
		t.Fatal(err)
	}
	r.team.Limit(2)
	r.slack.Say("#nowhere", "Alert: one")
	r.slack.Say("#ops", "Alert: two", "Agent: <!channel>")
	m := r.wait(func(m []chat.Message) bool { return len(m) == 1 })[0]
	if m.Channel != "#ops" || !strings.Contains(m.Blocks, "Alert: two") || strings.Contains(m.Blocks, "mrkdwn") || m.Text != "An alert of the gateway." {
		t.Errorf("%+v", m)
	}
	if at := r.slack.Said("#nowhere"); !strings.Contains(at.Problem, "channel_not_found") || at.Since.IsZero() {
		t.Errorf("%+v", at)
	}
	if err := r.slack.Try(r.within(), "#ops"); err != nil {
		t.Error(err)
	}
	if at := r.slack.Said("#ops"); at.Problem != "" || at.Delivered.IsZero() {
		t.Errorf("%+v", at)
	}
	if err := r.slack.Try(r.within(), "#nowhere"); err == nil {
		t.Error("a trial arrives nowhere")
	}
}
