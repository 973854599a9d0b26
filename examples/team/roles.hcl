role "coder" {
  use = [service.github, service.openai, service.anthropic, service.slack]
}

role "analyst" {
  use = [service.openai, service.app_db, service.billing]
}

rule "no unbounded writes" {
  on      = [service.app_db]
  verbs   = ["update", "delete"]
  unless  = sql.has_where
  verdict = "deny"
  reason  = "Add a WHERE clause."
}

rule "personal data needs a yes" {
  on      = [service.app_db]
  tables  = ["users", "payments.*", "!payments.currencies"]
  verdict = "ask"
  reason  = "These tables hold personal data."
}

# sallyport:ignore views-not-expanded: agent_ro is granted no view over these tables
rule "card numbers stay home" {
  on      = [service.app_db]
  columns = ["payments.*.number", "users.iban"]
  verdict = "deny"
  reason  = "Work with the last four digits."
}

rule "billing is for office hours" {
  on      = [service.billing]
  effects = ["write"]
  unless  = during("mon-fri 09:00-18:00 Europe/Berlin")
  verdict = "deny"
  reason  = "Refunds wait for the morning."
}

test "an analyst cannot drop tables" {
  role     = role.analyst
  service  = service.app_db
  database = "app"
  sql      = "DROP TABLE users"
  expect   = "deny"
}

test "an unbounded delete is stopped by its rule" {
  role     = role.analyst
  service  = service.app_db
  database = "app"
  sql      = "DELETE FROM carts"
  rule     = "no unbounded writes"
  expect   = "deny"
}

test "reading an issue passes" {
  role    = role.coder
  service = service.github
  request = "GET /repos/acme/site/issues/1"
  expect  = "allow"
}

test "deleting a repository does not" {
  role    = role.coder
  request = "DELETE https://api.github.com/repos/acme/site"
  expect  = "deny"
}
