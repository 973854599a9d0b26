//go:build e2e

package web

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/internal/lab"
)

const empty = `
gateway {
  wireguard {
    listen = ":0"
  }
  dashboard {
    listen = "localhost:0"
  }
}
`

// field is a place that somebody writes into, by the words above it.
func field(label string) string {
	return fmt.Sprintf(".field:has(label:text-is(%q)) :is(input, select, textarea)", label)
}

// to goes to a page as a link does, without loading the document again.
func (b *browser) to(path string) {
	b.t.Helper()
	b.do("to", args{"path": path}, nil)
}

// done clicks and waits for the word about what that did; a word that was said before
// does not count.
func (b *browser) done(at, word string) {
	b.t.Helper()
	b.do("done", args{"at": at, "text": word}, nil)
}

func (b *browser) choose(at, text string) {
	b.t.Helper()
	b.do("choose", args{"at": at, "text": text}, nil)
}

// enter opens the link that the gateway printed and becomes the first operator.
func (s *site) enter() *browser {
	s.t.Helper()
	link := regexp.MustCompile(`http://localhost:\d+/setup#\S+`).FindString(s.Logs.String())
	base, _, ok := strings.Cut(link, "/setup")
	if !ok {
		s.t.Fatalf("no link was printed:\n%s", s.Logs)
	}
	s.Desk.Hold = approval.DefaultTimeout // a busy machine may look at an ask for longer than a connection is held
	b := newBrowser(s.t, base)
	b.open(look{1280, 860, "light"})
	b.do("goto", args{"url": link}, nil)
	b.see("h1", "first operator")
	b.fill("input[name=name]", "ana@acme.dev")
	b.fill("input[name=password]", "correct horse battery staple")
	b.click("button[type=submit]")
	b.see("h2", "Set it up")
	return b
}

// Somebody with nothing but the printed link: a service out of the gallery, its
// secret, the way there tried, an agent, a denied action, a rule made of it with
// what it changes, and a yes on a phone.
func TestTheNewcomer(t *testing.T) {
	const secret = "the-shop's-own-token"
	s := &site{Lab: lab.New(t, empty), t: t}
	var asked string
	s.HTTPS("shop.example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.Header.Get("Authorization")
	}))
	b := s.enter()

	b.see(".step.next", "Declare a service")
	b.click(".step.next a")
	b.see(".preset", "github")
	b.fill(".gallery-find input", "any api at all")
	b.see(".empty", "No preset")
	b.fill(".gallery-find input", "an http api")
	b.click(".preset")
	b.see("p", "Give it a name")
	b.fill(field("Name"), "shop")
	b.fill(field("Hosts"), "shop.example.com")
	b.fill(field("CA, if it is your own"), "upstreams.pem")
	b.choose(field("Account"), "bearer")
	b.fill(field("Secret"), "shop")
	b.see(".diff .d-in", `service "shop"`)
	b.see(".diff .d-in", `role "agents"`)
	b.see(".warn-box", "upstreams.pem")
	b.see(".impact [role=status]", "reads upstreams.pem")
	b.accessible("the gallery's form")
	b.done(".review button[type=submit]", "in force")

	b.see("h1", "Set up shop")
	b.fill(".finish textarea", secret)
	b.click(".finish button:has-text('Save')")
	b.see(".finish h2", "Its secret is set")
	b.click(".contact-ask .main")
	b.see(".contact-steps .ok", "the certificate is good")
	b.see(".contact-steps .skipped", "probe")
	b.accessible("a tried connection")

	client := s.enrol(b)
	b.press("Escape")
	b.gone(".dialog")
	if code := s.request(t.Context(), client, "DELETE", "https://shop.example.com/orders/17", ""); code != http.StatusForbidden {
		t.Fatalf("a DELETE is not denied: %d", code)
	}

	b.to("/activity?q=verdict:deny")
	b.click(".vrow:has-text('DELETE')")
	b.see(".action .reason", "")
	b.click("[role=tab]:has-text('Why')")
	b.see("[role=tabpanel]", "posture")
	b.click("a:has-text('Make a rule')")
	b.see("input[value='delete on shop']", "")
	b.choose(field("Verdict"), "ask")
	b.see(".impact-group", "ask")
	b.see(".impact .line", "DELETE")
	b.accessible("a rule from a denied action")
	b.done(".review button[type=submit]", "in force")

	b.do("resize", args{"width": 360, "height": 740}, nil)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	code := make(chan int, 1)
	go func() { code <- s.request(ctx, client, "DELETE", "https://shop.example.com/orders/17", "") }()
	b.to("/")
	b.see(".pending-link", "1")
	b.click(".pending-link")
	b.click(".inbox-item")
	b.see(".card", "DELETE")
	b.accessible("an ask on a phone")
	b.fill(".card textarea", "that order is a test")
	b.click(".card-actions .main")
	if got := <-code; got != http.StatusOK || asked != "DELETE Bearer "+secret {
		t.Errorf("after the yes: %d, the upstream saw %q", got, asked)
	}
	b.do("resize", args{"width": 1280, "height": 860}, nil)
	b.clean("the newcomer's day", "status of 403") // nothing is replayed by a file that is not read yet

	s.keeps(b)
	s.races(b)
	s.reads(b)
	s.Clean(secret)
	s.Clean("the-shop's-next-token")
}

