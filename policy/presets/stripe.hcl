# Stripe. Reads pass, what charges or changes asks, what takes away or hands out
# access is refused. Stripe takes changes as forms: http.form.amount and its kin
# are what rules read.
service "stripe" {
  description = "Stripe"
  protocol    = "http"
  hosts       = ["api.stripe.com", "files.stripe.com"]
  auth        = bearer(secret.stripe)
  env         = ["STRIPE_API_KEY"]
  posture     = "guarded"
  probe       = "GET /v1/balance"

  # Searches are asked by GET; a preview changes nothing.
  operation "invoices.preview" {
    match  = "POST /v1/invoices/create_preview"
    effect = "read"
  }
  # Money that goes out, and does not come back
  operation "refunds" {
    match  = ["POST /v1/refunds", "POST /v1/charges/*/refund", "POST /v1/charges/*/refunds"]
    effect = "destructive"
  }
  operation "payouts" {
    match = [
      "POST /v1/payouts", "POST /v1/payouts/*/*", "POST /v1/transfers", "POST /v1/transfers/*/reversals", "POST /v1/topups",
      "POST /v1/treasury/outbound_payments", "POST /v1/treasury/outbound_transfers",
    ]
    effect = "destructive"
  }
  # A dispute that is closed is lost, for good.
  operation "disputes.close" {
    match  = "POST /v1/disputes/*/close"
    effect = "destructive"
  }
  operation "cancel" {
    match = [
      "POST /v1/payment_intents/*/cancel", "POST /v1/invoices/*/void", "POST /v1/invoices/*/mark_uncollectible",
      "POST /v1/subscription_schedules/*/cancel", "POST /v1/subscription_schedules/*/release",
    ]
    effect = "destructive"
  }
  # Who is told, who may, where the money goes
  operation "webhooks" {
    match = [
      "POST /v1/webhook_endpoints", "POST /v1/webhook_endpoints/*", "DELETE /v1/webhook_endpoints/*",
      "POST /v2/core/event_destinations", "POST /v2/core/event_destinations/**", "DELETE /v2/core/event_destinations/*",
    ]
    effect = "admin"
  }
  operation "accounts" {
    match = [
      "POST /v1/accounts", "POST /v1/accounts/**", "DELETE /v1/accounts/**", "POST /v1/account_links",
      "POST /v1/account_sessions", "POST /v2/core/accounts", "POST /v2/core/accounts/**",
    ]
    effect = "admin"
  }
  operation "credentials" {
    match  = ["POST /v1/ephemeral_keys", "DELETE /v1/ephemeral_keys/*", "* /v1/apps/secrets", "* /v1/apps/secrets/**"]
    effect = "admin"
  }
  # Asked with expand it gives card numbers in the clear.
  operation "issuing.details" {
    match  = "GET /v1/issuing/cards/*"
    effect = "unknown"
  }
}
