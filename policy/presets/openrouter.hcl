# OpenRouter. Asking a model passes; keys and money are refused.
service "openrouter" {
  description = "OpenRouter"
  protocol    = "http"
  hosts       = ["openrouter.ai"]
  auth        = bearer(secret.openrouter)
  env         = ["OPENROUTER_API_KEY"]
  posture     = "guarded"
  probe       = "GET /api/v1/key"

  operation "chat" {
    match  = "POST /api/v1/chat/completions"
    effect = "read"
    as     = "llm"
  }
  operation "responses" {
    match  = ["POST /api/v1/responses", "POST /api/alpha/responses", "POST /api/beta/responses"]
    effect = "read"
    as     = "llm"
  }
  operation "messages" {
    match  = "POST /api/v1/messages"
    effect = "read"
    as     = "llm"
  }
  operation "completions" {
    match  = "POST /api/v1/completions"
    effect = "read"
    as     = "llm"
  }
  operation "embeddings" {
    match  = "POST /api/v1/embeddings"
    effect = "read"
    as     = "llm"
  }
  # Reading keys tells what others may use; making one hands out access.
  operation "keys" {
    match  = ["* /api/v1/keys", "* /api/v1/keys/**", "POST /api/v1/auth/**"]
    effect = "admin"
  }
  operation "credits" {
    match  = "POST /api/v1/credits/**"
    effect = "admin"
  }
}
