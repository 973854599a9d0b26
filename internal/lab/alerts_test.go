package lab_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/approval/webhook"
	"sallyport.dev/sallyport/dashboard/alerts"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/lab/chat"
)

// alerting is what dummies is, with people who are told and a rule that denies.
var alerting = strings.Replace(dummies, "gateway {", `gateway {
  dashboard { listen = "localhost:0" }
  slack {
    app_token = secret.slack_app
    bot_token = secret.slack_bot
  }
  alerts {
    notify = [slack("#ops"), webhook("https://hooks.example.com/alerts", secret.hook)]
    denied = 3
  }`, 1) + `
rule "never" {
  on      = [service.notes]
  paths   = ["/never/**"]
  verdict = "deny"
}
`

func alertOf(t *testing.T, m webhook.Message) alerts.Alert {
	t.Helper()
	raw, err := json.Marshal(m.Alert)
	must(t, err)
	var a alerts.Alert
	must(t, json.Unmarshal(raw, &a))
	return a
}

// told waits for an alert that begins with these words, and gives the first.
func told(t *testing.T, l *lab.Lab, hook *lab.Receiver, words string) alerts.Alert {
	t.Helper()
	var got alerts.Alert
	eventually(t, func() bool {
		return slices.ContainsFunc(hook.All(), func(m webhook.Message) bool {
			got = alertOf(t, m)
			return m.Type == "alert" && strings.HasPrefix(got.What, words)
		})
	}, func() string { return fmt.Sprintf("nobody is told of %q: %+v\n%s", words, hook.All(), l.Logs) })
	return got
}

// connectedTo waits until the gateway knows that it is connected to Slack: until then
// a warning says that it is not.
func connectedTo(t *testing.T, l *lab.Lab) {
	t.Helper()
	eventually(t, func() bool { return !strings.Contains(strings.Join(l.Warnings(), "\n"), "Slack cannot be reached") },
		func() string { return fmt.Sprintf("Slack is not reached: %q\n%s", l.Warnings(), l.Logs) })
}

