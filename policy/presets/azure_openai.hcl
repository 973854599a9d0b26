# OpenAI's models on Azure. Which resource is asked is the host's matter: state
# hosts = ["acme.openai.azure.com"] and preset = "azure_openai". A deployment is a
# model of its own name.
service "azure_openai" {
  description = "Azure OpenAI"
  protocol    = "http"
  auth        = header("api-key", secret.azure_openai)
  env         = ["AZURE_OPENAI_API_KEY"]
  posture     = "guarded"
  probe       = "GET /openai/v1/models"
  # Azure does not tell /OpenAI from /openai.
  case_insensitive_paths = true

  operation "chat" {
    match  = ["POST /openai/deployments/*/chat/completions", "POST /openai/v1/chat/completions"]
    effect = "read"
    as     = "llm"
  }
  operation "responses" {
    match  = ["POST /openai/responses", "POST /openai/v1/responses"]
    effect = "read"
    as     = "llm"
  }
  operation "completions" {
    match  = "POST /openai/deployments/*/completions"
    effect = "read"
    as     = "llm"
  }
  operation "embeddings" {
    match  = ["POST /openai/deployments/*/embeddings", "POST /openai/v1/embeddings"]
    effect = "read"
    as     = "llm"
  }
  operation "images" {
    match = [
      "POST /openai/deployments/*/images/generations", "POST /openai/deployments/*/images/edits",
      "POST /openai/v1/images/generations", "POST /openai/v1/images/edits",
    ]
    effect = "read"
  }
  operation "audio" {
    match = [
      "POST /openai/deployments/*/audio/speech", "POST /openai/deployments/*/audio/transcriptions",
      "POST /openai/deployments/*/audio/translations",
    ]
    effect = "read"
  }

  operation "files" {
    match  = ["POST /openai/files", "POST /openai/files/import", "POST /openai/v1/files"]
    effect = "write"
  }
  operation "batches" {
    match  = ["POST /openai/batches", "POST /openai/batches/*/cancel", "POST /openai/v1/batches", "POST /openai/v1/batches/*/cancel"]
    effect = "write"
  }
  operation "fine_tuning" {
    match  = ["POST /openai/fine_tuning/jobs", "POST /openai/fine_tuning/jobs/*/cancel", "POST /openai/v1/fine_tuning/jobs", "POST /openai/v1/fine_tuning/jobs/*/cancel"]
    effect = "write"
  }
  # Deployments are what the account pays for.
  operation "deployments" {
    match  = ["POST /openai/deployments", "PUT /openai/deployments/*", "PATCH /openai/deployments/*", "DELETE /openai/deployments/*"]
    effect = "admin"
  }
}
