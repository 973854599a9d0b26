# Linear, a GraphQL API. Queries pass, mutations ask; what deletes, and what hands
# out access, is refused by the names of the mutations. The header takes a personal
# API key as it is; for an OAuth token state auth = bearer(secret.linear). Files stand on
# a host of their own, which takes the same header (linear.app/developers, "File storage
# authentication").
service "linear" {
  description = "Linear"
  protocol    = "http"
  hosts       = ["api.linear.app", "uploads.linear.app"]
  auth        = header("Authorization", secret.linear)
  env         = ["LINEAR_API_KEY"]
  posture     = "guarded"

  operation "graphql" {
    match = ["POST /graphql", "GET /graphql"]
    as    = "graphql"
  }
  operation "graphql.delete" {
    match  = ["POST /graphql", "GET /graphql"]
    as     = "graphql"
    when   = graphql.type != "query" && anytrue([for f in graphql.fields : matches(f, "(Delete|Archive|Remove|Disconnect|Merge|Suspend)")])
    effect = "destructive"
  }
  operation "graphql.admin" {
    match  = ["POST /graphql", "GET /graphql"]
    as     = "graphql"
    when   = graphql.type != "query" && anytrue([for f in graphql.fields : matches(f, "^(apiKey|organization|user|team(Create|Update|Delete|Membership)|integration|oauth|webhook|emailUserAccount|emailToken|googleUser|logout|passkey|workflowDefinition|airbyte)")])
    effect = "admin"
  }
}
