# Google's Gemini API. Asking a model passes; what is kept on the account asks;
# deleting is refused.
service "gemini" {
  description = "The Gemini API"
  protocol    = "http"
  hosts       = ["generativelanguage.googleapis.com"]
  auth        = header("x-goog-api-key", secret.gemini)
  env         = ["GEMINI_API_KEY", "GOOGLE_API_KEY"]
  posture     = "guarded"
  probe       = "GET /v1beta/models"

  # Inference. The path says which model is asked.
  operation "generate" {
    match  = ["POST /v1/models/*:generateContent", "POST /v1beta/models/*:generateContent", "POST /v1alpha/models/*:generateContent"]
    effect = "read"
    as     = "llm"
  }
  operation "stream" {
    match  = ["POST /v1/models/*:streamGenerateContent", "POST /v1beta/models/*:streamGenerateContent", "POST /v1alpha/models/*:streamGenerateContent"]
    effect = "read"
    as     = "llm"
  }
  # What an interaction keeps for the next one is of the answer (ai.google.dev/api,
  # "Interactions").
  operation "interactions" {
    match  = ["POST /v1beta/interactions", "POST /v1beta/interactions/*/cancel"]
    effect = "read"
    as     = "llm"
  }
  operation "openai" {
    match  = ["POST /v1beta/openai/chat/completions", "POST /v1beta/openai/embeddings"]
    effect = "read"
    as     = "llm"
  }
  operation "embed" {
    match = [
      "POST /v1/models/*:embedContent", "POST /v1beta/models/*:embedContent",
      "POST /v1/models/*:batchEmbedContents", "POST /v1beta/models/*:batchEmbedContents",
    ]
    effect = "read"
    as     = "llm"
  }
  operation "count_tokens" {
    match  = ["POST /v1/models/*:countTokens", "POST /v1beta/models/*:countTokens"]
    effect = "read"
  }

  operation "files" {
    match  = ["POST /upload/v1beta/files", "POST /v1beta/files", "PUT /upload/v1beta/files"]
    effect = "write"
  }
  operation "caches" {
    match  = ["POST /v1beta/cachedContents", "PATCH /v1beta/cachedContents/*"]
    effect = "write"
  }
  operation "file_search" {
    match = [
      "POST /v1beta/fileSearchStores", "POST /v1beta/fileSearchStores/*:importFile",
      "POST /upload/v1beta/fileSearchStores/*:uploadToFileSearchStore",
    ]
    effect = "write"
  }
  operation "batches" {
    match = [
      "POST /v1beta/models/*:batchGenerateContent", "POST /v1beta/models/*:asyncBatchEmbedContent",
      "POST /v1beta/batches/*:cancel",
    ]
    effect = "write"
  }
  operation "videos" {
    match  = "POST /v1beta/models/*:predictLongRunning"
    effect = "write"
  }
  # A token for someone else's session is a credential.
  operation "tokens" {
    match  = ["POST /v1alpha/auth_tokens", "POST /v1beta/auth_tokens"]
    effect = "admin"
  }
  # Who is told; the answer holds the key that their messages are signed with.
  operation "webhooks" {
    match  = ["POST /v1beta/webhooks", "POST /v1beta/webhooks/*", "PATCH /v1beta/webhooks/*", "DELETE /v1beta/webhooks/*"]
    effect = "admin"
  }
  operation "permissions" {
    match = [
      "POST /v1beta/tunedModels/*/permissions", "PATCH /v1beta/tunedModels/*/permissions/*",
      "DELETE /v1beta/tunedModels/*/permissions/*", "POST /v1beta/tunedModels/*:transferOwnership",
    ]
    effect = "admin"
  }
}
