//go:build e2e

package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/netstack/wireguard"
)

const fresh = `
gateway {
  wireguard {
    listen = ":0"
  }
  dashboard {
    listen = "localhost:0"
  }
}

service "shop" {
  hosts = ["shop.example.com"]
  auth  = bearer(secret.shop)
  tls   = { ca = file("upstreams.pem") }
}

role "agents" { use = [service.shop] }
`

const firstRule = `
# Asked for by the bookkeepers.
rule "no order is deleted" {
  on      = [service.shop]
  methods = ["DELETE"] # and nothing else
  unless  = agent.name == "nobody"
  verdict = "deny"
  reason  = "Orders are kept."
}
`

// Somebody who knows nothing but the link that the gateway printed: they become the
// first operator, set a secret, enrol an agent, write a rule, see the agent denied,
// see why, answer it on a phone, and leave.
func TestTheFirstDay(t *testing.T) {
	s := &site{Lab: lab.New(t, fresh), t: t}
	s.API.Door.OIDC = s.newProvider()
	var asked string
	s.HTTPS("shop.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // the credential is what counts
		asked = r.Method + " " + r.Header.Get("Authorization")
	}))
	link := regexp.MustCompile(`http://localhost:\d+/setup#\S+`).FindString(s.Logs.String())
	if link == "" {
		t.Fatalf("no link was printed:\n%s", s.Logs)
	}
	base, _, _ := strings.Cut(link, "/setup")
	s.Desk.Hold = approval.DefaultTimeout // a busy machine may look at an ask for longer than a connection is held
	b := newBrowser(t, base)
	b.open(look{1280, 860, "light"})

	b.visit("/")
	b.see("h1", "Log in")
	b.accessible("the login")
	b.do("goto", args{"url": link}, nil)
	b.see("h1", "first operator")
	b.accessible("the first link")
	b.fill("input[name=name]", "ana@acme.dev")
	b.fill("input[name=password]", "correct horse battery staple")
	b.click("button[type=submit]")
	b.see("h2", "Set it up")
	b.see(".step.next", "secret")

	b.click(".step.next a")
	b.see(".attention", "shop")
	b.click(".attention button")
	b.fill(".dialog textarea", "the-shop's-own-token")
	b.accessible("a secret's form")
	b.click(".dialog button[type=submit]")
	b.gone(".attention")
	b.see("th", "shop")

	client := s.enrol(b)
	b.press("Escape")
	b.gone(".dialog")
	s.letsIn(b)

	b.visit("/policy")
	b.see(".cm-content", "service")
	b.click(".cm-content")
	b.press("Control+End")
	b.do("type", args{"text": "rule \"broken\" { verdict = \"dney\" "}, nil)
	b.see(".findings .error", "")
	b.see(".cm-lintRange-error, .cm-lint-marker-error", "")
	b.press("Control+a")
	b.eval(fmt.Sprintf(`document.execCommand('insertText', false, %q)`, fresh+"\nrule \"x\" {\n  on = [service.shop]\n  "), nil)
	b.do("type", args{"text": "verd"}, nil)
	b.see(".cm-completionInfo", "What becomes of the action")
	b.accessible("completion")
	b.click(".cm-tooltip-autocomplete li:has-text('verdict')")
	b.until(`document.querySelector('.cm-content').innerText.includes('  verdict = ""')`)
	b.press("Control+Space")
	b.click(".cm-tooltip-autocomplete li:has(.cm-completionLabel:text-is('deny'))")
	b.until(`document.querySelector('.cm-content').innerText.includes('  verdict = "deny"')`)
	b.press("Control+a")
	b.eval(fmt.Sprintf(`document.execCommand('insertText', false, %q)`, fresh+strings.NewReplacer("rule ", "rule   ", "  verdict = ", "verdict =   ").Replace(firstRule)), nil)
	b.click("button:has-text('Format')")
	b.until(`document.querySelector('.cm-content').innerText.includes('\n  verdict = "deny"\n')`)
	b.until(`!document.querySelector('.policy-bar .main').disabled && document.querySelector('.policy-bar').innerText.includes('The draft loads')`)
	b.click(".policy-bar .main")
	b.see(".diff .d-in", "no order is deleted")
	b.see(".impact [role=status]", "decided as before")
	b.accessible("the review")
	b.fill(".dialog input", "orders are the books")
	b.done(".dialog button[type=submit]", "Revision 2 is in force")
	b.click("[role=tab]:has-text('History')")
	b.see(".hcl-block", "orders are the books")
	s.editsInTheForm(b)

	if code := s.request(t.Context(), client, "DELETE", "https://shop.example.com/orders/17", ""); code != http.StatusForbidden {
		t.Errorf("the rule does not hold: %d", code)
	}
	b.visit("/activity")
	b.see(".vrow", "DELETE")
	b.click(".vrow:has-text('DELETE')")
	b.see(".action .reason", "Orders are kept")
	b.click("[role=tab]:has-text('Why')")
	b.see(".rule.hit", "no order is deleted")

	b.do("resize", args{"width": 360, "height": 740}, nil)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	code := make(chan int, 1)
	go func() {
		code <- s.request(ctx, client, "POST", "https://shop.example.com/orders", `{"item":"tea"}`, "Content-Type", "application/json")
	}()
	b.visit("/")
	b.see(".pending-link", "1")
	b.click(".pending-link")
	b.click(".inbox-item")
	b.see(".card", "tea")
	b.accessible("an ask on a phone")
	b.fill(".card textarea", "it is only tea")
	b.click(".card-actions .main")
	if got := <-code; got != http.StatusOK || asked != "POST Bearer the-shop's-own-token" {
		t.Errorf("after the yes: %d, the upstream saw %q", got, asked)
	}
	b.see("tbody tr", "ana@acme.dev")
	b.do("resize", args{"width": 1280, "height": 860}, nil)
	s.rulesOfAsks(b, client)
	b.visit("/audit")
	b.see("tbody tr", "approved an action")
	b.see("tbody tr", "set a secret")

	b.visit("/activity?q=method:POST")
	b.click(".vrow:has-text('POST')")
	b.click("a:has-text('Make a rule')")
	b.see("input[value='post on shop']", "")
	b.see(".impact-group", "deny")
	b.see(".impact .line", "POST")
	b.accessible("a rule from an action")
	if shots := os.Getenv("SALLYPORT_SHOTS"); shots != "" {
		b.shot(filepath.Join(shots, "rule-1280-light.png"), false)
	}
	b.clean("the first day")

	b.click("[aria-label='Log out']")
	b.see("h1", "Log in")
	b.fill("input[name=name]", "ana@acme.dev")
	b.fill("input[name=password]", "wrong")
	b.click("button[type=submit]")
	b.see(".field-error", "")
	b.fill("input[name=password]", "correct horse battery staple")
	b.click("button[type=submit]")
	b.see("h1", "New rule")

	// The next time without a password.
	b.do("authenticator", nil, nil)
	b.to("/settings")
	b.click("button:has-text('Add a passkey')")
	b.fill(".dialog input", "laptop")
	b.click(".dialog button[type=submit]")
	b.see(".lines .line", "laptop")
	b.accessible("the settings")
	b.click("[aria-label='Log out']")
	b.click("button:has-text('Use a passkey')")
	b.see("h1", "Settings")
	s.notices(b)
	s.provesElsewhere(b, client)
	s.Clean("the-shop's-own-token")
}

