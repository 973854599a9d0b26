// Package alert watches what is wrong with a gateway and has it told: warnings that
// come and go, alarms, agents that are refused too often. It sees records only as
// they are handed to everybody who follows the log, and sends nothing itself.
package alert

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/dashboard/alerts"
	"sallyport.dev/sallyport/dashboard/outlet"
	"sallyport.dev/sallyport/policy"
)

const (
	beatEvery = 5 * time.Second
	lookEvery = 30 * time.Second
	looks     = 2  // in a row that a warning stands, or is missing, before anybody is told
	perMinute = 10 // alerts; the rest is counted
	keepTold  = 100
	// maxAgents bounds whose refusals and alarms are told apart at one time.
	maxAgents   = 1024
	maxWarnings = 256
)

// Records are the log as it grows.
type Records interface {
	Follow(ctx context.Context, q audit.Query) <-chan audit.Event
}

// Options of a Watch. Everything is set before Start.
type Options struct {
	Records Records
	Status  func() dashboard.Status
	Ready   func() error
	Conf    func() *policy.AlertsConfig // in force; nil: nobody is told
	Tell    func(alerts.Alert) int      // hands an alert to all who are told, without waiting; gives how many
	Mask    func(string) string         // takes every secret out of a text
	Outlets func(context.Context) []outlet.Outlet
	Now     func() time.Time
}

// A Watch is one. New makes it, Start has it watch.
type Watch struct {
	o Options

	mu       sync.Mutex
	warnings []*warning       // guarded by mu
	missed   uint64           // alarms and refusals that nobody looked at; guarded by mu
	rates    map[string]*rate // of refusals, by agent; guarded by mu
	folds    map[string]*fold // of alarms, by agent; guarded by mu
	again    time.Time        // from then on it may be told that records were missed; guarded by mu
	told     []alerts.Alert   // oldest first; guarded by mu
	minute   time.Time        // when the minute began that sent counts; guarded by mu
	sent     int              // guarded by mu
	withheld int              // of that minute; guarded by mu
}

// New makes a Watch.
func New(o Options) *Watch {
	return &Watch{o: o, rates: map[string]*rate{}, folds: map[string]*fold{}}
}

// Start hears of what is kept from now on, and gives what watches until ctx ends.
func (w *Watch) Start(ctx context.Context) (run func() error) {
	alarm := audit.Term{Field: "kind", Values: []string{"alarm"}}
	others := alarm
	others.Not = true
	alarms := w.o.Records.Follow(ctx, audit.Query{Terms: []audit.Term{alarm}})
	refused := w.o.Records.Follow(ctx, audit.Query{Terms: []audit.Term{{Field: "outcome", Values: []string{"refused"}}, others}})
	return func() error { return w.run(ctx, alarms, refused) }
}

// run watches until ctx ends. Warnings are looked for beside it: that may wait for
// secrets of another system, and no alarm waits for it.
func (w *Watch) run(ctx context.Context, alarms, refused <-chan audit.Event) error {
	ctx, cancel := context.WithCancel(ctx)
	var looks sync.WaitGroup
	defer looks.Wait()
	defer cancel()
	looks.Go(func() { w.look(ctx) })
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-alarms:
			if !ok {
				return nil // the log has ended
			}
			w.miss(e.Lost)
			w.alarm(&e.Record)
		case e, ok := <-refused:
			if !ok {
				return nil
			}
			if conf := w.o.Conf(); conf != nil && conf.Denied > 0 {
				w.miss(e.Lost)
			}
			w.refused(&e.Record)
		case <-tick.C:
			w.beat()
		}
	}
}

// beat does what is due.
func (w *Watch) beat() {
	now := w.o.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn(now)
	w.unfold(now)
	w.review(now)
}

// look looks for warnings until ctx ends.
func (w *Watch) look(ctx context.Context) {
	due := time.NewTimer(beatEvery)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			w.Look()
			due.Reset(lookEvery)
		}
	}
}

// turn ends a minute that is over, and says what it left out; the next begins with
// what is told next. The caller holds mu.
func (w *Watch) turn(now time.Time) {
	if now.Sub(w.minute) < time.Minute {
		return
	}
	began, left := w.minute, w.withheld
	w.sent, w.withheld = 0, 0
	if left > 0 {
		w.send(alerts.Alert{What: fmt.Sprintf("and %d more; sallyport status and the records say which", left), Since: began.UTC()}, now)
	}
}

// tell has an alert told, or counted where there were too many. It reports whether
// there is anybody to tell; the caller holds mu.
func (w *Watch) tell(a alerts.Alert, now time.Time) bool {
	if w.o.Conf() == nil {
		return false
	}
	w.turn(now)
	if w.sent >= perMinute {
		w.withheld++
		return true
	}
	w.send(a, now)
	return true
}

func (w *Watch) send(a alerts.Alert, now time.Time) {
	a = w.masked(a)
	a.Told = now.UTC()
	if w.o.Tell(a) == 0 {
		return
	}
	if w.sent++; w.sent == 1 {
		w.minute = now
	}
	w.told = append(w.told[max(0, len(w.told)-keepTold+1):len(w.told):len(w.told)], a)
}

func (w *Watch) masked(a alerts.Alert) alerts.Alert {
	a.What, a.Agent, a.Service = short(w.o.Mask(a.What)), short(w.o.Mask(a.Agent)), short(w.o.Mask(a.Service))
	return a
}

// State tells what stands, what was told, and where that goes.
func (w *Watch) State(r *http.Request) alerts.State {
	s := alerts.State{To: []outlet.Outlet{}}
	for _, o := range w.o.Outlets(r.Context()) {
		if o.Alerts {
			s.To = append(s.To, o)
		}
	}
	if conf := w.o.Conf(); conf != nil && conf.Denied > 0 {
		s.Denied, s.Window = conf.Denied, int64(conf.Window/time.Second)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.warnings {
		if one.stands() {
			s.Standing = append(s.Standing, w.masked(one.alert()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.rates)) {
		if one := w.rates[name]; one.over {
			s.Standing = append(s.Standing, w.masked(one.alert))
		}
	}
	slices.SortStableFunc(s.Standing, func(a, b alerts.Alert) int { return a.Since.Compare(b.Since) })
	s.Told = slices.Clone(w.told)
	slices.Reverse(s.Told)
	return s
}
