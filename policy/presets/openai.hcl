# OpenAI. Asking a model passes; what is kept on the account asks; deleting is
# refused, and so is the administration of the organisation.
service "openai" {
  description = "The OpenAI API"
  protocol    = "http"
  hosts       = ["api.openai.com"]
  auth        = bearer(secret.openai)
  env         = ["OPENAI_API_KEY"]
  posture     = "guarded"
  probe       = "GET /v1/models"

  # Inference: nothing outlives the answer but what the vendor keeps of it.
  operation "chat" {
    match  = "POST /v1/chat/completions"
    effect = "read"
    as     = "llm"
  }
  operation "responses" {
    match = [
      "POST /v1/responses", "POST /v1/responses/compact", "POST /v1/responses/input_tokens",
      "POST /v1/responses/*/cancel",
    ]
    effect = "read"
    as     = "llm"
  }
  operation "completions" {
    match  = "POST /v1/completions"
    effect = "read"
    as     = "llm"
  }
  operation "embeddings" {
    match  = "POST /v1/embeddings"
    effect = "read"
    as     = "llm"
  }
  operation "moderations" {
    match  = "POST /v1/moderations"
    effect = "read"
  }
  operation "images" {
    match  = ["POST /v1/images/generations", "POST /v1/images/edits", "POST /v1/images/variations"]
    effect = "read"
  }
  operation "audio" {
    match  = ["POST /v1/audio/speech", "POST /v1/audio/transcriptions", "POST /v1/audio/translations"]
    effect = "read"
  }
  operation "vector_stores.search" {
    match  = "POST /v1/vector_stores/*/search"
    effect = "read"
  }

  # Client secrets of a realtime session are credentials for someone else.
  operation "realtime.secrets" {
    match = [
      "POST /v1/realtime/client_secrets", "POST /v1/realtime/sessions",
      "POST /v1/realtime/transcription_sessions", "POST /v1/realtime/*/client_secrets",
      "POST /v1/chatkit/sessions",
    ]
    effect = "admin"
  }

  operation "conversations" {
    match  = ["POST /v1/conversations", "POST /v1/conversations/*", "POST /v1/conversations/*/items"]
    effect = "write"
  }
  operation "stored" {
    match  = "POST /v1/chat/completions/*"
    effect = "write"
  }
  operation "videos" {
    match  = ["POST /v1/videos", "POST /v1/videos/*/remix"]
    effect = "write"
  }
  operation "files" {
    match = [
      "POST /v1/files", "POST /v1/uploads", "POST /v1/uploads/*/parts",
      "POST /v1/uploads/*/complete", "POST /v1/uploads/*/cancel",
    ]
    effect = "write"
  }
  operation "vector_stores" {
    match = [
      "POST /v1/vector_stores", "POST /v1/vector_stores/*", "POST /v1/vector_stores/*/files",
      "POST /v1/vector_stores/*/files/*", "POST /v1/vector_stores/*/file_batches",
      "POST /v1/vector_stores/*/file_batches/*/cancel",
    ]
    effect = "write"
  }
  operation "batches" {
    match  = ["POST /v1/batches", "POST /v1/batches/*/cancel"]
    effect = "write"
  }
  operation "fine_tuning" {
    match  = ["POST /v1/fine_tuning/jobs", "POST /v1/fine_tuning/jobs/*/*"]
    effect = "write"
  }
  operation "assistants" {
    match = [
      "POST /v1/assistants", "POST /v1/assistants/*", "POST /v1/threads", "POST /v1/threads/*",
      "POST /v1/threads/*/messages", "POST /v1/threads/*/messages/*", "POST /v1/threads/runs",
      "POST /v1/threads/*/runs", "POST /v1/threads/*/runs/*", "POST /v1/threads/*/runs/*/*",
    ]
    effect = "write"
  }
  operation "containers" {
    match  = ["POST /v1/containers", "POST /v1/containers/*/files"]
    effect = "write"
  }
  operation "evals" {
    match  = ["POST /v1/evals", "POST /v1/evals/*", "POST /v1/evals/*/runs", "POST /v1/evals/*/runs/*"]
    effect = "write"
  }

  operation "files.delete" {
    match  = "DELETE /v1/files/*"
    effect = "destructive"
  }
  operation "models.delete" {
    match  = "DELETE /v1/models/*"
    effect = "destructive"
  }
  operation "fine_tuning.permissions" {
    match  = ["POST /v1/fine_tuning/checkpoints/*/permissions", "DELETE /v1/fine_tuning/checkpoints/*/permissions/*"]
    effect = "admin"
  }
  # Keys, users, projects, certificates, the audit log
  operation "organization" {
    match  = ["* /v1/organization/**", "* /v1/projects/**"]
    effect = "admin"
  }
}
