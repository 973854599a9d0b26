//go:build e2e

package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The looks that every page is proved in.
func looks() map[string]look {
	return map[string]look{
		"1440 light": {1440, 900, "light"},
		"1024 dark":  {1024, 768, "dark"},
		"360 light":  {360, 740, "light"},
		"360 dark":   {360, 740, "dark"},
	}
}

// Every page in every look: no error, no refusal by the policy, nothing that axe
// finds, and nothing that is wider than the screen.
func TestPages(t *testing.T) {
	s := newSite(t, configuration)
	s.Postgres("orders.example.com")
	laptop, ci := s.furnish()
	s.traffic(laptop, ci)
	s.asks(laptop)
	denied := s.Records("verdict:deny method:DELETE agent:laptop", 1)[0]
	asked := s.asked("/issues")
	b := newBrowser(t, s.url)
	for name, l := range looks() {
		b.open(l)
		for _, p := range []struct{ name, path, at, text string }{
			{"home", "/", ".tile-value", "3"},
			{"activity", "/activity", ".vrow", ""},
			{"activity-open", "/activity?q=verdict:deny&sel=" + denied.ID, ".action", "Repositories are not deleted"},
			{"activity-empty", "/activity?q=agent:nobody", ".empty", "Nothing was recorded"},
			{"action-why", "/actions/" + denied.ID + "?tab=why", ".rule.hit", "no repository is deleted"},
			{"action-request", "/actions/" + denied.ID, "table.kv", "octo-agent"},
			{"action-record", "/actions/" + denied.ID + "?tab=record", ".hash", ""},
			{"sessions", "/sessions", "tbody tr", "laptop"},
			{"session", "/sessions/" + denied.Session, ".moment", "DELETE"},
			{"approvals", "/approvals", ".inbox-item, .card", ""},
			{"approval", "/approvals?id=" + asked.ID, ".card", "coupons"},
			{"agents", "/agents", "tbody tr", "ci-runner-1"},
			{"agent", "/agents/laptop", ".access", "github"},
			{"policy", "/policy", ".cm-content", "service"},
			{"policy-blocks", "/policy?view=blocks", ".hcl-block", "github"},
			{"policy-history", "/policy?view=history", ".hcl-block", "Revision"},
			{"services", "/services", "tbody tr", "payments"},
			{"audit", "/audit", "tbody tr, .empty", ""},
			{"settings", "/settings", ".facts", "ready"},
			{"nothing", "/no/such/page", "h1", "no such page"},
		} {
			what := p.name + " at " + name
			b.visit(p.path)
			b.see(p.at, p.text)
			if shots := os.Getenv("SALLYPORT_SHOTS"); shots != "" {
				b.shot(filepath.Join(shots, strings.ReplaceAll(p.name+" "+name, " ", "-")+".png"), false)
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
}
