package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
)

const accountsConf = `
service "db" {
  protocol = "postgres"
  hosts    = ["db.test"]
  auth = by_role({
    role.analyst = password("ro", secret.ro)
    role.auditor = password("ro", secret.ro)
    role.writer  = password("rw", secret.rw, "scram-sha-256")
  })
}
role "analyst" { use = [service.db] }
role "auditor" { use = [service.db] }
role "writer" {
  use   = [service.db]
  until = "2026-06-01T00:00:00Z"
}
role "guest" { use = [service.db] }
test "two accounts are one too many" {
  role    = [role.analyst, role.writer]
  at      = "2026-05-01T00:00:00Z"
  service = service.db
  sql     = "SELECT 1"
  expect  = "deny"
}
`

func TestT33_AnAgentHasTheAccountOfItsRole(t *testing.T) {
	before, after := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		roles   string
		at      time.Time
		want    string // user and method of the account
		refused string
	}{
		{"analyst", before, "ro", ""},
		{"writer", before, "rw scram-sha-256", ""},
		{"guest analyst", before, "ro", ""},
		{"analyst auditor", before, "ro", ""},
		{"analyst writer", before, "", "The roles analyst and writer of this agent have different accounts here"},
		{"guest", before, "", "this agent is in none of these: analyst, auditor, writer."},
		{"analyst writer", after, "ro", ""},
		{"writer", after, "", "No role of"},
	} {
		p := loaded(t, accountsConf)
		p.now = func() time.Time { return c.at }
		a := with(p, "db", sql(read, sqlFacts{}))
		a.Peer, a.Host, a.Dst = agent(strings.Fields(c.roles)...), "db.test", netip.MustParseAddrPort("198.18.0.1:5432")
		d := p.Decide(a)
		route, err := p.Route(a)
		if c.refused != "" {
			if d.Verdict != action.Deny || !strings.Contains(d.Reason, c.refused) {
				t.Errorf("%s: %+v", c.roles, d)
			}
			if err == nil {
				t.Errorf("%s: it is led to %s as %q", c.roles, route.Host, route.Auth.Name)
			}
			continue
		}
		if d.Verdict != action.Allow || err != nil {
			t.Errorf("%s: %+v, %v", c.roles, d, err)
			continue
		}
		if got := strings.TrimSpace(route.Auth.Name + " " + route.Auth.Least); got != c.want {
			t.Errorf("%s: account %q, want %q", c.roles, got, c.want)
		}
	}
}

func TestTheManifestSaysWhoHasNoAccount(t *testing.T) {
	p := loaded(t, accountsConf)
	p.now = func() time.Time { return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) }
	if m := p.Manifest(agent("guest")); !strings.Contains(m.Services[0].Credential, "in none of these") {
		t.Errorf("%+v", m)
	}
	if m := p.Manifest(agent("writer")); !strings.HasPrefix(m.Services[0].Credential, "Connect with any user") {
		t.Errorf("%+v", m)
	}
	if got := strings.Join(p.SecretNames(), " "); got != "ro rw" {
		t.Errorf("secrets %s", got)
	}
}
