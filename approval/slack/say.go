package slack

import (
	"context"
	"errors"
	"fmt"
	"time"

	api "github.com/slack-go/slack"
)

const (
	maxSayings   = 256 // messages that wait; more are dropped, and said to be
	maxSayTries  = 12  // with the pauses between them, some five minutes
	maxSayPause  = 30 * time.Second
	maxSayLines  = 10
	notification = "An alert of the gateway." // nothing in it is of an agent's choice
)

// A saying is a message that nobody answers.
type saying struct {
	channel string
	lines   []string
}

// A Standing is how the last messages to a channel went.
type Standing struct {
	Delivered time.Time
	Problem   string    // with the last one; "": none
	Since     time.Time // of the problem
}

var errApart = errors.New("Slack is not connected")

// Said tells how the last message to a channel went that nobody answers.
func (s *Slack) Said(channel string) Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said[channel]
}

// Say queues a message without buttons: the first line says what it is, the others
// are its facts. Slack reads nothing in them. It never waits: what does not fit is
// dropped, and logged.
func (s *Slack) Say(channel string, lines ...string) {
	select {
	case s.sayings <- saying{channel, lines}:
	default:
		s.went(channel, errors.New("too many messages wait"))
		s.conf.Log.Warn("a channel of Slack is not told: too many messages wait", "channel", channel)
	}
}

// Try posts a message that says it is a trial, once, and tells how that went.
func (s *Slack) Try(ctx context.Context, channel string) error {
	err := s.utter(ctx, saying{channel, []string{"This is a trial: messages of the gateway arrive here."}})
	s.went(channel, err)
	return err
}

// speak posts what is queued, one after the other, until ctx ends.
func (s *Slack) speak(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case one := <-s.sayings:
			err := s.insist(ctx, one)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if s.went(one.channel, err); err != nil {
				s.conf.Log.Warn("a channel of Slack is not told", "channel", one.channel, "err", err)
			}
		}
	}
}

// insist posts a message until Slack takes it, refuses it, or it is too late.
func (s *Slack) insist(ctx context.Context, one saying) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := s.utter(ctx, one)
		var refused api.SlackErrorResponse
		if err == nil || errors.As(err, &refused) || try == maxSayTries {
			return err
		}
		wait := pause
		var limited *api.RateLimitedError
		if errors.As(err, &limited) {
			wait = max(limited.RetryAfter, pause)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, maxSayPause)
	}
}

func (s *Slack) utter(ctx context.Context, one saying) error {
	now := s.session.Load()
	if now == nil {
		if why := s.Problem(); why != "" {
			return fmt.Errorf("%w: %s", errApart, why)
		}
		return errApart
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, _, err := now.api.PostMessageContext(ctx, one.channel,
		api.MsgOptionBlocks(s.sentences(one.lines)...), api.MsgOptionText(notification, true),
		api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl())
	return err
}

// sentences makes the blocks of a message: plain text, in which Slack reads no mark,
// mention or link.
func (s *Slack) sentences(lines []string) []api.Block {
	var blocks []api.Block
	for i, text := range lines[:min(len(lines), maxSayLines)] {
		words := plainAt(visible(s.conf.Mask(text), false), maxLine)
		if i == 0 {
			blocks = append(blocks, api.NewSectionBlock(words, nil, nil))
			continue
		}
		blocks = append(blocks, api.NewContextBlock("", words))
	}
	return blocks
}

// went notes how a message went.
func (s *Slack) went(channel string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, now := s.said[channel], s.conf.Now().UTC()
	switch {
	case err == nil:
		at = Standing{Delivered: now}
	case at.Problem == "":
		at.Problem, at.Since = err.Error(), now
	default:
		at.Problem = err.Error()
	}
	s.said[channel] = at
}
