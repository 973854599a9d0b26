# A team's gateway: two kinds of agents, a database, model APIs, an internal API.

gateway {
  wireguard {
    listen   = ":51820"
    endpoint = "gw.example.com:51820"
    subnet   = "10.77.0.0/16"
  }
  record {
    keep = "90d"
  }
}

secret "openai" {
  env = "OPENAI_API_KEY"
}

service "github" {}
service "openai" {}
service "anthropic" {}
service "slack" {}

service "billing" {
  description = "the billing API"
  hosts       = ["billing.internal"]
  upstream    = "10.30.4.7:8443"
  auth        = bearer(secret.billing)
  tls         = { server_name = "billing.internal" }

  operation "refund" {
    match  = "POST /v1/refunds"
    effect = "write"
  }
  operation "close an account" {
    match  = "POST /v1/accounts/*/close"
    effect = "destructive"
  }
}

service "app_db" {
  protocol  = "postgres"
  hosts     = ["db.internal:5432"]
  upstream  = "10.4.0.12:5432"
  databases = ["app", "reports"]
  auth      = password("agent_ro", secret.app_db)
  tls       = { server_name = "db.internal" }
}
