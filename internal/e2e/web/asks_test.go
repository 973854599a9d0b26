//go:build e2e

package web

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// rulesOfAsks has an ask read in full and made a rule, and a service that an agent
// proposes taken over into the policy.
func (s *site) rulesOfAsks(b *browser, client *http.Client) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer stop()
	shot := func(name string) {
		if shots := os.Getenv("SALLYPORT_SHOTS"); shots != "" {
			b.shot(filepath.Join(shots, name+"-1280-light.png"), false)
		}
	}
	code := make(chan int, 1)
	body := strings.Repeat("tea for bob\u202e\n", 20_000) + "and the last word\n"
	go func() {
		code <- s.request(ctx, client, "POST", "https://shop.example.com/orders/12345678/lines", body, "Content-Type", "text/plain")
	}()
	b.visit("/approvals")
	b.see(".card", "tea for bob")
	b.click(".card button:has-text('Show all of it')")
	b.see(".whole", "tea for bob")
	b.see(".whole-bar", "Bytes 0 to")
	b.click(".whole-bar button:has-text('End')")
	b.see(".whole", "and the last word")
	b.see(".whole .ghost", "")
	b.accessible("all of an ask")
	shot("whole")
	b.click(".card button:has-text('Make it a rule')")
	b.see("h1", "New rule")
	b.see(".from-ask", "The ask itself")
	b.see("input[value='/orders/*/lines']", "")
	b.see(".diff .d-in", "/orders/*/lines")
	b.accessible("a rule from an ask")
	shot("rule-from-ask")
	b.done(".review button[type=submit]", "the ask still waits for your answer")
	b.see(".card", "tea for bob")
	b.click(".card-actions .main")
	if got := <-code; got != http.StatusOK {
		s.t.Errorf("after the yes: %d", got)
	}
	if got := s.request(ctx, client, "POST", "https://shop.example.com/orders/87654321/lines", "more tea", "Content-Type", "text/plain"); got != http.StatusOK {
		s.t.Errorf("by the rule: %d", got)
	}

	if got := s.request(ctx, client, "POST", "http://sallyport.internal/requests", `{"host":"api.tea.example.org","reason":"to order more\"}"}`, "Content-Type", "application/json"); got != http.StatusAccepted {
		s.t.Errorf("a proposal: %d", got)
	}
	b.visit("/approvals")
	b.see(".card", "a service for api.tea.example.org")
	b.see(".card .code", `service "api_tea_example_org"`)
	b.accessible("a proposal")
	shot("proposal")
	b.click(".card button:has-text('Open it in the policy editor')")
	b.see(".cm-content", "api_tea_example_org")
	b.see(".from-ask", "Every agent in role")
	b.until(`!document.querySelector('.policy-bar .main').disabled && document.querySelector('.policy-bar').innerText.includes('The draft loads')`)
	shot("proposal-in-the-editor")
	b.click(".policy-bar .main")
	b.see(".diff .d-in", "api_tea_example_org")
	b.done(".dialog button[type=submit]", "in force")
	b.gone(".dialog")
	for deadline := time.Now().Add(time.Minute); s.Desk.Pending() > 0; s.Desk.Fulfil() {
		if time.Now().After(deadline) {
			s.t.Fatal("the proposal is not done")
		}
		b.until("true") // a turn of the page
	}
	b.visit("/approvals")
	b.see("tbody tr", "done")
	b.visit("/audit")
	b.see("tbody tr", "read an action in full")
}
