package alert

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/dashboard/alerts"
	"sallyport.dev/sallyport/dashboard/outlet"
	"sallyport.dev/sallyport/policy"
)

// A world is a gateway as a Watch sees it.
type world struct {
	*Watch
	t      *testing.T
	now    time.Time
	status dashboard.Status
	ready  error
	conf   *policy.AlertsConfig
	got    []alerts.Alert
}

func watch(t *testing.T, denied int) *world {
	w := &world{t: t, now: time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC), conf: &policy.AlertsConfig{Denied: denied, Window: 5 * time.Minute}}
	w.Watch = New(Options{
		Status: func() dashboard.Status { return w.status }, Ready: func() error { return w.ready },
		Conf: func() *policy.AlertsConfig { return w.conf },
		Tell: func(a alerts.Alert) int { w.got = append(w.got, a); return 1 },
		Mask: func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") },
		Outlets: func(context.Context) []outlet.Outlet {
			return []outlet.Outlet{{Name: "#asks"}, {Name: "#ops", Alerts: true}}
		},
		Now: func() time.Time { return w.now },
	})
	return w
}

func (w *world) state() alerts.State { return w.State(httptest.NewRequest("GET", "/", nil)) }

// told gives what was told since it was asked last, in short.
func (w *world) told() []string {
	list := []string{}
	for _, a := range w.got {
		text := a.What
		if a.Gone {
			text = "gone: " + text
		}
		list = append(list, text)
	}
	w.got = nil
	return list
}

func (w *world) look(warnings ...string) []string {
	w.status.Warnings = warnings
	w.now = w.now.Add(lookEvery)
	w.beat()
	w.Look()
	return w.told()
}

func (w *world) want(what string, got []string, want ...string) {
	w.t.Helper()
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		w.t.Fatalf("%s: told %q, want %q", what, got, want)
	}
}

