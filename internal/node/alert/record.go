package alert

import (
	"fmt"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/alerts"
)

// slots is how many parts a window has: refusals leave it a part at a time, so that
// an agent costs the same however many they are.
const slots = 60

// A fold is one agent's alarms of a minute, of which the first was told.
type fold struct {
	until time.Time
	more  int
	last  alerts.Alert
}

func of(r *audit.Record, what string, now time.Time) alerts.Alert {
	return alerts.Alert{What: what, Since: now.UTC(), Agent: name(r), Service: r.Service, Action: r.ID}
}

func name(r *audit.Record) string {
	if r.Agent.Name != "" {
		return r.Agent.Name
	}
	return r.Agent.ID
}

// alarm has an alarm told, once a minute for one agent.
func (w *Watch) alarm(r *audit.Record) {
	now := w.o.Now()
	a := of(r, "an agent sent a placeholder where it means nothing; it may have been talked into giving keys away", now)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unfold(now)
	if f := w.folds[r.Agent.ID]; f != nil {
		f.more, f.last = f.more+1, a
		return
	}
	if len(w.folds) < maxAgents {
		w.folds[r.Agent.ID] = &fold{until: now.Add(time.Minute)}
	}
	w.tell(a, now)
}

// miss counts records that came too fast to be looked at.
func (w *Watch) miss(n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missed += n
}

// unfold has told what came after the first alarms of minutes that are over, and how
// much was missed; the caller holds mu.
func (w *Watch) unfold(now time.Time) {
	if w.missed > 0 && !now.Before(w.again) {
		w.tell(alerts.Alert{What: fmt.Sprintf("%d alarms and refusals came too fast to be told or counted; sallyport log finds them", w.missed), Since: now.UTC()}, now)
		w.missed, w.again = 0, now.Add(time.Minute)
	}
	for id, f := range w.folds {
		switch {
		case now.Before(f.until):
		case f.more == 0:
			delete(w.folds, id)
		default:
			f.last.What = fmt.Sprintf("%d more alarms of this agent within a minute; this is the last of them", f.more)
			w.tell(f.last, now)
			w.folds[id] = &fold{until: now.Add(time.Minute)}
		}
	}
}

// A rate counts the refusals of one agent.
type rate struct {
	part  time.Duration // of the window
	at    int64         // the number of the part that is counted now
	parts [slots]int32
	total int
	over  bool
	told  bool
	alert alerts.Alert // while it is over
}

// advance drops what has left the window.
func (c *rate) advance(now time.Time) {
	at := now.UnixNano() / int64(c.part)
	for range min(max(at-c.at, 0), slots) {
		c.at++
		i := c.at % slots
		c.total -= int(c.parts[i])
		c.parts[i] = 0
	}
	c.at = max(c.at, at)
}

// refused counts a refusal, and has told when there are more than the configuration
// says.
func (w *Watch) refused(r *audit.Record) {
	conf, now := w.o.Conf(), w.o.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if conf == nil || conf.Denied == 0 {
		clear(w.rates)
		return
	}
	part := conf.Window / slots
	c := w.rates[r.Agent.ID]
	if c == nil || c.part != part {
		if w.review(now); c == nil && len(w.rates) >= maxAgents {
			return
		}
		old := c
		c = &rate{part: part, at: now.UnixNano() / int64(part)}
		if old != nil { // the window is another one, and what was told still stands
			c.over, c.told, c.alert = old.over, old.told, old.alert
		}
		w.rates[r.Agent.ID] = c
	}
	c.advance(now)
	c.parts[c.at%slots]++
	c.total++
	if !c.over && c.total > conf.Denied {
		c.over = true
		c.alert = of(r, fmt.Sprintf("more than %d actions of this agent were refused within %s; this is the last of them", conf.Denied, span(conf.Window)), now)
	}
	if c.over && !c.told {
		c.told = w.tell(c.alert, now)
	}
}

// review ends what is not too often any more: half of what is too many. The caller
// holds mu.
func (w *Watch) review(now time.Time) {
	conf := w.o.Conf()
	if conf == nil || conf.Denied == 0 {
		clear(w.rates)
		return
	}
	for id, c := range w.rates {
		c.advance(now)
		if c.over && c.total <= conf.Denied/2 {
			c.over, c.alert.Gone = false, true
			if c.told {
				w.tell(c.alert, now)
			}
			c.told, c.alert = false, alerts.Alert{}
		}
		if c.total == 0 && !c.over {
			delete(w.rates, id)
		}
	}
}

// span is a time for people.
func span(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return d.String()
}
