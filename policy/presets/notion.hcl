# Notion. Searches and queries are reads, though they are sent by POST.
service "notion" {
  description = "Notion"
  protocol    = "http"
  hosts       = ["api.notion.com"]
  auth        = bearer(secret.notion)
  env         = ["NOTION_TOKEN"]
  posture     = "guarded"
  # Every request says its version (developers.notion.com/reference/versioning).
  probe = ["GET /v1/users/me", "Notion-Version: 2022-06-28"]

  operation "search" {
    match  = "POST /v1/search"
    effect = "read"
  }
  operation "query" {
    match  = ["POST /v1/databases/*/query", "POST /v1/data_sources/*/query"]
    effect = "read"
  }
  operation "pages" {
    match  = ["POST /v1/pages", "PATCH /v1/pages/*", "POST /v1/pages/*/move"]
    effect = "write"
  }
  operation "blocks" {
    match  = ["PATCH /v1/blocks/*", "PATCH /v1/blocks/*/children"]
    effect = "write"
  }
  operation "databases" {
    match  = ["POST /v1/databases", "PATCH /v1/databases/*", "POST /v1/data_sources", "PATCH /v1/data_sources/*"]
    effect = "write"
  }
  operation "comments" {
    match  = "POST /v1/comments"
    effect = "write"
  }
  operation "files" {
    match  = ["POST /v1/file_uploads", "POST /v1/file_uploads/*/send", "POST /v1/file_uploads/*/complete"]
    effect = "write"
  }
  operation "oauth" {
    match  = "POST /v1/oauth/**"
    effect = "admin"
  }
}
