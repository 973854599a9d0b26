package approval

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"sallyport.dev/sallyport/action"
)

// Bounds of what an agent may propose.
const (
	maxProposals  = 3 // of one agent, that wait
	proposalLives = 7 * 24 * time.Hour
	maxWhy        = 500 // characters
)

// Propose files the wish of an agent for a service at host, a name that the caller
// has checked to be one. Draft is what would have to be written for it. Operators
// find it among the asks; a yes tells the agent that somebody took it up, and opens
// nothing by itself.
func (d *Desk) Propose(ctx context.Context, p *action.Peer, host, why, draft string) (Request, error) {
	if err := ctx.Err(); err != nil {
		return Request{}, err
	}
	now := d.Now()
	k := &ask{
		agent: p.ID, asks: []action.Asking{{Rule: "", Reason: "An agent asks for a service."}},
		exact: d.bind("propose", nil, p.ID, host), parked: true, done: make(chan struct{}),
		req: Request{
			ID: action.NewID(now), State: Pending, Agent: p.Name, User: p.User, Kind: KindService, Host: host,
			Summary: "a service for " + host, Sample: quoted(why) + draft, Created: now, Expires: now.Add(proposalLives),
		},
	}
	k.req.Reasons = []string{k.asks[0].Reason}
	k.req.Needs = d.count(&k.req, k)
	k.step.Lock()
	defer k.step.Unlock()
	d.mu.Lock()
	n := 0
	for _, o := range d.all {
		if o.agent == k.agent && o.req.Kind == KindService && o.req.State == Pending {
			n++
		}
	}
	d.mu.Unlock()
	if n >= maxProposals {
		return Request{}, fmt.Errorf("%d proposals of this agent wait already", n)
	}
	other, err := d.place(k, now)
	if err != nil {
		return Request{}, err
	}
	if other != nil {
		d.mu.Lock()
		other.waiting--
		d.mu.Unlock()
		return d.requestOf(other), nil
	}
	if err := d.keep(k, k.req); err != nil {
		d.close(k, Cancelled)
		return Request{}, fmt.Errorf("the proposal cannot be kept: %w", err)
	}
	d.Log.Info("service proposed", "id", k.req.ID, "agent", k.req.Agent, "host", host)
	d.tell(Asked, k)
	return d.requestOf(k), nil
}

// quoted writes what an agent says behind the margin, every mark visible.
func quoted(why string) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(why) {
		b.WriteString(action.SampleMargin)
		for _, r := range strings.TrimRight(line, "\r\n") {
			if n++; n > maxWhy {
				b.WriteString("\n[… the rest is not shown …]\n")
				return b.String()
			}
			if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
				fmt.Fprintf(&b, "<U+%04X>", r)
				continue
			}
			b.WriteRune(r)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
