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
	if wrong := as.Wrong(); len(wrong) > 0 {
		t.Errorf("the server complains of %q", wrong)
	}
}
