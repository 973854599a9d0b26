// Package oidc logs people in by an identity provider: the authorization code
// flow with PKCE, and an ID token that names a verified e-mail address. It keeps
// what is under way for a few minutes, and no session.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/pending"
	"sallyport.dev/sallyport/vault/answer"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// flowFor is how long somebody may take at the provider.
	flowFor = 10 * time.Minute
	// maxFlows bounds the logins that are under way, and maxFlowsEach those of one
	// peer.
	maxFlows, maxFlowsEach = 1000, 30
	// callTime bounds one call of the provider.
	callTime = 15 * time.Second
)

var (
	// ErrFlow means that no login of this browser is under way.
	ErrFlow = errors.New("this login was not begun here, or too long ago; begin again")
	// ErrBusy means that too many logins are under way.
	ErrBusy = errors.New("too many logins are under way; wait and try again")
	// ErrEmail means that the provider vouches for no address.
	ErrEmail = errors.New("the identity provider names no verified e-mail address")
)

// A Config says who the provider is and what the gateway is to it.
type Config struct {
	Issuer   string
	ClientID string
	Secret   func() (string, error) // of the client
	HTTP     *http.Client           // to call the provider by
	CA       string                 // PEM of what its servers prove themselves by; "": the host's roots
	Now      func() time.Time
}

// A Provider is one identity provider. It is asked for what it can do when
// somebody logs in for the first time, so that the gateway starts without it.
type Provider struct {
	c Config

	mu    sync.Mutex
	found *oidc.Provider       // guarded by mu
	used  map[string]time.Time // the newest proof of each person that was taken; guarded by mu
	flows pending.Book[flow]   // by state
}

// A flow is one login under way.
type flow struct {
	nonce, verifier string
	redirect, back  string
	session         string
	began           time.Time
	fresh           bool              // it asked for a proof
	browser         [sha256.Size]byte // hash of what the browser that began it holds
}

// New makes a provider of c.
func New(c Config) *Provider {
	return &Provider{c: c, used: make(map[string]time.Time), flows: pending.Book[flow]{Now: c.Now, For: flowFor, Each: maxFlowsEach, All: maxFlows}}
}

// A Login is a proven person, and when they showed the provider who they are for this
// login; zero if it did not ask for that, or the provider does not say so.
type Login struct {
	Person action.Person
	Proven time.Time
	// Back and Session are what the Start said.
	Back, Session string
}

// A Start is what a login begins with.
type Start struct {
	Peer     string // who asks, as far as the network tells
	Redirect string // where the provider sends the browser
	Back     string // the page that the login is for, which only the gateway gets to see
	Session  string // the login that the browser has already; it is not sent anywhere
	Fresh    bool   // the person is to prove anew who they are
}

// Begin gives where the browser goes, and what it must hold when it comes back.
func (p *Provider) Begin(ctx context.Context, s Start) (url, browser string, err error) {
	o, err := p.client(ctx, s.Redirect)
	if err != nil {
		return "", "", err
	}
	state := rand.Text()
	browser = rand.Text()
	f := flow{
		nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), redirect: s.Redirect, back: s.Back, session: s.Session, began: p.c.Now(), fresh: s.Fresh,
		browser: sha256.Sum256([]byte(browser)),
	}
	if p.flows.Keep(state, s.Peer, f) != nil {
		return "", "", ErrBusy
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(f.nonce), oauth2.S256ChallengeOption(f.verifier)}
	if s.Fresh {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return o.AuthCodeURL(state, options...), browser, nil
}

// take gives a login under way, once.
func (p *Provider) take(state, browser string) (flow, bool) {
	f, ok := p.flows.Take(state)
	sum := sha256.Sum256([]byte(browser))
	return f, ok && subtle.ConstantTimeCompare(sum[:], f.browser[:]) == 1
}

