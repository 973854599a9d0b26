package lab_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/approval/webhook"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/lab/chat"
)

const answering = `
gateway {
  wireguard {
    listen = ":0"
  }
  slack {
    app_token = secret.slack_app
    bot_token = secret.slack_bot
  }
}

service "crm" {
  hosts = ["crm.example.com"]
  tls   = { ca = file("upstreams.pem") }
}
service "model" {
  hosts   = ["model.example.com"]
  auth    = header("x-api-key", secret.model)
  tls     = { ca = file("upstreams.pem") }
  posture = "open"
}
service "other" {
  hosts = ["other.example.com"]
  tls   = { ca = file("upstreams.pem") }
  posture = "open"
}

role "agents" { use = [service.crm, service.other] }

judge "pii" {
  service = service.model
  model   = "m"
  prompt  = "Deny what touches personal data."
  api     = "anthropic"
}
judge "sure" {
  service = service.model
  model   = "m"
  prompt  = "Allow notes."
  may     = "decide"
}
approver "oncall" {
  members = ["ana@acme.dev"]
  notify  = [webhook("https://hooks.example.com/sallyport", secret.hook), slack("#agents")]
}

rule "customers" {
  on        = [service.crm]
  paths     = ["/customers/**"]
  approvers = [judge.pii, approver.oncall]
  verdict   = "ask"
}
rule "notes" {
  on        = [service.crm]
  paths     = ["/notes"]
  approvers = [judge.sure, approver.oncall]
  verdict   = "ask"
}
`

const hookKey = "0123456789abcdef-of-the-hook"

