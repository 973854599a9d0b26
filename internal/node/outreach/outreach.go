// Package outreach keeps whom the gateway turns to for an answer beside its own
// door: judges, the workspace of Slack, webhooks. It makes what the rules in force
// name and ends what they name no more. Models are called down the line of every
// agent's connection, by a peer that is the gateway's own; it decides nothing.
package outreach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/approval/slack"
	"sallyport.dev/sallyport/approval/webhook"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/vault"
)

// Options of an Outreach. Everything is set before New.
type Options struct {
	Line   netstack.Handler // what serves every agent
	CA     func() []byte    // PEM of the CA that the line ends TLS with
	Tables []action.FactTable
	Trial  func(*action.Service, action.Trial) (*action.Action, error) // makes an HTTP action that nobody sent
	// Dial reaches what the operator named for the gateway itself, DialPublic only
	// what is on the public internet.
	Dial, DialPublic func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots            *x509.CertPool // that others must prove themselves by; nil: the host's
	Secret           func(name string) (vault.Secret, error)
	Mask             func(string) string // takes every secret out of a text
	Desk             *approval.Desk
	Witness          func() route.Witness // of the operators' audit; nil: there is none yet
	Store            Store
	Rules            func() *policy.Policy
	Page             func(id string) string         // of an ask in the dashboard; "": none
	Groups           func(operator string) []string // that a login says which still holds
	Log              *slog.Logger
}

// An Outreach is all of them. New makes one, Run keeps Slack connected, Close ends
// it all.
type Outreach struct {
	o      Options
	Inbox  *webhook.Inbox // takes answers by webhook
	client *http.Client   // for webhooks
	slack  *slack.Slack
	ledger ledger
	life   context.Context
	end    context.CancelFunc
	flows  sync.WaitGroup

	mu       sync.Mutex
	judges   map[string]*seat              // by "judge.pii"; guarded by mu
	hooks    map[target]*webhook.Hook      // guarded by mu
	channels map[string]*slack.Channel     // by name; guarded by mu
	told     map[string][]approval.Channel // by "approver.oncall"; guarded by mu
	rooms    map[string][]string           // channels of Slack by approver; guarded by mu
	keys     []webhook.Key                 // guarded by mu
	alerted  []place                       // where alerts go; guarded by mu
	tokens   [2]string                     // names of Slack's secrets; guarded by mu
	used     [2]string                     // their values, when they were read last; guarded by mu
}

// A target is one webhook.
type target struct{ url, secret string }

// New makes an Outreach that knows nobody yet; Take tells it whom.
func New(o Options) *Outreach {
	r := &Outreach{
		o: o, judges: map[string]*seat{}, hooks: map[target]*webhook.Hook{}, channels: map[string]*slack.Channel{},
		client: client(o.Dial, o.Roots), ledger: ledger{store: o.Store},
	}
	r.life, r.end = context.WithCancel(context.Background())
	r.Inbox = &webhook.Inbox{Desk: desk{o.Desk, r}, Keys: r.hookKeys, Approver: o.Desk.Approver, Now: time.Now}
	r.slack = slack.New(slack.Config{
		AppToken: r.token(0), BotToken: r.token(1), Client: client(o.DialPublic, o.Roots), Dial: o.DialPublic, TLS: trust(o.Roots),
		Operator: r.operator, Groups: r.groups, Channels: r.slackRooms, Mask: o.Mask, Page: o.Page, Desk: desk{o.Desk, r}, Store: cards{o.Store}, Log: o.Log, Now: time.Now,
	})
	return r
}

// client makes the client of a way out.
func client(dial func(context.Context, string, string) (net.Conn, error), roots *x509.CertPool) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: trust(roots), TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
	}}
}

