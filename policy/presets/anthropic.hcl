# Anthropic. Asking a model passes; what is kept on the account asks; deleting is
# refused, and so is the administration of the organisation.
service "anthropic" {
  description = "The Anthropic API"
  protocol    = "http"
  hosts       = ["api.anthropic.com"]
  auth        = header("x-api-key", secret.anthropic)
  env         = ["ANTHROPIC_API_KEY"]
  posture     = "guarded"
  # Every request says its version (platform.claude.com/docs/en/api/versioning).
  probe = ["GET /v1/models", "anthropic-version: 2023-06-01"]

  # Inference: nothing outlives the answer but what the vendor keeps of it.
  operation "messages" {
    match  = "POST /v1/messages"
    effect = "read"
    as     = "llm"
  }
  operation "count_tokens" {
    match  = "POST /v1/messages/count_tokens"
    effect = "read"
  }
  operation "complete" {
    match  = "POST /v1/complete"
    effect = "read"
  }

  operation "batches" {
    match  = ["POST /v1/messages/batches", "POST /v1/messages/batches/*/cancel"]
    effect = "write"
  }
  operation "files" {
    match  = "POST /v1/files"
    effect = "write"
  }
  operation "skills" {
    match  = ["POST /v1/skills", "POST /v1/skills/*/versions"]
    effect = "write"
  }
  # Agents that run at Anthropic, what they run in, and what they remember
  operation "agents" {
    match = [
      "POST /v1/agents", "POST /v1/agents/*", "POST /v1/sessions", "POST /v1/sessions/*", "POST /v1/sessions/*/events",
      "POST /v1/sessions/*/archive", "POST /v1/sessions/*/threads/*/archive",
      "POST /v1/sessions/*/resources", "POST /v1/sessions/*/resources/*", "POST /v1/environments", "POST /v1/environments/*",
      "POST /v1/environments/*/work/*/stop", "POST /v1/deployments", "POST /v1/deployments/*",
      "POST /v1/deployments/*/run", "POST /v1/deployments/*/pause", "POST /v1/deployments/*/unpause",
    ]
    effect = "write"
  }
  operation "memory" {
    match = [
      "POST /v1/memory_stores", "POST /v1/memory_stores/*", "POST /v1/memory_stores/*/memories",
      "PATCH /v1/memory_stores/*/memories/*",
    ]
    effect = "write"
  }

  operation "batches.delete" {
    match  = "DELETE /v1/messages/batches/*"
    effect = "destructive"
  }
  operation "files.delete" {
    match  = "DELETE /v1/files/*"
    effect = "destructive"
  }
  operation "skills.delete" {
    match  = ["DELETE /v1/skills/*", "DELETE /v1/skills/*/versions/*"]
    effect = "destructive"
  }
  # None of these comes back.
  operation "archive" {
    match = [
      "POST /v1/agents/*/archive", "POST /v1/environments/*/archive", "POST /v1/deployments/*/archive",
      "POST /v1/memory_stores/*/archive", "POST /v1/memory_stores/*/memory_versions/*/redact",
    ]
    effect = "destructive"
  }
  # Credentials that agents there are given
  operation "vaults" {
    match  = ["POST /v1/vaults", "POST /v1/vaults/**", "DELETE /v1/vaults/**"]
    effect = "admin"
  }
  # Keys, users, workspaces, usage
  operation "organizations" {
    match  = "* /v1/organizations/**"
    effect = "admin"
  }
}
