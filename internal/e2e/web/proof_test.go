//go:build e2e

package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/oidc"
)

// A provider knows everybody's browser, and sends it back at once.
type provider struct {
	url string

	mu     sync.Mutex
	starts map[string]oidc.Start // by state; guarded by mu
}

// newProvider is an identity provider on another site than the pages.
func (s *site) newProvider() *provider {
	p := &provider{starts: map[string]oidc.Start{}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"state": {q.Get("state")}, "code": {"c"}}.Encode(), http.StatusSeeOther)
	}))
	s.t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *provider) Begin(_ context.Context, s oidc.Start) (to, browser string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := strings.Repeat("s", len(p.starts)+1)
	p.starts[state] = s
	return p.url + "/?" + url.Values{"state": {state}, "redirect_uri": {s.Redirect}}.Encode(), "b", nil
}

func (p *provider) Finish(_ context.Context, state, _, _ string) (oidc.Login, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.starts[state]
	if !ok {
		return oidc.Login{}, oidc.ErrFlow
	}
	l := oidc.Login{Person: action.Person{Name: "ana@acme.dev", Via: "oidc"}, Back: s.Back, Session: s.Session}
	if s.Fresh {
		l.Proven = time.Now()
	}
	return l, nil
}

// opensTheLinkAgain has the page of the first link say what is wrong with it, before
// anything is filled in.
func (s *site) opensTheLinkAgain(b *browser) {
	s.t.Helper()
	b.do("goto", args{"url": regexp.MustCompile(`http://localhost:\d+/setup#\S+`).FindString(s.Logs.String())}, nil)
	b.see("[role=alert]", "used already")
	b.see(".command", "sallyport operator add")
	b.accessible("a link that was used")
	b.do("goto", args{"url": b.base + "/setup#mistyped"}, nil)
	b.see("[role=alert]", "did not print it")
	b.click("a:has-text('Log in')")
	b.see("h1", "Log in")
}

// provesElsewhere logs in by the provider, which leads to the ask that the address
// named, and proves there who it is: the page goes on with what was written in it.
func (s *site) provesElsewhere(b *browser, client *http.Client) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer stop()
	before, code := s.Desk.List(), make(chan int, 1)
	go func() {
		code <- s.request(ctx, client, "POST", "https://shop.example.com/gifts", strings.Repeat("tea for bob\n", 20_000)+"and the last word\n", "Content-Type", "text/plain")
	}()
	s.waiting(len(before) + 1)
	ask := s.asked("/gifts")
	at := "/approvals?id=" + ask.ID
	b.click("[aria-label='Log out']")
	b.see("h1", "Log in")
	s.opensTheLinkAgain(b)
	b.visit(at)
	b.click("a:has-text('Log in with your provider')")
	b.see(".card", "tea for bob")
	b.until(`location.pathname + location.search === ` + "`" + at + "`")
	b.fill(".card textarea", "bob may have it")
	b.click(".card button:has-text('Show all of it')")
	b.see(".dialog h2", "Prove it is you")
	b.accessible("a proof at the provider")
	b.click(".dialog a:has-text('Prove it at your provider')")
	b.see(".whole", "tea for bob")
	b.gone(".dialog")
	b.until(`document.querySelector('.card textarea').value === 'bob may have it'`)
	b.click(".card-actions .main")
	if got := <-code; got != http.StatusOK {
		s.t.Errorf("after the yes: %d", got)
	}
	if r, ok := s.Desk.Get(ask.ID); !ok || r.By != "ana@acme.dev" || r.Note != "bob may have it" {
		s.t.Errorf("%s answered it, for the reason %q", r.By, r.Note)
	}
	b.visit("/audit")
	b.see("tbody tr:has-text('refused (403)')", "tried to read an action in full")
	b.see("tbody tr:has-text('done')", "read an action in full")
	b.visit("/proven?to=//evil.test")
	b.see("h1", "Proved")
	b.accessible("the end of a proof")
	b.until(`document.querySelector('.gate a').getAttribute('href') === '/'`)
	b.clean("a proof at the provider", "status of 401", "status of 403", "Push API in incognito")
}