// TestSomebodyIsToldOfAStormAnAlarmAndAWarning has an agent refused too often, send a
// placeholder away, and a secret missing, and reads what Slack and a receiver that
// checks every signature get.
func TestSomebodyIsToldOfAStormAnAlarmAndAWarning(t *testing.T) {
	l := lab.New(t, alerting)
	team := l.Slack()
	hook := l.Receiver("hooks.example.com", hookKey)
	l.HTTPS("api.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	l.HTTPS("notes.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	l.Secret("hook", hookKey)
	l.Secret("slack_app", chat.AppToken)
	l.Secret("slack_bot", chat.BotToken)
	l.Secret("notes", canary)
	l.Outreach.SecretSet()
	connectedTo(t, l)
	robot := l.Agent("robot", "everyone")
	for range 8 {
		if code, _ := call(t, robot, "https://notes.example.com/never/x", "hunter2-in-a-body"); code != http.StatusForbidden {
			t.Fatalf("%d\n%s", code, l.Logs)
		}
	}
	if a := told(t, l, hook, "more than 3 actions"); a.Agent != "robot" || a.Service != "notes" || a.Gone || a.Action == "" {
		t.Errorf("%+v", a)
	}
	key := environment(t, robot)["OPENAI_API_KEY"]
	for range 3 {
		call(t, robot, "https://notes.example.com/x", "my key is "+key)
	}
	alarm := told(t, l, hook, "an agent sent a placeholder")
	if found := l.Records("kind:alarm", 3); alarm.Agent != "robot" || alarm.Service != "notes" || alarm.Action != found[0].ID && alarm.Action != found[2].ID {
		t.Errorf("%+v", alarm)
	}
	// openai has no value, and those of Slack are short. A look that the gateway has
	// begun by itself may come between.
	looked := func(n int) func() bool { return func() bool { l.Alerts.Look(); return len(hook.All()) >= n } }
	eventually(t, looked(5), func() string { return fmt.Sprintf("told is only %+v", hook.All()) })
	if a := told(t, l, hook, "secret openai has no value"); a.Gone {
		t.Errorf("%+v", a)
	}
	l.Secret("openai", "a-key-that-is-set-now")
	eventually(t, looked(6), func() string { return fmt.Sprintf("told is only %+v", hook.All()) })
	if a := alertOf(t, l.Wait(hook, 6)[5]); !a.Gone || !strings.HasPrefix(a.What, "secret openai has no value") {
		t.Errorf("%+v", a)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	said, err := team.Wait(ctx, func(m []chat.Message) bool { return len(m) >= 6 })
	if err != nil {
		t.Fatalf("%v\n%s", err, l.Logs)
	}
	all := ""
	for _, m := range said {
		all += m.Channel + m.Text + m.Blocks + "\n"
	}
	for _, want := range []string{"#ops", "Alert: more than 3 actions", "Agent: robot", "Service: notes", "Alert: an agent sent a placeholder", "Over: secret openai has no value"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %s", want, all)
		}
	}
	for _, m := range hook.All() {
		all += alertOf(t, m).What
	}
	for _, never := range []string{key, canary, hookKey, "hunter2", "mrkdwn"} {
		if strings.Contains(all, never) {
			t.Errorf("%s goes out: %s", never, all)
		}
	}
	ana := login(t, l, "ana", route.Viewer)
	status, text := ana.call("GET", "/api/v1/alerts", nil)
	var s alerts.State
	must(t, json.Unmarshal([]byte(text), &s))
	if status != http.StatusOK || len(s.Told) != 6 || !s.Told[0].Gone || len(s.To) != 2 || s.Denied != 3 || s.Window != 300 || len(s.Standing) != 3 || !slices.ContainsFunc(s.Standing, func(a alerts.Alert) bool { return a.Agent == "robot" }) {
		t.Errorf("%d %s", status, text)
	}
	for _, to := range s.To {
		if to.Problem != "" || to.Delivered.IsZero() || !to.Trial {
			t.Errorf("%+v", to)
		}
	}
	if got := l.API.Status().Alerts; len(got) != 2 || got[0] != "#ops" || got[1] != "https://hooks.example.com" {
		t.Errorf("status says %v", got)
	}
}

// TestAPlaceThatIsNotReachedIsAWarning has a channel that is not there.
func TestAPlaceThatIsNotReachedIsAWarning(t *testing.T) {
	l := lab.New(t, strings.Replace(alerting, "#ops", "#nowhere", 1))
	team := l.Slack()
	l.Receiver("hooks.example.com", hookKey)
	l.Secret("hook", hookKey)
	l.Secret("slack_app", chat.AppToken)
	l.Secret("slack_bot", chat.BotToken)
	l.Outreach.SecretSet()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	must(t, team.Opened(ctx, 1))
	connectedTo(t, l)
	ana := login(t, l, "ana", route.Editor)
	if status, text := ana.call("POST", "/api/v1/outlets/%23nowhere/test", nil); status != http.StatusConflict || !strings.Contains(text, "channel_not_found") {
		t.Errorf("%d %s", status, text)
	}
	if got := strings.Join(l.API.Status().Warnings, "\n"); !strings.Contains(got, "alerts do not arrive at #nowhere: channel_not_found") {
		t.Errorf("status warns of %s", got)
	}
	if status, text := ana.call("POST", "/api/v1/outlets/hooks.example.com%20hook/test", nil); status != http.StatusOK && status != http.StatusNoContent {
		t.Errorf("%d %s", status, text)
	}
	l.Reload(strings.Replace(alerting, "#ops", "#elsewhere", 1))
	if got := strings.Join(l.API.Status().Warnings, "\n"); strings.Contains(got, "#nowhere") {
		t.Errorf("status still warns of %s", got)
	}
}
