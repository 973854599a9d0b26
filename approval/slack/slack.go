// Package slack shows asks in channels of Slack and takes answers from there, in
// Socket Mode: the gateway calls Slack, and nothing needs to reach the gateway.
// Whoever presses a button is the person whose confirmed e-mail address Slack
// gives; what that person may, the desk decides. It dials nothing itself.
package slack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"

	api "github.com/slack-go/slack"
	"golang.org/x/sync/errgroup"
)

const (
	firstPause = time.Second
	maxPause   = time.Minute
)

// ErrOff is what a token function gives where no workspace is configured: nothing
// is tried until Restart.
var ErrOff = errors.New("no workspace is configured")

// A Desk is where asks are, and where answers go.
type Desk interface {
	Get(id string) (approval.Request, bool)
	List() []approval.Request
	Answer(id string, yes bool, who action.Person, note string, scope approval.Scope) (approval.Request, error)
}

// A Store keeps which message shows which ask, so that it is edited and not posted
// again after a restart.
type Store interface {
	LoadCards(ctx context.Context) ([]Card, error)
	SaveCard(ctx context.Context, c Card) error
	DropCard(ctx context.Context, c Card) error
}

// A Config says what a Slack needs. Everything it reaches, it reaches by Client and
// Dial.
type Config struct {
	AppToken, BotToken func() (string, error) // asked for every session; an error: not there yet
	Client             *http.Client
	Dial               func(ctx context.Context, network, addr string) (net.Conn, error)
	TLS                *tls.Config // of the socket; nil: what the host trusts
	API                string      // "": Slack's own, https://slack.com/api/

	// Channels gives the channels that the configuration in force names for an
	// approver: the only thing that chooses who is asked.
	Channels func(approver string) []string
	// Page gives the address of an ask in the dashboard; "": there is none.
	Page func(id string) string
	// Mask takes out of a text what must not leave; nil: nothing.
	Mask func(string) string
	// Operator gives the operator whom an address in Slack belongs to; nil: the address.
	Operator func(address string) string
	// Groups gives the groups of an operator, as the gateway knows them; nil: none.
	Groups func(operator string) []string

	Desk  Desk
	Store Store
	Log   *slog.Logger
	Now   func() time.Time
}

// A Slack is one connection to one workspace. New makes it, Run keeps it.
type Slack struct {
	conf    Config
	session atomic.Pointer[session]
	restart chan struct{}
	up      atomic.Bool
	problem atomic.Pointer[string] // why there is no session; nil: nothing went wrong

	mu    sync.Mutex
	cards map[string]map[string]Card // by ask, then by channel as configured; guarded by mu
	due   map[string]time.Time       // asks to look at, and not before when; guarded by mu
	wake  chan struct{}

	sayings chan saying
	said    map[string]Standing // by channel as configured; guarded by mu
}

// A session is what one pair of tokens opens.
type session struct {
	api       *api.Client
	app, bot  string // the tokens
	team, org string
	user      string // the bot's own
}

// New makes a Slack.
func New(c Config) *Slack {
	if c.Mask == nil {
		c.Mask = func(s string) string { return s }
	}
	return &Slack{
		conf: c, restart: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		cards: make(map[string]map[string]Card), due: make(map[string]time.Time),
		sayings: make(chan saying, maxSayings), said: make(map[string]Standing),
	}
}

// Channel is one channel of the workspace as the desk sees it.
func (s *Slack) Channel(name string) *Channel { return &Channel{s, name} }

// A Channel tells one channel. What it shows follows the desk, so that nothing is
// lost while Slack cannot be reached.
type Channel struct {
	slack *Slack
	name  string
}

var _ approval.Channel = (*Channel)(nil)

// Tell has the ask looked at soon.
func (c *Channel) Tell(_ context.Context, e approval.Event) { c.slack.look(e.Request.ID, time.Time{}) }

// Restart begins a new session if the tokens are others now.
func (s *Slack) Restart() {
	select {
	case s.restart <- struct{}{}:
	default:
	}
}

// Connected reports whether the socket is open.
func (s *Slack) Connected() bool { return s.up.Load() }

// Problem says why there is no session; "" while there is one, or none is wanted.
func (s *Slack) Problem() string {
	if p := s.problem.Load(); p != nil && !s.up.Load() {
		return *p
	}
	return ""
}

// Run keeps the connection, and the messages as the desk stands, until ctx ends.
func (s *Slack) Run(ctx context.Context) error {
	known, err := s.conf.Store.LoadCards(ctx)
	if err != nil {
		return fmt.Errorf("load the messages in Slack: %w", err)
	}
	for _, c := range known {
		s.remember(c)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.connect(ctx) })
	g.Go(func() error { return s.follow(ctx) })
	g.Go(func() error { return s.speak(ctx) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// connect opens one session after the other, with pauses that grow while Slack
// cannot be reached.
func (s *Slack) connect(ctx context.Context) error {
	pause, told := firstPause, ""
	for {
		began := time.Now()
		err := s.serve(ctx)
		s.up.Store(false)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.problem.Store(nil)
		if errors.Is(err, ErrOff) {
			select {
			case <-s.restart:
			case <-ctx.Done():
				return ctx.Err()
			}
			pause, told = firstPause, ""
			continue
		}
		if time.Since(began) > maxPause { // it had worked
			pause, told = firstPause, ""
		}
		if err != nil {
			text := err.Error()
			s.problem.Store(&text)
		}
		if err != nil && err.Error() != told {
			told = err.Error()
			s.conf.Log.Warn("Slack cannot be reached; asks wait in the dashboard meanwhile", "err", err)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-s.restart:
		case <-ctx.Done():
		}
		timer.Stop()
		pause = min(2*pause, maxPause)
	}
}
