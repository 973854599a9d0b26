//go:build e2e

package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/lab/idp"
)

// An operator connects an account with the button, in a browser that is sent to another
// site and back.
func TestAnAccountIsConnectedByButton(t *testing.T) {
	as := idp.New(t, time.Now)
	s := &site{Lab: lab.New(t, empty+`
service "notes" {
  hosts = ["notes.example.com"]
  auth  = oauth2({ authorize_url = "`+as.URL+`/authorize", token_url = "`+as.URL+`/token", client_id = "gateway", refresh_token = secret.notes })
}
role "everyone" { use = [service.notes] }
`), t: t}
	as.Set(func(as *idp.Server) {
		as.Clients["gateway"], as.Back["gateway"] = "", []string{s.API.Connect.URLs()[0] + "/api/v1/connect/callback"}
	})
	b := s.enter()
	b.to("/services")
	b.see(".attention", "notes")
	b.click(".attention button:has-text('Connect')")
	b.click(".dialog button:has-text('Begin')")
	b.see(".dialog", "must know this address")
	b.accessible("a connection that is begun")
	if dir := os.Getenv("SALLYPORT_SHOTS"); dir != "" {
		b.shot(filepath.Join(dir, "connect-1280-light.png"), false)
	}
	var link string
	b.eval(`document.querySelector('.dialog a.main').href`, &link)
	b.clean("connecting")

	b.do("goto", args{"url": link}, nil)
	var text, at string
	b.eval(`document.body.innerText`, &text)
	b.eval(`location.href`, &at)
	if !strings.Contains(text, "Secret notes is connected") || strings.Contains(at, "code=") {
		t.Fatalf("the browser ends at %s: %s", at, text)
	}
	b.visit("/services")
	b.see("tbody td", "by ana@acme.dev")
	b.see("button", "Connect again")
	s.everyKind(b)
	s.takesAnOAuthAccount(b, as.URL)
	if wrong := as.Wrong(); len(wrong) > 0 {
		t.Errorf("the server complains of %q", wrong)
	}
}

// everyKind fills in every kind of account; each comes to a draft that loads.
func (s *site) everyKind(b *browser) {
	s.t.Helper()
	for _, protocol := range []struct {
		preset, host string
		kinds        []string
	}{
		{"http", "shop.example.com", []string{"bearer", "header", "basic", "query", "cookie", "oauth_client", "oauth_refresh", "oauth_code", "oauth_device", "mtls", "aws", "github_app", "gcp"}},
		{"postgres", "db.x.eu-central-1.rds.amazonaws.com", []string{"password", "pg_mtls", "rds"}},
	} {
		b.to("/services/new?preset=" + protocol.preset)
		b.fill(field("Name"), "shop")
		b.fill(field("Hosts"), protocol.host)
		for _, kind := range protocol.kinds {
			b.choose(field("Account"), kind)
			// Each field gets what it shows as an example, and a word where it shows none.
			b.eval(`document.querySelectorAll('.account-parts input').forEach((i) => {
				if (i.value || ['none', ''].includes(i.placeholder) && !/User|Client id/.test(i.labels[0].textContent)) return
				if (/Audience|dummy|Scopes|Resource|Client secret|API|Region|Endpoint|assume|kept as|^Secret/.test(i.labels[0].textContent)) return
				Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(i, i.placeholder || 'somebody')
				i.dispatchEvent(new Event('input', { bubbles: true }))
			})`, nil)
			b.see(".diff .d-in", map[string]string{
				"oauth_client": `"client_credentials"`, "oauth_refresh": `"refresh_token"`, "oauth_code": `"authorization_code"`, "oauth_device": `"device_code"`,
				"pg_mtls": `mtls("`, "aws": "aws_sigv4(", "rds": "aws_sigv4({", "gcp": "gcp_service_account(",
			}[kind])
			b.until(`!document.querySelector('.review button[type=submit]').disabled`)
		}
	}
	b.click(".check:has-text('a new role')")
	b.click(".account-each")
	b.see(".rule-page", "everyone: Fill in: User")
	b.eval(`document.querySelectorAll('.account-role input').forEach((i, n) => {
		if (i.labels[0].textContent !== 'User') return
		Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(i, 'user' + n)
		i.dispatchEvent(new Event('input', { bubbles: true }))
	})`, nil)
	b.see(".diff .d-in", "role.everyone = password(")
	b.see(".diff .d-in", "secret.shop_agents")
	b.until(`!document.querySelector('.review button[type=submit]').disabled`)
	b.accessible("an account that is filled in")
	b.clean("every kind of account", "status of 422")
}

// takesAnOAuthAccount sets a service up whose account somebody agrees to, and gives
// its roles accounts of their own afterwards.
func (s *site) takesAnOAuthAccount(b *browser, issuer string) {
	s.t.Helper()
	b.to("/services/new?preset=http")
	b.fill(field("Name"), "wiki")
	b.fill(field("Hosts"), "wiki.example.com")
	b.choose(field("Account"), "oauth_code")
	b.fill(field("Issuer"), issuer)
	b.fill(field("Client id"), "gateway")
	b.see(".diff .d-in", `oauth2({`)
	b.see(".diff .d-in", `[service.notes, service.wiki]`) // the only role is chosen already
	b.until(`!document.querySelector('.review button[type=submit]').disabled`)
	b.click(".review button[type=submit]")
	b.see("h1", "Set up wiki")
	b.click(".finish button:text-is('Connect')") // not "Test the connection"
	b.click(".dialog button:has-text('Begin')")
	b.see(".dialog", "must know this address")
	var link string
	b.eval(`document.querySelector('.dialog a.main').href`, &link)
	b.clean("a service with OAuth")
	b.do("goto", args{"url": link}, nil)
	b.visit("/services/new?made=wiki")
	b.see(".finish h2", "Its secret is set")

	b.to("/services")
	b.click("[aria-label='Account of wiki']")
	b.see(".facts", "oauth2({")
	b.see(".rule-page", "Nothing is changed yet")
	b.choose(field("Account"), "header")
	b.see(".rule-page", "Fill in: Header")
	b.fill(field("Header"), "X-Api-Key")
	b.see(".diff .d-in", `header("X-Api-Key", secret.wiki)`)
	b.see(".warn-box", "Only an admin")
	b.accessible("another account")

	b.to("/agents")
	b.click("[aria-label='Edit everyone']")
	b.see(".rule-page", "Nothing is changed yet")
	b.fill(field("Members"), "tag:ci, user:ana@acme.dev")
	b.see(".diff .d-in", `members = ["tag:ci", "user:ana@acme.dev"]`)
	b.accessible("a role in its form")
	b.until(`!document.querySelector('.review button[type=submit]').disabled`)
	b.click(".review button[type=submit]")
	b.see("h1", "Agents and roles")
	b.see("tbody td", "tag:ci, user:ana@acme.dev")
	b.clean("another account")
}