// editsInTheForm changes one value of the rule that stands there; all else stays.
func (s *site) editsInTheForm(b *browser) {
	s.t.Helper()
	var before, after string
	const text = `fetch('/api/v1/policy').then((r) => r.json()).then((p) => p.files[0].text)`
	b.eval(text, &before)
	b.click("[role=tab]:has-text('Blocks')")
	b.click(".hcl-block a:has-text('Edit in the form')")
	b.see("h1", "Edit rule")
	b.see(".condition", `agent.name == "nobody"`)
	b.see(".rule-page", "Nothing is changed yet")
	b.fill(field("Reason"), "Orders are kept for the books.")
	b.see(".diff .d-in", "for the books")
	b.accessible("a rule that is edited")
	s.narrows(b)
	if shots := os.Getenv("SALLYPORT_SHOTS"); shots != "" {
		b.shot(filepath.Join(shots, "rule-edited-1280-light.png"), false)
	}
	b.done(".review button[type=submit]", "Revision 3 is in force")
	b.eval(text, &after)
	want := strings.NewReplacer(
		"Orders are kept.", "Orders are kept for the books.",
		`  methods = ["DELETE"] # and nothing else
  unless  = agent.name == "nobody"
  verdict = "deny"
`, `  methods   = ["DELETE"] # and nothing else
  unless    = contains(["nobody", "robot"], agent.name)
  verdict   = "deny"
`, "  reason  = ", "  reason    = ", "  on      = ", "  on        = ").Replace(before)
	want = strings.Replace(want, `for the books."
`, `for the books."
  roles     = [role.agents]
  otherwise = "ask"
  hours     = ["mon-sun", "sat 10:00-12:00,13:00-14:00 Europe/Berlin"]
`, 1)
	if after != want {
		s.t.Errorf("the form left\n%s\nof\n%s", after, before)
	}
}

