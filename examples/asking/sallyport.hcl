# A model looks first, then people answer in Slack. The model can only make things
# stricter: it denies, or passes on. Refunds take a fresh proof of who says yes.

gateway {
  wireguard {}
  slack {
    app_token = secret.slack_app
    bot_token = secret.slack_bot
  }
}

service "anthropic" {} # for the judge; no role uses it, so agents do not reach it

service "crm" {
  description = "Customers and their orders"
  hosts       = ["crm.acme.dev"]
  auth        = bearer(secret.crm)

  operation "refund" {
    match  = "POST /v1/orders/*/refunds"
    effect = "write"
  }
}

role "support" {
  use = [service.crm]
}

judge "customers" {
  service = service.anthropic
  model   = "claude-haiku-4-5"
  prompt  = file("judges/customers.md")
  cache   = "10m"
}

approver "oncall" {
  members = ["ana@acme.dev", "bo@acme.dev"]
  notify  = slack("#agent-approvals")
}

approver "money" {
  members = ["ana@acme.dev"]
  step_up = true
  timeout = "1h"
  notify  = [slack("#agent-approvals"), webhook("https://hooks.acme.dev/sallyport", secret.hook_key)]
}

rule "customers are looked at twice" {
  on        = [service.crm]
  paths     = ["/v1/customers/**"]
  effects   = ["write"]
  approvers = [judge.customers, approver.oncall]
  verdict   = "ask"
}

rule "money needs Ana" {
  on         = [service.crm]
  operations = ["refund"]
  approvers  = [approver.money]
  verdict    = "ask"
}
