//go:build e2e

package web

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A way to look at the pages; some proves the main ones only.
type view struct {
	name string
	look look
	some bool
}

func views() []view {
	return []view{
		{"1440 light", look{1440, 900, "light"}, false},
		{"360 dark", look{360, 740, "dark"}, false},
		{"1024 dark", look{1024, 768, "dark"}, true},
		{"360 light", look{360, 740, "light"}, true},
	}
}

// pictures are what the documentation shows; UPDATE=1 writes them anew.
func pictures() []string {
	return []string{
		"home-1440-light.png", "activity-open-1440-light.png", "policy-1024-dark.png", "approval-360-dark.png",
		"gallery-1440-light.png", "action-why-1440-light.png",
	}
}

// maxPicture is as large as a picture of the documentation may be.
const maxPicture = 200_000

// The pictures of the documentation are there, and small enough to be loaded by
// everybody who reads it.
func TestPictures(t *testing.T) {
	for _, name := range pictures() {
		f, err := os.Stat(filepath.Join("../../../docs/img", name))
		if err != nil {
			t.Errorf("%v: UPDATE=1 go test -tags e2e ./internal/e2e/web -run TestPages writes it", err)
			continue
		}
		if f.Size() > maxPicture {
			t.Errorf("%s is %d bytes, of at most %d", name, f.Size(), maxPicture)
		}
	}
}

// Every page in every look: no error, no refusal by the policy, nothing that axe
// finds, and nothing that is wider than the screen.
func TestPages(t *testing.T) {
	s := newSite(t, configuration+models+tools)
	s.Postgres("orders.example.com")
	laptop, ci := s.furnish()
	s.traffic(laptop, ci)
	s.think(laptop, ci)
	s.converse(laptop)
	s.call(laptop)
	s.asks(laptop)
	denied := s.Records("verdict:deny method:DELETE agent:laptop", 1)[0]
	answered := s.Records("/tokens", 1)[0]
	asked := s.asked("/issues")
	b := newBrowser(t, s.url)
	for _, v := range views() {
		b.open(v.look)
		for _, p := range []struct{ name, path, at, text string }{
			{"home", "/", ".tile-value", "3"},
			{"activity", "/activity", ".vrow", ""},
			{"activity-open", "/activity?q=verdict:deny&sel=" + denied.ID, ".action", "Repositories are not deleted"},
			{"activity-empty", "/activity?q=agent:nobody", ".empty", "Nothing was recorded"},
			{"action-why", "/actions/" + denied.ID + "?tab=why", ".rule.hit", "no repository is deleted"},
			{"action-request", "/actions/" + denied.ID, "table.kv", "octo-agent"},
			{"action-answer", "/actions/" + answered.ID, ".exchange", "Set-Cookie"},
			{"action-record", "/actions/" + denied.ID + "?tab=record", "dl.facts", "for who may read bodies"},
			{"sessions", "/sessions", "tbody tr", "laptop"},
			{"session", "/sessions/" + denied.Session, ".moment", "DELETE"},
			{"session-sql", "/sessions/" + denied.Session + "?kind=sql", ".moment", "SQL"},
			{"session-tools", "/sessions/" + denied.Session + "?kind=tool", ".moment", "search_issues"},
			{"docs", "/docs/dashboard", ".prose h1", "The dashboard"},
			{"docs-api", "/docs/api", ".routes .route-path", "/"},
			{"docs-examples", "/docs/configuration", ".prose .code-box", ""},
			{"trial", "/policy/test?from=" + denied.ID, ".diff .d-in", "DELETE"},
			{"approvals", "/approvals", ".inbox-item, .card", ""},
			{"approval", "/approvals?id=" + asked.ID, ".card", "coupons"},
			{"agents", "/agents", "tbody tr", "ci-runner-1"},
			{"agent", "/agents/laptop", ".access", "github"},
			{"role", "/roles/edit?role=ci", ".rule-page", "Nothing is changed yet"},
			{"rule", "/policy/new?rule=no+repository+is+deleted", ".condition", "startswith"},
			{"policy", "/policy", ".cm-content", "service"},
			{"policy-blocks", "/policy?view=blocks", ".hcl-block", "github"},
			{"policy-history", "/policy?view=history", ".hcl-block", "Revision"},
			{"services", "/services", "tbody tr", "payments"},
			{"gallery", "/services/new", ".preset", "github"},
			{"gallery-setup", "/services/new?preset=stripe", ".diff .d-in", "service"},
			{"gallery-made", "/services/new?made=payments", ".finish textarea", ""},
			{"usage", "/usage", ".legend .num", "$"},
			{"usage-models", "/usage?by=model&show=tokens&since=24h", ".legend li", "img src=x"},
			{"audit", "/audit", "tbody tr, .empty", ""},
			{"settings", "/settings", ".facts", "ready"},
			{"nothing", "/no/such/page", "h1", "no such page"},
		} {
			if v.some && !slices.Contains([]string{"home", "activity-open", "approval", "policy"}, p.name) {
				continue
			}
			what := p.name + " at " + v.name
			b.visit(p.path)
			b.see(p.at, p.text)
			b.still(what) // before anything is done there: what a click brings may move the rest
			switch p.name {
			case "usage":
				s.sameNumbers(b)
			case "action-answer":
				revealed(b)
			case "session":
				s.told(b)
			case "session-tools":
				s.onlyTools(b)
			case "docs-api":
				s.documented(b)
			case "docs-examples":
				s.uncovered(b)
			case "settings":
				b.see(".facts", "90 days")
				b.see(".facts", "signed")
				b.see(".code", "alerts {") // which nobody has written yet
			}
			file := strings.ReplaceAll(p.name+" "+v.name, " ", "-") + ".png"
			if shots := os.Getenv("SALLYPORT_SHOTS"); shots != "" {
				b.shot(filepath.Join(shots, file), false)
			}
			if os.Getenv("UPDATE") != "" && slices.Contains(pictures(), file) {
				b.shot(filepath.Join("../../../docs/img", file), false)
			}
			b.accessible(what)
			var over int
			b.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth", &over)
			if over > 0 {
				t.Errorf("%s: the page is %d px wider than the screen", what, over)
			}
			b.clean(what)
		}
	}
	s.byKeyboard(b)
	b.clean("the keyboard")
}

// revealed has the bodies of an action shown, which nothing is of before.
func revealed(b *browser) {
	b.t.Helper()
	const body = "[aria-label='what came back']"
	if b.count(body) > 0 {
		b.t.Error("a body is shown that nobody asked for")
	}
	b.click("button:has-text('Show the body')")
	b.see(body, "\"site_admin\": false")
	b.see(body+" mark.gone", "[hidden]")
	b.see(body+" mark.ghost", "U+202E")
	if text := b.text(body); strings.Contains(text, "a-new-one") {
		b.t.Errorf("a token is shown: %s", text)
	}
}