func trust(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// Take makes what rules name, keeps what they name as before, and ends the rest.
func (r *Outreach) Take(p *policy.Policy) {
	conf := p.Config()
	r.mu.Lock()
	gone := r.takeJudges(conf.Judges)
	r.told, r.rooms, r.keys = map[string][]approval.Channel{}, map[string][]string{}, nil
	named := map[target]bool{}
	for _, a := range conf.Approvers {
		name := "approver." + a.Name
		for _, n := range a.Notify {
			if n.Slack != "" {
				r.rooms[name] = append(r.rooms[name], n.Slack)
				r.told[name] = append(r.told[name], r.room(n.Slack))
				continue
			}
			t := target{n.URL, n.Secret}
			named[t] = true
			r.told[name] = append(r.told[name], r.hook(t))
			r.keys = append(r.keys, webhook.Key{Approver: name, Secret: r.bytes(n.Secret)})
		}
	}
	r.takeAlerts(conf.Gateway.Alerts, named)
	for t, h := range r.hooks {
		if !named[t] {
			delete(r.hooks, t)
			gone = append(gone, h.Close)
		}
	}
	r.tokens = [2]string{}
	if s := conf.Gateway.Slack; s != nil {
		r.tokens = [2]string{s.AppToken, s.BotToken}
	}
	r.mu.Unlock()
	for _, end := range gone {
		end()
	}
	r.SecretSet()
}

// room gives a channel of Slack; callers hold mu.
func (r *Outreach) room(name string) *slack.Channel {
	if r.channels[name] == nil {
		r.channels[name] = r.slack.Channel(name)
	}
	return r.channels[name]
}

// hook gives a webhook; callers hold mu.
func (r *Outreach) hook(t target) *webhook.Hook {
	if r.hooks[t] == nil {
		r.hooks[t] = webhook.New(t.url, r.bytes(t.secret), r.o.Mask, r.client, r.o.Log)
	}
	return r.hooks[t]
}

// bytes gives the value of a secret whenever it is asked.
func (r *Outreach) bytes(secret string) func() ([]byte, error) {
	return func() ([]byte, error) {
		s, err := r.o.Secret(secret)
		if err != nil {
			return nil, err
		}
		return s.Reveal(), nil
	}
}

// token gives one of Slack's tokens whenever a session begins.
func (r *Outreach) token(i int) func() (string, error) {
	return func() (string, error) {
		r.mu.Lock()
		name := r.tokens[i]
		r.mu.Unlock()
		if name == "" {
			return "", slack.ErrOff
		}
		s, err := r.o.Secret(name)
		if err != nil {
			return "", fmt.Errorf("secret %s: %w", name, err)
		}
		value := string(s.Reveal())
		r.mu.Lock()
		r.used[i] = value
		r.mu.Unlock()
		return value, nil
	}
}

// SecretSet follows a secret that got another value: Slack begins anew if it was
// one of its tokens.
func (r *Outreach) SecretSet() {
	r.mu.Lock()
	names := r.tokens
	r.mu.Unlock()
	var now [2]string
	for i, name := range names { // nobody waits meanwhile: they may be kept elsewhere
		if s, err := r.o.Secret(name); name != "" && err == nil {
			now[i] = string(s.Reveal())
		}
	}
	r.mu.Lock()
	same := now == r.used
	r.mu.Unlock()
	if !same {
		r.slack.Restart()
	}
}

// Notify lists where an approver is told.
func (r *Outreach) Notify(approver string) []approval.Channel {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told[approver]
}

func (r *Outreach) slackRooms(approver string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rooms[approver]
}

func (r *Outreach) hookKeys() []webhook.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys
}

// Secrets lists every secret that is needed here, for those who look what is
// missing.
func (r *Outreach) Secrets() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, name := range r.tokens {
		if name != "" {
			names = append(names, name)
		}
	}
	for t := range r.hooks {
		names = append(names, t.secret)
	}
	return names
}

// Run keeps Slack connected until ctx ends.
func (r *Outreach) Run(ctx context.Context) error { return r.slack.Run(ctx) }

// Close ends every judge and webhook, and waits for them.
func (r *Outreach) Close() {
	r.mu.Lock()
	var gone []func()
	for _, s := range r.judges {
		gone = append(gone, s.Close)
	}
	for _, h := range r.hooks {
		gone = append(gone, h.Close)
	}
	r.mu.Unlock()
	for _, end := range gone {
		end()
	}
	r.end()
	r.flows.Wait()
}

var errClosed = errors.New("the gateway is closing")
