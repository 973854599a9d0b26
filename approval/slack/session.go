package slack

import (
	"context"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/gorilla/websocket"
	api "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"golang.org/x/sync/errgroup"
)

const (
	handshakeTimeout = 15 * time.Second
	callTimeout      = 15 * time.Second
	maxEnvelope      = 1 << 20 // of what Slack sends at once, in bytes
	maxClicks        = 8       // that are answered at the same time
	maxTries         = 6       // of the library, whose pauses grow to minutes, before we begin anew
)

// serve opens a session and works in it until it breaks or the tokens change. An
// error says why it never came to be.
func (s *Slack) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	now, err := s.open(ctx)
	if err != nil {
		return err
	}
	s.session.Store(now)
	defer s.session.Store(nil)
	socket := socketmode.New(now.api,
		socketmode.OptionDialer(&websocket.Dialer{NetDialContext: s.conf.Dial, TLSClientConfig: s.conf.TLS, HandshakeTimeout: handshakeTimeout, WriteBufferSize: 32 << 10}),
		socketmode.OptionReadLimit(maxEnvelope), socketmode.OptionLog(log.New(io.Discard, "", 0)),
	)
	var g errgroup.Group
	g.Go(func() error {
		defer cancel()
		return socket.RunContext(ctx)
	})
	s.events(ctx, now, socket, cancel)
	if err := g.Wait(); err != nil && s.session.Load() == now && !s.up.Load() {
		return fmt.Errorf("open the socket: %w", err)
	}
	return nil
}

// open proves the tokens and learns which workspace they are of.
func (s *Slack) open(ctx context.Context) (*session, error) {
	app, err := s.conf.AppToken()
	if err != nil {
		return nil, fmt.Errorf("app_token: %w", err)
	}
	bot, err := s.conf.BotToken()
	if err != nil {
		return nil, fmt.Errorf("bot_token: %w", err)
	}
	options := []api.Option{api.OptionHTTPClient(s.conf.Client), api.OptionAppLevelToken(app), api.OptionLog(log.New(io.Discard, "", 0))}
	if s.conf.API != "" {
		options = append(options, api.OptionAPIURL(s.conf.API))
	}
	client := api.New(bot, options...)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	who, err := client.AuthTestContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("auth.test: %w", err)
	}
	return &session{api: client, app: app, bot: bot, team: who.TeamID, org: who.EnterpriseID, user: who.UserID}, nil
}

// events takes what the socket brings, until the session ends. It returns when
// every click that it took has its answer.
func (s *Slack) events(ctx context.Context, now *session, socket *socketmode.Client, end context.CancelFunc) {
	var clicks errgroup.Group
	clicks.SetLimit(maxClicks)
	defer clicks.Wait() //nolint:errcheck // clicks return nothing
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.restart:
			if s.current(now) {
				continue // it began after they had changed
			}
			end()
			return
		case e := <-socket.Events:
			switch e.Type {
			case socketmode.EventTypeConnecting:
				s.up.Store(false)
				if c, ok := e.Data.(*api.ConnectingEvent); ok && c.Attempt > maxTries {
					end()
					return
				}
			case socketmode.EventTypeConnected:
				s.up.Store(true)
				s.conf.Log.Info("Slack is connected")
				s.lookAtAll()
			case socketmode.EventTypeInteractive:
				click, ok := e.Data.(api.InteractionCallback)
				if ack(ctx, socket, e) && ok {
					clicks.Go(func() error { s.click(ctx, click); return nil })
				}
			default:
				ack(ctx, socket, e) // nothing that we asked for
			}
		}
	}
}

// current reports whether a session has the tokens of now.
func (s *Slack) current(now *session) bool {
	app, err := s.conf.AppToken()
	if err != nil || app != now.app {
		return false
	}
	bot, err := s.conf.BotToken()
	return err == nil && bot == now.bot
}

// ack tells Slack that an envelope has arrived; else it comes again.
func ack(ctx context.Context, socket *socketmode.Client, e socketmode.Event) bool {
	if e.Request == nil || e.Request.EnvelopeID == "" {
		return false
	}
	return socket.AckCtx(ctx, e.Request.EnvelopeID, nil) == nil
}
