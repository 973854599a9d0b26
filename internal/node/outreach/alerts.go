package outreach

import (
	"fmt"
	"slices"

	"sallyport.dev/sallyport/dashboard/alerts"
	"sallyport.dev/sallyport/policy"
)

// A place is where alerts go: a channel of Slack, or a webhook.
type place struct {
	room string // "": hook
	hook target
}

// name is what people call it.
func (p place) name() string {
	if p.room != "" {
		return p.room
	}
	return p.hook.site()
}

// takeAlerts makes where alerts go; the caller holds mu.
func (r *Outreach) takeAlerts(conf *policy.AlertsConfig, named map[target]bool) {
	r.alerted = nil
	if conf == nil {
		return
	}
	for _, n := range conf.Notify {
		p := place{room: n.Slack}
		if n.Slack == "" {
			p.hook = target{n.URL, n.Secret}
			named[p.hook] = true
			r.hook(p.hook)
		}
		r.alerted = append(r.alerted, p)
	}
}

// Alert queues an alert for every place that the configuration in force names, and
// never waits. It tells how many there are.
func (r *Outreach) Alert(a alerts.Alert) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.alerted {
		if p.room != "" {
			r.slack.Say(p.room, lines(a)...)
			continue
		}
		r.hooks[p.hook].Alert(a)
	}
	return len(r.alerted)
}

// lines are the words of an alert.
func lines(a alerts.Alert) []string {
	first := "Alert: " + a.What
	if a.Gone {
		first = "Over: " + a.What
	}
	list := []string{first}
	for _, f := range [][2]string{{"Agent", a.Agent}, {"Service", a.Service}, {"Action", a.Action}} {
		if f[1] != "" {
			list = append(list, f[0]+": "+f[1])
		}
	}
	return append(list, "Since "+a.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// AlertsTo lists where alerts go, as people call it.
func (r *Outreach) AlertsTo() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, p := range r.alerted {
		list = append(list, p.name())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// unalerted says where alerts do not arrive.
func (r *Outreach) unalerted() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, p := range r.alerted {
		why := ""
		if p.room != "" {
			why = r.slack.Said(p.room).Problem
		} else {
			why = r.hooks[p.hook].Standing().Problem
		}
		if why != "" {
			list = append(list, fmt.Sprintf("alerts do not arrive at %s: %s", p.name(), why))
		}
	}
	return list
}