// answers is a lab with everything that is turned to for answers.
func answers(t *testing.T, hcl string) (*lab.Lab, *lab.Model, *chat.Slack) {
	t.Helper()
	l := lab.New(t, hcl)
	m := l.Model("model.example.com", `{"verdict":"pass","reason":"nothing speaks against it"}`)
	team := l.Slack(chat.User{ID: "U1", Email: "ana@acme.dev"}, chat.User{ID: "U2", Email: "eve@acme.dev"})
	l.HTTPS("crm.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "done") })) //nolint:errcheck // the agent reads or not
	l.Secret("model", canary)
	return l, m, team
}

// call sends one request as the agent and gives what came back. Any goroutine may.
func call(t *testing.T, a *lab.Agent, url, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, err.Error()
	}
	resp, err := a.HTTP().Do(req)
	if err != nil {
		t.Error(err)
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// TestAJudgeIsAskedDownTheLine proves that a model is called by the gateway's own
// peer, with the secret of its service and a record, and that its no denies.
func TestAJudgeIsAskedDownTheLine(t *testing.T) {
	if now := time.Now().UTC(); now.Hour() == 23 && now.Minute() == 59 { // what is used is counted by day
		time.Sleep(time.Until(now.Truncate(time.Minute).Add(time.Minute)))
	}
	l, m, _ := answers(t, answering)
	a := l.Agent("robot", "agents")
	m.Says(`{"verdict":"deny","reason":"it deletes a person"}`)
	code, text := call(t, a, "https://crm.example.com/customers/7", "name=Ana Ortega")
	if code != http.StatusForbidden || !strings.Contains(text, "it deletes a person") {
		t.Fatalf("%d %s\n%s", code, text, l.Logs)
	}
	texts, asked := m.Asked()
	if len(asked) != 1 || asked[0].Header.Get("X-Api-Key") != canary || !strings.Contains(texts[0], "Ana Ortega") {
		t.Errorf("%d calls: %v", len(asked), asked)
	}
	rec := l.Records("agent:judge.pii", 1)[0]
	if rec.Service != "model" || rec.Verdict != "allow" {
		t.Errorf("the record: %+v", rec)
	}
	used, err := l.Outreach.Usage(t.Context())
	if err != nil || used["pii"].Input != 100 || used["pii"].Output != 7 || used["pii"].Calls != 1 {
		t.Errorf("used %+v, %v", used, err)
	}
	if list, err := l.API.Judges(t.Context()); err != nil || len(list) != 2 || list[0].Name != "pii" || list[0].Input != 100 {
		t.Errorf("the API lists %+v, %v", list, err)
	}
	l.Clean(canary, text)
}

func TestAJudgeThatDecides(t *testing.T) {
	l, m, _ := answers(t, answering)
	a := l.Agent("robot", "agents")
	m.Says(`{"verdict":"allow","reason":"a note"}`)
	if code, text := call(t, a, "https://crm.example.com/notes", "x"); code != http.StatusOK || text != "done" {
		t.Errorf("%d %s\n%s", code, text, l.Logs)
	}
	if code, _ := call(t, a, "https://crm.example.com/customers/7", "x"); code != http.StatusForbidden {
		t.Errorf("an allow of a judge that may only deny: %d", code)
	}
}

// TestT43_AJudgesOwnCallIsAskedOfNobody proves that a rule which asks about the
// service of a judge neither asks that judge nor anybody else: the call is refused,
// and with it what was to be judged.
func TestT43_AJudgesOwnCallIsAskedOfNobody(t *testing.T) {
	l, m, _ := answers(t, answering+`
rule "careful with models" {
  on        = [service.model]
  approvers = [judge.pii]
  verdict   = "ask"
}
`)
	a := l.Agent("robot", "agents")
	if code, text := call(t, a, "https://crm.example.com/customers/7", "x"); code != http.StatusForbidden {
		t.Errorf("%d %s", code, text)
	}
	if _, asked := m.Asked(); len(asked) != 0 {
		t.Errorf("the model was called %d times", len(asked))
	}
	if n := len(l.Desk.List()); n != 0 {
		t.Errorf("%d asks wait", n)
	}
}

// TestT43_AJudgeReachesItsModelOnly proves that neither an agent reaches the
// service of a judge nor the gateway's own peer anything else.
func TestT43_AJudgeReachesItsModelOnly(t *testing.T) {
	l, _, _ := answers(t, answering)
	a := l.Agent("robot", "agents")
	if _, err := a.HTTP().Get("https://model.example.com/v1/messages"); err == nil {
		t.Error("an agent reaches the model")
	}
	p, ok := l.Outreach.Current("judge.pii")
	if !ok {
		t.Fatal("no peer")
	}
	for host, want := range map[string]bool{"model.example.com": true, "crm.example.com": false, "other.example.com": false} {
		if got, _ := l.Rules.Current().Declares(p, host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

// TestEveryChannelIsTold follows one ask through a webhook and Slack, and answers
// it in Slack.
func TestEveryChannelIsTold(t *testing.T) {
	l, model, team := answers(t, answering)
	r := l.Receiver("hooks.example.com", hookKey)
	l.Secret("hook", hookKey)
	l.Secret("slack_app", chat.AppToken)
	l.Secret("slack_bot", chat.BotToken)
	l.Outreach.SecretSet()
	a := l.Agent("robot", "agents")
	done := make(chan string, 1)
	go func() {
		_, text := call(t, a, "https://crm.example.com/customers/7", "name=Ana&stolen="+canary)
		done <- text
	}()
	asked := l.Wait(r, 1)[0]
	if asked.Type != "approval.asked" || asked.Approval.Agent != "robot" || !strings.Contains(asked.Approval.Sample, "name=Ana") {
		t.Errorf("%+v", asked)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := team.Wait(ctx, func(m []chat.Message) bool { return len(m) > 0 })
	if err != nil {
		t.Fatalf("%v\n%s", err, l.Logs)
	}
	value, _, _ := chat.Button(got[0], "sallyport_once")
	if err := team.Press(ctx, chat.Click{User: "U1", Message: got[0], Action: "sallyport_once", Value: value}); err != nil {
		t.Fatal(err)
	}
	if text := <-done; text != "done" {
		t.Errorf("the agent got %s", text)
	}
	if last := l.Wait(r, 2)[1]; last.Type != "approval.answered" || last.Approval.By != "ana@acme.dev" || last.Approval.State != approval.Approved {
		t.Errorf("%+v", last)
	}
	if _, err := team.Wait(ctx, func(m []chat.Message) bool {
		return m[0].Edits > 0 && strings.Contains(m[0].Blocks, "Allowed by ana@acme.dev")
	}); err != nil {
		t.Error(err)
	}
	operatorsAudit(t, l, "answer by slack", "ana@acme.dev") // written when the answer has been passed on
	l.Clean(hookKey)
	l.Clean(chat.BotToken)
	texts, _ := model.Asked()
	for _, left := range append(texts, got[0].Blocks, asked.Approval.Sample) {
		if strings.Contains(left, canary) || !strings.Contains(left, "stolen=***") {
			t.Errorf("a secret that the agent got hold of goes out: %s", left)
		}
	}
}

// operatorsAudit waits until the operators' audit holds all of these words.
func operatorsAudit(t *testing.T, l *lab.Lab, words ...string) {
	t.Helper()
	var w *httptest.ResponseRecorder
	eventually(t, func() bool {
		w = httptest.NewRecorder()
		req := httptest.NewRequestWithContext(route.WithCaller(t.Context(), route.Host("root")), http.MethodGet, "/api/v1/operators/audit", nil)
		l.API.Handler().ServeHTTP(w, req)
		return !slices.ContainsFunc(words, func(s string) bool { return !strings.Contains(w.Body.String(), s) })
	}, func() string { return fmt.Sprintf("the operators' audit lacks %q: %d %s", words, w.Code, w.Body) })
}

// eventually waits until something is so that other goroutines bring about, and fails
// with what else it is if that takes longer than any busy machine needs.
func eventually(t *testing.T, ok func() bool, what func() string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what())
		}
	}
}

// TestT41_AProgramAnswersWithAKey answers by webhook, through the API's own door:
// with the key of the approver, and in every other way.
func TestT41_AProgramAnswersWithAKey(t *testing.T) {
	l, _, _ := answers(t, answering)
	r := l.Receiver("hooks.example.com", hookKey)
	l.Secret("hook", hookKey)
	a := l.Agent("robot", "agents")
	done := make(chan string, 1)
	go func() {
		_, text := call(t, a, "https://crm.example.com/customers/7", "x")
		done <- text
	}()
	id := l.Wait(r, 1)[0].Approval.ID
	send := func(key, nonce, by string) int {
		body := `{"approval":"` + id + `","answer":"approve","by":"` + by + `"}`
		req := httptest.NewRequest(http.MethodPost, "/api/v1/approvals/"+id+"/answer", strings.NewReader(body))
		if key != "" {
			if err := webhook.Sign(req.Header, []byte(key), nonce, time.Now(), []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		w := httptest.NewRecorder()
		l.API.Handler().ServeHTTP(w, req)
		return w.Code
	}
	if code := send("", "", "ana@acme.dev"); code != http.StatusUnauthorized {
		t.Errorf("unsigned: %d", code)
	}
	if code := send("another key of some length", "m1", "ana@acme.dev"); code != http.StatusUnauthorized {
		t.Errorf("another key: %d", code)
	}
	if code := send(hookKey, "m2", "eve@acme.dev"); code != http.StatusForbidden {
		t.Errorf("somebody else: %d", code)
	}
	if code := send(hookKey, "m3", "ana@acme.dev"); code != http.StatusOK {
		t.Errorf("ana: %d\n%s", code, l.Logs)
	}
	if text := <-done; text != "done" {
		t.Errorf("the agent got %s", text)
	}
	if code := send(hookKey, "m3", "ana@acme.dev"); code != http.StatusConflict {
		t.Errorf("once more: %d", code)
	}
}

// TestT41_AGraveYesIsNotTakenByWebhook signs a yes to an ask that takes a fresh
// proof, and then a no.
func TestT41_AGraveYesIsNotTakenByWebhook(t *testing.T) {
	l, _, _ := answers(t, strings.Replace(answering, `members = ["ana@acme.dev"]`, "members = [\"ana@acme.dev\"]\n  step_up = true", 1))
	r := l.Receiver("hooks.example.com", hookKey)
	l.Secret("hook", hookKey)
	a := l.Agent("robot", "agents")
	done := make(chan int, 1)
	go func() {
		code, _ := call(t, a, "https://crm.example.com/customers/7", "x")
		done <- code
	}()
	asked := l.Wait(r, 1)[0].Approval
	if code := signed(t, l, asked.ID, "approve", "m-yes"); code != http.StatusForbidden {
		t.Errorf("a yes: %d", code)
	}
	if !asked.StepUp {
		t.Error("the message does not say what it takes")
	}
	if code := signed(t, l, asked.ID, "deny", "m-deny"); code != http.StatusOK {
		t.Errorf("a no: %d", code)
	}
	if code := <-done; code != http.StatusForbidden {
		t.Errorf("the agent got %d", code)
	}
}

// signed answers an ask as Ana, with the key of the hook.
func signed(t *testing.T, l *lab.Lab, id, answer, nonce string) int {
	t.Helper()
	body := `{"approval":"` + id + `","answer":"` + answer + `","by":"ana@acme.dev"}`
	req := httptest.NewRequest(http.MethodPost, "/api/v1/approvals/"+id+"/answer", strings.NewReader(body))
	if err := webhook.Sign(req.Header, []byte(hookKey), nonce, time.Now(), []byte(body)); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	l.API.Handler().ServeHTTP(w, req)
	return w.Code
}

// TestT41_AnAgentChoosesNoChannel sends whatever could be taken for a wish of who
// is asked.
func TestT41_AnAgentChoosesNoChannel(t *testing.T) {
	l, _, team := answers(t, answering)
	evil := l.Receiver("evil.example.com", hookKey)
	r := l.Receiver("hooks.example.com", hookKey)
	l.Secret("hook", hookKey)
	l.Secret("slack_app", chat.AppToken)
	l.Secret("slack_bot", chat.BotToken)
	l.Outreach.SecretSet()
	a := l.Agent("robot", "agents")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://crm.example.com/customers/7?notify=https://evil.example.com&channel=%23evil",
		strings.NewReader(`{"notify":"https://evil.example.com","channel":"#evil","approvers":["eve@acme.dev"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-Slack-Channel": "#evil", "X-Approver": "eve@acme.dev", "X-Notify": "https://evil.example.com",
		"Sallyport-Notify": "https://evil.example.com", "Sallyport-Approver": "eve@acme.dev", "Callback": "https://evil.example.com", "Prefer": "respond-async",
	} {
		req.Header.Set(name, value)
	}
	go func() {
		if resp, err := a.HTTP().Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	l.Wait(r, 1)
	got, err := team.Wait(ctx, func(m []chat.Message) bool { return len(m) > 0 })
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Channel != "#agents" || len(evil.All()) != 0 {
		t.Errorf("%+v, evil got %d", got, len(evil.All()))
	}
	list := l.Desk.List()
	if len(list) != 1 || len(list[0].Needs) != 1 || list[0].Needs[0].Approver != "approver.oncall" {
		t.Errorf("%+v", list)
	}
	cancel()
}

// TestReloadsChangeWhoIsTold takes a channel away and a judge with it.
func TestReloadsChangeWhoIsTold(t *testing.T) {
	l, _, _ := answers(t, answering)
	if len(l.Outreach.Notify("approver.oncall")) != 2 {
		t.Fatal("not told")
	}
	before, _ := l.Outreach.Judge("judge.pii")
	l.Reload(strings.Replace(answering, `notify  = [webhook("https://hooks.example.com/sallyport", secret.hook), slack("#agents")]`, `notify  = slack("#others")`, 1))
	if got := l.Outreach.Notify("approver.oncall"); len(got) != 1 {
		t.Errorf("%d channels", len(got))
	}
	same, _ := l.Outreach.Judge("judge.pii")
	if same != before {
		t.Error("a judge that did not change is another one, and has forgotten what it knew")
	}
	l.Reload(strings.Replace(answering, "Deny what touches", "Deny everything that touches", 1))
	if other, _ := l.Outreach.Judge("judge.pii"); other == before {
		t.Error("the prompt changed and the judge is the same")
	}
}

// TestWhatKeepsThemFromBeingReachedIsTold has a judge whose own call the rules
// refuse, a key that is too short, and tokens that Slack does not know.
func TestWhatKeepsThemFromBeingReachedIsTold(t *testing.T) {
	l, _, _ := answers(t, strings.Replace(answering, `posture = "open"`, `posture = "guarded"`, 1))
	l.Secret("hook", "short")
	l.Secret("slack_app", "xapp-wrong")
	l.Secret("slack_bot", "xoxb-wrong")
	l.Outreach.SecretSet()
	got := ""
	eventually(t, func() bool {
		got = strings.Join(l.Warnings(), "\n")
		return strings.Contains(got, "judge.pii denies everything") && strings.Contains(got, "secret hook signs a webhook, and is too short") &&
			strings.Contains(got, "Slack cannot be reached") && strings.Contains(got, "invalid_auth")
	}, func() string { return "told is only:\n" + got })
}