// keeps makes a test of the action, saves a view, and takes a secret back.
func (s *site) keeps(b *browser) {
	s.t.Helper()
	b.to("/activity?q=method:DELETE+asked:yes") // not the first one, which was denied
	b.click(".vrow:has-text('DELETE')")
	b.click("a:has-text('Add as a test')")
	b.see("h1", "New test")
	b.see(".diff .d-in", `request = "DELETE https://shop.example.com/orders/17"`)
	b.see(".review", "1 test block passed")
	b.accessible("a test from an action")
	b.choose(field("Must come to"), "deny")
	b.see(".findings .error", "")
	b.choose(field("Must come to"), "ask")
	b.see(".review", "1 test block passed")
	b.done(".review button[type=submit]", "in force")

	b.to("/activity?q=verdict:deny&since=24h")
	b.click(".views-box > button")
	b.see(".views", "None is saved yet")
	b.fill(".views form input", "denied today")
	b.click(".views form button")
	b.see(".views-item.here", "denied today")
	b.accessible("saved views")
	b.press("Escape")
	b.gone(".views")
	b.to("/activity")
	b.press("Control+k")
	b.fill(".palette input", "denied today")
	b.see(".palette-item", "saved view")
	b.press("Enter")
	b.until(`location.search === '?q=verdict%3Adeny&since=24h'`)

	b.to("/services")
	b.click("button:has-text('Replace')")
	b.fill(".dialog textarea", "the-shop's-next-token")
	b.click(".dialog button[type=submit]")
	b.gone(".dialog")
	b.see("tbody td", "before it 1")
	b.click("button:has-text('Roll back')")
	b.see(".dialog", "version 1")
	b.done(".dialog .main", "the value of version 1 again")
	b.gone(".dialog")
	b.see("tbody td", "by ana@acme.dev")
	b.accessible("services and secrets")
	b.click("[aria-label='Test shop']")
	b.click(".dialog .contact-ask .main")
	b.see(".dialog .contact-steps .ok", "connected to")
	b.press("Escape")
	b.clean("what is kept", "status of 422") // a test that fails is not replayed
}

// races has somebody else change the policy while a draft is written.
func (s *site) races(b *browser) {
	s.t.Helper()
	b.to("/policy")
	b.see(".cm-content", "service")
	var text string
	b.eval(`fetch('/api/v1/policy').then((r) => r.json()).then((p) => p.files[0].text)`, &text)
	mine := strings.Replace(text, "verdict = \"ask\"", "verdict = \"deny\"", 1)
	if mine == text {
		s.t.Fatalf("no rule to change:\n%s", text)
	}
	b.click(".cm-content")
	b.press("Control+a")
	b.eval(fmt.Sprintf(`document.execCommand('insertText', false, %q)`, strings.Replace(mine, `expect  = "ask"`, `expect  = "deny"`, 1)+"\n# mine\n"), nil)
	b.until(`!document.querySelector('.policy-bar .main').disabled && document.querySelector('.policy-bar').innerText.includes('The draft loads')`)

	theirs := strings.Replace(text, "verdict = \"ask\"", "verdict = \"ask\"\n  reason  = \"Orders are kept.\"", 1)
	b.until(fmt.Sprintf(`fetch('/api/v1/policy').then((r) => r.json()).then((p) => fetch('/api/v1/policy/files/' + p.files[0].name, {
		method: 'PUT', headers: { 'Content-Type': 'application/json', 'If-Match': '"' + p.revision + '"' }, body: JSON.stringify({ text: %q, note: 'theirs' }) })).then((r) => r.ok)`, theirs))
	b.click(".policy-bar .main")
	b.click(".dialog button[type=submit]")
	b.see(".conflict legend", `rule "delete on shop"`)
	b.see(".merge-settled", "# mine")
	b.accessible("a merge")
	b.click(".conflict [aria-label='Take yours']")
	b.click(".merge .dialog-foot .main")
	b.gone(".dialog")
	b.until(`document.querySelector('.policy-bar').innerText.includes('The draft loads')`)
	b.click(".policy-bar .main")
	b.done(".dialog button[type=submit]", "in force")
	b.eval(`fetch('/api/v1/policy').then((r) => r.json()).then((p) => p.files[0].text)`, &text)
	if !strings.Contains(text, "# mine") || !strings.Contains(text, `verdict = "deny"`) {
		s.t.Errorf("the merge is not what stands now:\n%s", text)
	}
	b.clean("a race", "status of 412")
}

// reads looks something up in the documentation, offline.
func (s *site) reads(b *browser) {
	s.t.Helper()
	b.press("Control+k")
	b.fill(".palette input", "postures")
	b.see(".palette-item", "docs")
	b.press("Escape")
	b.to("/docs")
	b.see(".prose h1", "")
	b.accessible("the docs")
	b.to("/docs/dashboard")
	b.see(".prose h1", "The dashboard")
	b.until(`[...document.querySelectorAll('.prose img')].every((i) => { i.loading = 'eager'; return i.complete && i.naturalWidth > 0 })`)
	b.fill(".docs-find input", "posture guarded")
	b.press("Enter")
	b.see(".docs-hit", "")
	b.click(".docs-hit a")
	b.see(".prose", "guarded")
	b.clean("the docs")
}
