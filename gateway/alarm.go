package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault/placeholder"

	"golang.org/x/time/rate"
)

// Placeholders knows the dummies that agents hold in place of keys, and whose one is
// that turned up.
type Placeholders interface {
	Watch(agent string, s *action.Service, alarm func(placeholder.Sighting)) *placeholder.Watch
	Owner(token string) (agent, service, variable string, ok bool)
}

// kindAlarm is the kind of the record of a placeholder that left its place.
const kindAlarm = "alarm"

// An agent that sends placeholders around is told of often enough to be seen, and
// not so often that the records drown in it.
const (
	alarmEvery = time.Second
	alarmBurst = 20
)

// watch looks for placeholders on a flow; nil where agents hold none.
func (f *flow) watch() *placeholder.Watch {
	if f.g.Placeholders == nil {
		return nil
	}
	return f.g.Placeholders.Watch(f.peer.Load().ID, f.service, f.alarm)
}

// alarm records that a placeholder is on its way to where it means nothing. What the
// agent does with it is judged as if it were any other text.
func (f *flow) alarm(s placeholder.Sighting) {
	now, peer := f.g.Now(), f.peer.Load()
	if !f.g.sessions.mayAlarm(peer, now) {
		return
	}
	whose := "a placeholder of this gateway"
	if agent, service, variable, ok := f.g.Placeholders.Owner(s.Token); ok {
		whose = fmt.Sprintf("the placeholder %s of agent %s for service %s", variable, agent, service)
	}
	a := &action.Action{
		ID: action.NewID(now), Time: now, Session: f.g.sessions.of(peer, now),
		Peer: peer, Service: f.service, Host: f.host, Dst: f.dst,
		Kind: kindAlarm, Summary: fmt.Sprintf("%s in the %s of what goes to service %s", whose, s.Where, f.service.Name),
		Parts: []action.Part{{Effects: action.EffectUnknown}},
	}
	if len(a.Summary) > action.MaxSummary {
		a.Summary = a.Summary[:action.MaxSummary]
	}
	d := action.Decision{Reason: "A placeholder is good for its own agent, in its own place at its own service, and for nothing else. Whoever sends it elsewhere may have been talked into giving keys away."}
	// The agent's request must not wait for its own alarm longer than for any record.
	if f.g.Journal.Begin(context.Background(), a, d) == nil {
		f.g.Journal.End(a, d, action.Result{})
	}
}

// shows reports whether the action shows what an account wants to be shown.
func (p *pass) shows(auth *action.Auth) bool {
	return auth == nil || auth.Placeholder == "" ||
		slices.Contains(p.act.Shown, action.Shown{Variable: auth.Placeholder, Slot: auth.Slot()})
}

// mayAlarm reports whether another alarm of p is recorded now.
func (s *sessions) mayAlarm(p *action.Peer, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.touch(p, now)
	if got.alarms == nil {
		got.alarms = rate.NewLimiter(rate.Every(alarmEvery), alarmBurst)
	}
	return got.alarms.AllowN(now, 1)
}