// narrows states in the form what few rules state. What is wrong with a condition is
// said where it stands.
func (s *site) narrows(b *browser) {
	s.t.Helper()
	write := func(text string) {
		b.click("[aria-label=Unless]")
		b.press("Control+a")
		b.press("Delete")
		b.eval(fmt.Sprintf(`document.execCommand('insertText', false, %q)`, text), nil)
	}
	write("")
	b.do("type", args{"text": "agent."}, nil) // whose letters are keys elsewhere
	b.see(".cm-tooltip-autocomplete", "agent.name")
	b.see("h1", "Edit rule")
	write(`agent.nam == "nobody"`)
	b.see(".field-remarks .bad", "did you mean agent.name?")
	b.until(`document.querySelector('.cm-lintRange-error')?.textContent === 'agent.nam'`)
	write(`agent.name == "nobody" &&`)
	b.see(".field-remarks .bad", "No expression")
	write(`agent.name == "nobody"`)
	b.gone(".field-remarks")
	write(`contains(["nobody", "robot"], agent.name)`)
	b.click(".checks-row label:text-is('agents')")
	b.fill(field("Hours"), "mon-sun; sat 10:00-12:00,13:00-14:00 Europe/Berlin")
	b.choose(field("Otherwise"), "ask")
	b.click(".check:has-text('Only observe')")
	b.see(".diff .d-in", `"observe"`)
	b.accessible("a rule with conditions")
	b.click(".check:has-text('Only observe')")
	b.until(`!document.querySelector('.diff').innerText.includes('observe') && !document.querySelector('.review button[type=submit]').disabled`)
	b.clean("a rule with conditions", "status of 400", "status of 422") // a draft that does not load
}

// letsIn lets a node of a tailnet in that has come by and waits. No tailnet is here:
// the roster is told what its node would tell it.
func (s *site) letsIn(b *browser) {
	s.t.Helper()
	_, err := s.Roster.Meet(s.t.Context(), "nCNTRL17", "build-mac")
	must(s.t, err)
	b.visit("/agents")
	b.see(".attention", "build-mac")
	b.accessible("a node that waits")
	b.click(".attention button:has-text('Let in')")
	b.click(".dialog label:has-text('agents')")
	b.accessible("letting a node in")
	b.done(".dialog .main", "build-mac is let in")
	b.gone(".dialog")
	b.gone(".attention")
	b.see("tbody tr:has-text('build-mac')", "agents")
	if a, ok := s.Roster.Get("build-mac"); !ok || !a.Approved || !slices.Equal(a.Roles, []string{"agents"}) {
		s.t.Errorf("let in as %+v", a)
	}
}

// notices has the browser show what a push service would bring it. No push service
// is reached from here, so that the subscription itself is package push's to prove.
func (s *site) notices(b *browser) {
	s.t.Helper()
	b.do("permit", nil, nil)
	b.to("/approvals")
	b.to("/settings")
	b.click("button:has-text('Tell this browser')")
	b.until(`navigator.serviceWorker.getRegistration('/').then((r) => !!r?.active)`)
	shown := func(is string) string {
		return `navigator.serviceWorker.getRegistration('/').then((r) => r.getNotifications()).then((l) => l.length === 1 && ` + is + `)`
	}
	b.do("push", args{"text": `{"title":"claude-ci asks","body":"DELETE github","url":"https://evil.example/approvals/X","tag":"X"}`,
		"shown": shown(`l[0].title === 'claude-ci asks' && l[0].body === 'DELETE github' && l[0].data.url === '/approvals'`)}, nil)
	b.do("push", args{"text": `{"title":"claude-ci asks","body":"POST github","url":"/approvals/01ARZ3NDEKTSV4RRFFQ69G5FAV","tag":"X"}`,
		"shown": shown(`l[0].data.url === '/approvals/01ARZ3NDEKTSV4RRFFQ69G5FAV'`)}, nil)
	b.to("/approvals")
	b.do("tap", nil, nil)
	b.until(`location.search === '?id=01ARZ3NDEKTSV4RRFFQ69G5FAV'`)
}

// enrol has the wizard make an agent and brings up its tunnel by what it shows.
func (s *site) enrol(b *browser) *http.Client {
	s.t.Helper()
	b.visit("/agents")
	b.see(".empty", "sallyport agent add")
	b.click(".page-tools .main")
	b.fill(".dialog input", "Not A Name")
	b.see(".field-error", "Small letters")
	b.fill(".dialog input", "laptop")
	b.accessible("the wizard")
	b.click(".dialog button[type=submit]")
	b.see("svg.qr", "")
	b.accessible("the configuration")
	conf := b.text(".enrolled .code")
	at := regexp.MustCompile(`Endpoint = .*`)
	if !at.MatchString(conf) || !strings.Contains(conf, "PrivateKey") {
		s.t.Fatalf("that is no configuration:\n%s", conf)
	}
	// The wizard shows where other machines reach the gateway; this one is the same.
	c, err := wireguard.NewClient(at.ReplaceAllString(conf, fmt.Sprintf("Endpoint = 127.0.0.1:%d", s.WG.Port())), nil)
	must(s.t, err)
	s.t.Cleanup(func() { c.Close() }) //nolint:errcheck // the test is over
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.CA.PEM())
	tr := &http.Transport{DialContext: c.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots}}
	s.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}
