package policy

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	p := loaded(t, `
service "github" {}
service "app_db" {
  protocol = "postgres"
  hosts = ["db.internal", "10.4.0.0/24:5432"]
  auth = password("agent_ro", secret.app_db)
}
role "everyone" { use = [service.github, service.app_db] }
rule "no unbounded writes" {
  on      = [service.app_db]
  verbs   = ["update", "delete"]
  unless  = sql.has_where
  verdict = "deny"
  reason  = "Add a WHERE clause."
}
test "an analyst cannot drop tables" {
  role    = role.everyone
  service = service.app_db
  sql     = "DROP TABLE users"
  expect  = "deny"
}
test "reading an issue passes" {
  role    = role.everyone
  service = service.github
  request = "GET /repos/acme/site/issues/1"
  expect  = "allow"
}
`)
	for _, r := range p.Tests() {
		t.Log(r)
	}
}
