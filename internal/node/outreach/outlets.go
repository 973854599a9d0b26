package outreach

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/outlet"
)

// Outlets tells how the channels stand that asks are shown in.
func (r *Outreach) Outlets() []outlet.Outlet {
	problem := r.slack.Problem()
	r.mu.Lock()
	defer r.mu.Unlock()
	of := map[string][]string{}
	for _, p := range r.alerted {
		if p.room != "" {
			of[p.room] = nil
		}
	}
	for approver, rooms := range r.rooms {
		for _, room := range rooms {
			of[room] = append(of[room], approver)
		}
	}
	var list []outlet.Outlet
	for room, approvers := range of {
		slices.Sort(approvers)
		at := r.slack.Said(room)
		o := outlet.Outlet{
			Kind: outlet.Slack, Name: room, Target: "Slack " + room, Of: approvers, Trial: true, Alerts: slices.Contains(r.alerted, place{room: room}),
			Delivered: at.Delivered, Problem: at.Problem, Since: at.Since,
		}
		if problem != "" {
			o.Problem, o.Since = problem, time.Time{}
		}
		list = append(list, o)
	}
	for t, h := range r.hooks {
		at := h.Standing()
		var approvers []string
		for name, told := range r.told {
			if slices.Contains(told, approval.Channel(h)) {
				approvers = append(approvers, name)
			}
		}
		slices.Sort(approvers)
		list = append(list, outlet.Outlet{
			Kind: outlet.Hook, Name: t.name(), Target: t.site(), Of: approvers, Trial: true, Alerts: slices.Contains(r.alerted, place{hook: t}),
			Delivered: at.Delivered, Problem: at.Problem, Since: at.Since,
		})
	}
	slices.SortFunc(list, func(a, b outlet.Outlet) int { return strings.Compare(a.Kind+" "+a.Name, b.Kind+" "+b.Name) })
	return list
}

// site is the receiver without what stands behind its host, which may be a secret
// of its own.
func (t target) site() string {
	u, err := url.Parse(t.url)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// name tells one webhook from another: its host and the secret that signs for it.
func (t target) name() string { return strings.TrimPrefix(t.site(), "https://") + " " + t.secret }

// Try sends a webhook or a channel of Slack a message that says it is a trial.
func (r *Outreach) Try(ctx context.Context, name string) error {
	try := r.trial(name)
	if try == nil {
		return outlet.ErrUnknown
	}
	return try(ctx)
}

func (r *Outreach) trial(name string) func(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t, h := range r.hooks {
		if t.name() == name {
			return h.Try
		}
	}
	room := slices.Contains(r.alerted, place{room: name})
	for _, rooms := range r.rooms {
		room = room || slices.Contains(rooms, name)
	}
	if !room || name == "" {
		return nil
	}
	return func(ctx context.Context) error { return r.slack.Try(ctx, name) }
}