func TestAWarningIsToldWhenItComesAndGoes(t *testing.T) {
	w := watch(t, 0)
	const ends = "secret a ends at 2026-12-%02dT00:00:00Z, %d days from now; give it another value"
	for i, step := range []struct {
		what     string
		warnings []string
		want     []string
	}{
		{"nothing is wrong", nil, nil},
		{"it may only flicker", []string{"x is down: refused"}, nil},
		{"it did", nil, nil},
		{"once more", []string{"x is down: refused"}, nil},
		{"it stands", []string{"x is down: refused"}, []string{"x is down: refused"}},
		{"and stands", []string{"x is down: refused"}, nil},
		{"for another reason", []string{"x is down: too late"}, nil},
		{"away for one look", nil, nil},
		{"there again", []string{"x is down: too late"}, nil},
		{"away", nil, nil},
		{"gone", nil, []string{"gone: x is down: too late"}},
		{"another", []string{fmt.Sprintf(ends, 5, 13)}, nil},
		{"it stands", []string{fmt.Sprintf(ends, 5, 13)}, []string{fmt.Sprintf(ends, 5, 13)}},
		{"a day later", []string{fmt.Sprintf(ends, 5, 12)}, nil},
		{"a second of that kind", []string{"secret b ends: soon", fmt.Sprintf(ends, 5, 12)}, nil},
		{"both stand", []string{"secret b ends: soon", fmt.Sprintf(ends, 5, 12)}, []string{"secret b ends: soon"}},
		{"a secret in a warning", []string{"secret b ends: soon", fmt.Sprintf(ends, 5, 12), "y says hunter2"}, nil},
		{"is masked", []string{"secret b ends: soon", fmt.Sprintf(ends, 5, 12), "y says hunter2"}, []string{"y says ***"}},
	} {
		if got := w.look(step.warnings...); len(got)+len(step.want) > 0 && !reflect.DeepEqual(got, step.want) {
			t.Fatalf("%d, %s: told %q, want %q", i, step.what, got, step.want)
		}
	}
	s := w.state()
	if len(s.Standing) != 3 || s.Standing[0].What != fmt.Sprintf(ends, 5, 12) || s.Standing[2].What != "y says ***" || len(s.Told) != 5 || s.Told[0].What != "y says ***" {
		t.Errorf("%+v", s)
	}
	if len(s.To) != 1 || s.To[0].Name != "#ops" || s.Denied != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAllThatStatusWarnsOfIsWatched(t *testing.T) {
	w := watch(t, 0)
	w.status = dashboard.Status{Accounts: map[string][]string{"db": {"db lets agents log in without a key"}}, ConfigError: "a line with hunter2"}
	w.ready = errors.New("the log cannot be written")
	w.look("w")
	got := strings.Join(w.look("w"), "\n")
	for _, want := range []string{"db lets agents", "the changed configuration has an error", "not ready: the log cannot", "w"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

// Whoever is named later is told what stands then, and not of what went before.
func TestNobodyIsToldUntilSomebodyIsNamed(t *testing.T) {
	w := watch(t, 0)
	conf := w.conf
	w.conf = nil
	w.look("a", "b")
	w.want("nobody is named", w.look("a", "b"))
	if s := w.state(); len(s.Standing) != 2 || len(s.Told) != 0 {
		t.Errorf("%+v", s)
	}
	w.look("b")
	w.want("one went", w.look("b"))
	w.conf = conf
	w.want("somebody is named", w.look("b"), "b")
}

func TestAlertsAreBounded(t *testing.T) {
	w := watch(t, 0)
	var many []string
	for i := range 22 {
		many = append(many, fmt.Sprintf("%c is down", 'a'+i))
	}
	w.look(many...)
	if got := w.look(many...); len(got) != perMinute {
		t.Fatalf("%d told", len(got))
	}
	w.want("the same minute", w.look(many...))
	w.want("the next one", w.look(many...), "and 12 more; sallyport status and the records say which")
	w.want("and no more", w.look(many...))
	for i := range 300 {
		w.now = w.now.Add(time.Minute)
		w.mu.Lock()
		w.tell(alerts.Alert{What: fmt.Sprint(i)}, w.now)
		w.mu.Unlock()
	}
	if s := w.state(); len(s.Told) != keepTold || s.Told[0].What != "299" || len(s.Standing) != 22 {
		t.Errorf("%d told, %d stand", len(s.Told), len(s.Standing))
	}
	var lots []string
	for i := range 2000 {
		lots = append(lots, strings.Repeat("x", i)+" is down")
	}
	w.look(lots...)
	if n := len(w.warnings); n > maxWarnings {
		t.Errorf("%d warnings", n)
	}
}

func rec(agent, service, id string) *audit.Record {
	return &audit.Record{ID: id, Agent: record.Agent{ID: "id-" + agent, Name: agent}, Service: service, Summary: "a value that nobody is told", Sample: "nor this"}
}

func TestAlarmsAreFoldedByAgent(t *testing.T) {
	w := watch(t, 0)
	for i := range 20 {
		w.alarm(rec("robot", "crm", fmt.Sprintf("r%d", i)))
	}
	w.alarm(rec("other", "git", "o0"))
	if len(w.got) != 2 || w.got[0].Agent != "robot" || w.got[0].Service != "crm" || w.got[0].Action != "r0" || w.got[1].Agent != "other" {
		t.Fatalf("%+v", w.got)
	}
	if text := fmt.Sprintf("%+v", w.got); strings.Contains(text, "nobody is told") || strings.Contains(text, "nor this") {
		t.Error(text)
	}
	w.got = nil
	w.now = w.now.Add(time.Minute)
	w.beat()
	if len(w.got) != 1 || w.got[0].Action != "r19" || !strings.HasPrefix(w.got[0].What, "19 more alarms of this agent") {
		t.Fatalf("%+v", w.got)
	}
	w.got = nil
	w.now = w.now.Add(30 * time.Second)
	w.alarm(rec("robot", "crm", "r20"))
	w.want("the same minute", w.told())
	w.now = w.now.Add(30 * time.Second)
	w.beat()
	w.want("the next", w.told(), "1 more alarms of this agent within a minute; this is the last of them")
	w.now = w.now.Add(2 * time.Minute)
	w.beat()
	w.want("nothing more", w.told())
	if len(w.folds) != 0 {
		t.Errorf("%d agents are remembered", len(w.folds))
	}
	for i := range 2 * maxAgents {
		w.alarm(rec(fmt.Sprint(i), "crm", "x"))
	}
	if len(w.folds) > maxAgents || len(w.got) > perMinute {
		t.Errorf("%d agents, %d told", len(w.folds), len(w.got))
	}
}

func TestAStormOfRefusalsIsOneAlert(t *testing.T) {
	w := watch(t, 20)
	for i := range 20 {
		w.refused(rec("robot", "crm", fmt.Sprint(i)))
		w.refused(rec("other", "crm", "x"))
	}
	w.want("as many as are allowed", w.told())
	for i := range 5000 {
		w.refused(rec("robot", "crm", fmt.Sprint(20+i)))
	}
	if len(w.got) != 1 || w.got[0].Agent != "robot" || w.got[0].Action != "20" || !strings.HasPrefix(w.got[0].What, "more than 20 actions of this agent were refused within 5 min") {
		t.Fatalf("%+v", w.got)
	}
	if s := w.state(); len(s.Standing) != 1 || s.Standing[0].Agent != "robot" || s.Denied != 20 || s.Window != 300 {
		t.Errorf("%+v", s)
	}
	w.got = nil
	w.now = w.now.Add(4 * time.Minute)
	w.beat()
	w.want("it goes on", w.told())
	w.now = w.now.Add(2 * time.Minute)
	w.beat()
	if len(w.got) != 1 || !w.got[0].Gone || w.got[0].Agent != "robot" {
		t.Fatalf("%+v", w.got)
	}
	if w.beat(); len(w.rates) != 0 {
		t.Errorf("%d agents are remembered", len(w.rates))
	}
	w.got = nil
	for range 60 { // 20 in 5 minutes, again and again
		w.now = w.now.Add(15 * time.Second)
		w.refused(rec("slow", "crm", "x"))
	}
	w.want("not too often", w.told())
	for i := range 2 * maxAgents {
		w.refused(rec(fmt.Sprint(i), "crm", "x"))
	}
	if len(w.rates) > maxAgents {
		t.Errorf("%d agents are remembered", len(w.rates))
	}
	w.conf = &policy.AlertsConfig{}
	for range 100 {
		w.refused(rec("robot", "crm", "x"))
	}
	if w.want("nothing is counted", w.told()); len(w.rates) != 0 {
		t.Errorf("%d agents are remembered", len(w.rates))
	}
}

// What came too fast to be looked at is told, once a minute.
func TestWhatWasMissedIsTold(t *testing.T) {
	w := watch(t, 0)
	w.miss(0)
	w.beat()
	w.want("nothing was", w.told())
	w.miss(40)
	w.miss(2)
	w.beat()
	w.want("records were", w.told(), "42 alarms and refusals came too fast to be told or counted; sallyport log finds them")
	w.miss(7)
	w.beat()
	w.want("in the same minute", w.told())
	w.now = w.now.Add(time.Minute)
	w.beat()
	w.want("in the next", w.told(), "7 alarms and refusals came too fast to be told or counted; sallyport log finds them")
}

// Another window ends nothing that was told.
func TestAnotherWindow(t *testing.T) {
	w := watch(t, 2)
	for range 3 {
		w.refused(rec("robot", "crm", "x"))
	}
	if got := w.told(); len(got) != 1 {
		t.Fatalf("%q", got)
	}
	w.conf = &policy.AlertsConfig{Denied: 2, Window: time.Hour}
	for range 3 {
		w.refused(rec("robot", "crm", "y"))
	}
	w.want("it stands", w.told())
	w.now = w.now.Add(2 * time.Hour)
	w.beat()
	if len(w.got) != 1 || !w.got[0].Gone {
		t.Errorf("%+v", w.got)
	}
}

// A journal hands over what a test says.
type journal struct{ alarms, refused chan audit.Event }

func (j journal) Follow(_ context.Context, q audit.Query) <-chan audit.Event {
	if q.Terms[0].Field == "kind" {
		return j.alarms
	}
	return j.refused
}

// An alarm is told while a look for warnings waits for somebody else's system.
func TestNoAlarmWaitsForALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 0)
		going := make(chan struct{})
		w.o.Status = func() dashboard.Status { <-going; return dashboard.Status{} }
		told := make(chan alerts.Alert, 1)
		w.o.Tell = func(a alerts.Alert) int { told <- a; return 1 }
		j := journal{make(chan audit.Event), make(chan audit.Event)}
		w.o.Records = j
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		run := w.Start(ctx)
		go func() { done <- run() }()
		time.Sleep(lookEvery) // of the bubble's clock
		j.alarms <- audit.Event{Record: *rec("robot", "crm", "1")}
		if a := <-told; a.Action != "1" {
			t.Errorf("%+v", a)
		}
		cancel()
		close(going)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRunEnds(t *testing.T) {
	for _, end := range []string{"context", "log"} {
		w := watch(t, 1)
		j := journal{make(chan audit.Event), make(chan audit.Event)}
		w.o.Records = j
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		run := w.Start(ctx)
		go func() { done <- run() }()
		j.alarms <- audit.Event{Record: *rec("robot", "crm", "1")}
		j.refused <- audit.Event{Record: *rec("robot", "crm", "2")}
		j.refused <- audit.Event{Record: *rec("robot", "crm", "3")}
		if end == "log" {
			close(j.refused)
		} else {
			cancel()
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		cancel()
		if len(w.got) != 2 || w.got[1].Action != "3" {
			t.Errorf("%+v", w.got)
		}
	}
}