// Finish turns what the browser brings back into the person that the provider
// proved.
func (p *Provider) Finish(ctx context.Context, state, code, browser string) (Login, error) {
	f, ok := p.take(state, browser)
	if !ok {
		return Login{}, ErrFlow
	}
	o, err := p.client(ctx, f.redirect)
	if err != nil {
		return Login{}, err
	}
	road, err := p.road(ctx)
	if err != nil {
		return Login{}, err
	}
	ctx, cancel := context.WithTimeout(road, callTime)
	defer cancel()
	token, err := o.Exchange(ctx, code, oauth2.VerifierOption(f.verifier))
	if err != nil {
		return Login{}, fmt.Errorf("the identity provider takes no code: %w", quiet(err))
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Login{}, errors.New("the identity provider gives no ID token")
	}
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	id, err := found.Verifier(&oidc.Config{ClientID: p.c.ClientID, Now: p.c.Now}).Verify(ctx, raw)
	if err != nil {
		return Login{}, fmt.Errorf("the ID token does not hold: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.nonce)) != 1 {
		return Login{}, errors.New("the ID token is for another login")
	}
	l, err := person(id)
	l.Back, l.Session = f.back, f.session
	if err == nil && !p.proves(f, l) {
		l.Proven = time.Time{}
	}
	return l, err
}

// proves reports whether what a person showed the provider was shown for this flow.
// The browser may have left out that it is to be shown anew, so that the provider
// tells of an earlier time (OpenID Connect Core 1.0, section 3.1.2.1): that is no
// proof, and nor is one that another flow was taken for.
func (p *Provider) proves(f flow, l Login) bool {
	now := p.c.Now()
	if !f.fresh || l.Proven.Before(f.began.Truncate(time.Second)) || l.Proven.After(now) { // auth_time counts seconds
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, at := range p.used {
		if now.Sub(at) > flowFor { // no flow is as old
			delete(p.used, name)
		}
	}
	if !l.Proven.After(p.used[l.Person.Name]) {
		return false
	}
	p.used[l.Person.Name] = l.Proven
	return true
}

// person reads an ID token that holds.
func person(id *oidc.IDToken) (Login, error) {
	var claims struct {
		Email    string   `json:"email"`
		Verified bool     `json:"email_verified"`
		Groups   []string `json:"groups"`
		AuthTime int64    `json:"auth_time"`
	}
	if err := id.Claims(&claims); err != nil {
		return Login{}, fmt.Errorf("the ID token cannot be read: %w", err)
	}
	if claims.Email == "" || !claims.Verified {
		return Login{}, ErrEmail
	}
	l := Login{Person: action.Person{Name: claims.Email, Groups: claims.Groups, Via: "oidc"}}
	if claims.AuthTime > 0 {
		l.Proven = time.Unix(claims.AuthTime, 0)
	}
	return l, nil
}

// quiet leaves out of an error what the provider wrote, which may hold anything.
func quiet(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return fmt.Errorf("%s %q", refused.Response.Status, refused.ErrorCode)
	}
	return err
}

// road has the provider called by the client that believes its authority.
func (p *Provider) road(ctx context.Context) (context.Context, error) {
	client, err := answer.Trust(p.c.HTTP, p.c.CA)
	if err != nil {
		return nil, fmt.Errorf("the identity provider cannot be asked: %w", err)
	}
	return oidc.ClientContext(ctx, client), nil
}

// client is what the gateway is to the provider.
func (p *Provider) client(ctx context.Context, redirect string) (*oauth2.Config, error) {
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	if found == nil {
		// The library keeps the context for the keys that it fetches later.
		road, err := p.road(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		if found, err = oidc.NewProvider(road, p.c.Issuer); err != nil {
			return nil, fmt.Errorf("the identity provider does not answer: %w", err)
		}
		p.mu.Lock()
		p.found = found
		p.mu.Unlock()
	}
	secret, err := p.c.Secret()
	if err != nil {
		return nil, fmt.Errorf("secret of the identity provider's client: %w", err)
	}
	return &oauth2.Config{
		ClientID: p.c.ClientID, ClientSecret: secret, Endpoint: found.Endpoint(), RedirectURL: redirect,
		Scopes: []string{oidc.ScopeOpenID, "email", "groups"},
	}, nil
}
