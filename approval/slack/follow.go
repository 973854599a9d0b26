package slack

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"time"

	"sallyport.dev/sallyport/approval"

	api "github.com/slack-go/slack"
)

const (
	sweepEvery  = time.Minute
	retry       = 10 * time.Second // after a call that failed
	postTimeout = 5 * time.Second
	maxCards    = 4096 // asks that are looked after; the desk bounds them per agent
)

// look has an ask looked at, not before a time.
func (s *Slack) look(id string, when time.Time) {
	s.mu.Lock()
	if old, known := s.due[id]; known && old.Before(when) {
		when = old
	}
	if len(s.due) < maxCards {
		s.due[id] = when
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// lookAtAll has everything looked at that waits or is shown: after a pause, messages
// may be missing or old.
func (s *Slack) lookAtAll() {
	s.mu.Lock()
	ids := slices.Collect(maps.Keys(s.cards))
	s.mu.Unlock()
	for _, r := range s.conf.Desk.List() {
		ids = append(ids, r.ID)
	}
	for _, id := range ids {
		s.look(id, time.Time{})
	}
}

// follow makes the messages show what the desk says, until ctx ends.
func (s *Slack) follow(ctx context.Context) error {
	swept := s.conf.Now()
	for {
		if now := s.conf.Now(); now.Sub(swept) > sweepEvery {
			swept = now
			s.lookAtAll() // what there was no room for
		}
		id, wait := s.next()
		if now := s.session.Load(); id != "" && now != nil {
			if err := s.settle(ctx, now, id); err != nil {
				s.later(id, err)
			}
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.wake:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

// next takes an ask that is due; "" and how long until there may be one. Without a
// session nothing is taken.
func (s *Slack) next() (id string, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.conf.Now()
	wait = time.Minute
	if s.session.Load() == nil {
		return "", time.Second
	}
	for k, when := range s.due {
		if !when.After(now) && (id == "" || k < id) {
			id = k
		}
		wait = min(wait, max(when.Sub(now), 0))
	}
	if id != "" {
		delete(s.due, id)
	}
	return id, wait
}

// later tries an ask again.
func (s *Slack) later(id string, err error) {
	pause := retry
	var limited *api.RateLimitedError
	if errors.As(err, &limited) {
		pause = max(limited.RetryAfter, time.Second)
	} else {
		s.conf.Log.Warn("an ask cannot be shown in Slack", "id", id, "err", err)
	}
	s.look(id, s.conf.Now().Add(pause))
}

// settle posts what is missing of one ask, and edits what is old.
func (s *Slack) settle(ctx context.Context, now *session, id string) error {
	r, known := s.conf.Desk.Get(id)
	r = r.Masked(s.conf.Mask)
	var errs []error
	for _, c := range s.shown(id) {
		if !known {
			errs = append(errs, s.forget(ctx, c)) // so old that the desk does not know it; the message has long its last state
			continue
		}
		errs = append(errs, s.edit(ctx, now, c, r))
	}
	if known && r.State == approval.Pending {
		for _, name := range s.channels(r) {
			if !s.posted(id, name) {
				errs = append(errs, s.post(ctx, now, name, r))
			}
		}
	}
	return errors.Join(errs...)
}

// channels are where the configuration sends an ask.
func (s *Slack) channels(r approval.Request) []string {
	var list []string
	for _, n := range r.Needs {
		for _, name := range s.conf.Channels(n.Approver) {
			if !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}

func (s *Slack) post(ctx context.Context, now *session, channel string, r approval.Request) error {
	c := Card{Ask: r.ID, Channel: channel, Nonce: rand.Text()}
	blocks := s.render(r, c.Nonce)
	c.Shows = shows(blocks)
	// What is begun is finished at the end of the process, too: a message that we do
	// not know of is posted twice.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), postTimeout)
	defer cancel()
	s.remember(c) // a button may be pressed before we are told where it is
	id, ts, err := now.api.PostMessageContext(ctx, channel, words(blocks, r)...)
	if err != nil {
		return err
	}
	c.ID, c.TS = id, ts
	s.remember(c)
	return s.conf.Store.SaveCard(ctx, c)
}

// edit brings one message up to date. One that is settled is looked after no more.
func (s *Slack) edit(ctx context.Context, now *session, c Card, r approval.Request) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	blocks := s.render(r, c.Nonce)
	if state := shows(blocks); state != c.Shows {
		_, _, _, err := now.api.UpdateMessageContext(ctx, c.ID, c.TS, words(blocks, r)...)
		var refused api.SlackErrorResponse
		if errors.As(err, &refused) && gone(refused.Err) {
			return s.forget(ctx, c)
		}
		if err != nil {
			return err
		}
		c.Shows = state
		s.remember(c)
		if r.State == approval.Pending {
			return s.conf.Store.SaveCard(ctx, c)
		}
	}
	if r.State == approval.Pending {
		return nil
	}
	return s.forget(ctx, c)
}

// gone reports whether Slack will never edit that message again.
func gone(err string) bool {
	return slices.Contains([]string{"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_archived"}, err)
}

// line is what a notification says. Nothing in it is of the agent's choice.
func line(r approval.Request) string {
	if r.State != approval.Pending {
		return "An approval is " + string(r.State) + "."
	}
	return "An agent asks for an approval."
}

func words(blocks []api.Block, r approval.Request) []api.MsgOption {
	return []api.MsgOption{
		api.MsgOptionBlocks(blocks...), api.MsgOptionText(line(r), true),
		api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(),
	}
}

func (s *Slack) shown(id string) []Card {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Values(s.cards[id])), func(c Card) bool { return c.TS == "" })
}

func (s *Slack) posted(id, channel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cards[id][channel].TS != ""
}

func (s *Slack) remember(c Card) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cards[c.Ask] == nil {
		s.cards[c.Ask] = make(map[string]Card)
	}
	s.cards[c.Ask][c.Channel] = c
}

func (s *Slack) forget(ctx context.Context, c Card) error {
	s.mu.Lock()
	if delete(s.cards[c.Ask], c.Channel); len(s.cards[c.Ask]) == 0 {
		delete(s.cards, c.Ask)
	}
	s.mu.Unlock()
	return s.conf.Store.DropCard(ctx, c)
}
