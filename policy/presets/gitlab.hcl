# GitLab's REST and GraphQL APIs, and git over HTTPS. For an own instance state
# hosts = ["gitlab.acme.dev"] and preset = "gitlab". Reads pass; what changes
# something asks; what deletes, hands out access, or runs with the rights of others
# is refused until a rule names it. The token goes to two places: git's endpoints
# take it as basic, the APIs in a field of their own.
service "gitlab" {
  description = "GitLab's APIs and git over HTTPS"
  protocol    = "http"
  hosts       = ["gitlab.com"]
  auth        = basic("oauth2", secret.gitlab, "PRIVATE-TOKEN")
  env         = ["GITLAB_TOKEN"]
  posture     = "guarded"
  probe       = "GET /api/v4/user"
  # Projects are named by their path with %2F in it.
  path_encoding          = "allow"
  case_insensitive_paths = true

  operation "git.refs" {
    match  = "GET /**/info/refs"
    effect = "read"
    as     = "git"
  }
  operation "git.fetch" {
    match  = "POST /**/git-upload-pack"
    effect = "read"
    as     = "git"
  }
  operation "git.push" {
    match = "POST /**/git-receive-pack"
    as    = "git"
  }
  operation "git.lfs" {
    match  = ["POST /**/info/lfs/objects/batch", "POST /**/info/lfs/locks", "POST /**/info/lfs/locks/**"]
    effect = "unknown"
  }

  operation "graphql" {
    match = ["POST /api/graphql", "GET /api/graphql"]
    as    = "graphql"
  }
  operation "graphql.delete" {
    match  = ["POST /api/graphql", "GET /api/graphql"]
    as     = "graphql"
    when   = graphql.type != "query" && anytrue([for f in graphql.fields : matches(f, "(?i)(destroy|delete|remove|revoke|unlink|archive|dismiss|erase)")])
    effect = "destructive"
  }
  operation "graphql.admin" {
    match  = ["POST /api/graphql", "GET /api/graphql"]
    as     = "graphql"
    when   = graphql.type != "query" && anytrue([for f in graphql.fields : matches(f, "(?i)(member|token|variable|runner|protect|branchRule|settings|namespace|group|audit|secret|deploy|agent|policy|approval|transfer|integration|hook|user|organization)")])
    effect = "admin"
  }

  # By REST, with the id or the encoded path of a project
  operation "issues" {
    match  = ["POST /api/v4/projects/*/issues", "PUT /api/v4/projects/*/issues/*", "POST /api/v4/projects/*/issues/*/**"]
    effect = "write"
  }
  operation "merge_requests" {
    match  = ["POST /api/v4/projects/*/merge_requests", "PUT /api/v4/projects/*/merge_requests/*", "POST /api/v4/projects/*/merge_requests/*/**"]
    effect = "write"
  }
  operation "merge_requests.merge" {
    match  = "PUT /api/v4/projects/*/merge_requests/*/merge"
    effect = "write"
  }
  operation "files" {
    match  = ["POST /api/v4/projects/*/repository/files/**", "PUT /api/v4/projects/*/repository/files/**", "POST /api/v4/projects/*/repository/branches", "POST /api/v4/projects/*/repository/tags"]
    effect = "write"
  }
  # A commit carries creations and deletions alike; it may begin elsewhere, by force.
  operation "commits" {
    match  = "POST /api/v4/projects/*/repository/commits"
    effect = "unknown"
  }
  operation "pipelines" {
    match = [
      "POST /api/v4/projects/*/pipeline", "POST /api/v4/projects/*/pipelines/*/*", "POST /api/v4/projects/*/jobs/*/*",
      "POST /api/v4/projects/*/trigger/pipeline", "POST /api/v4/projects/*/ref/*/trigger/pipeline",
    ]
    effect = "write"
  }

  # Values that hand out access, to read or to change
  operation "variables" {
    match = [
      "* /api/v4/projects/*/variables", "* /api/v4/projects/*/variables/**", "* /api/v4/groups/*/variables",
      "* /api/v4/groups/*/variables/**", "* /api/v4/admin/ci/variables", "* /api/v4/admin/ci/variables/**",
    ]
    effect = "admin"
  }
  operation "tokens" {
    match = [
      "* /api/v4/**/access_tokens", "* /api/v4/**/access_tokens/**", "* /api/v4/**/deploy_tokens", "* /api/v4/**/deploy_tokens/**",
      "* /api/v4/personal_access_tokens", "* /api/v4/personal_access_tokens/**", "* /api/v4/**/triggers", "* /api/v4/**/triggers/**",
      "* /api/v4/**/deploy_keys", "* /api/v4/**/deploy_keys/**", "* /api/v4/**/keys", "* /api/v4/**/keys/**",
      "* /api/v4/**/runners", "* /api/v4/**/runners/**", "* /api/v4/**/secure_files", "* /api/v4/**/secure_files/**",
    ]
    effect = "admin"
  }
  operation "members" {
    match = [
      "POST /api/v4/**/members", "PUT /api/v4/**/members/*", "DELETE /api/v4/**/members/*", "POST /api/v4/**/invitations",
      "POST /api/v4/**/share", "DELETE /api/v4/**/share/*",
    ]
    effect = "admin"
  }
  operation "protection" {
    match = [
      "POST /api/v4/**/protected_*", "PATCH /api/v4/**/protected_*/**", "PUT /api/v4/**/protected_*/**", "DELETE /api/v4/**/protected_*/**",
      "POST /api/v4/**/approvals", "POST /api/v4/**/approval_rules", "PUT /api/v4/**/approval_rules/*", "DELETE /api/v4/**/approval_rules/*",
      "PUT /api/v4/**/push_rule", "POST /api/v4/**/push_rule", "DELETE /api/v4/**/push_rule",
    ]
    effect = "admin"
  }
  operation "hooks" {
    match = [
      "POST /api/v4/**/hooks", "PUT /api/v4/**/hooks/**", "DELETE /api/v4/**/hooks/**",
      "PUT /api/v4/**/integrations/**", "DELETE /api/v4/**/integrations/**", "PUT /api/v4/**/services/**",
    ]
    effect = "admin"
  }
  operation "settings" {
    match = [
      "PUT /api/v4/projects/*", "PUT /api/v4/groups/*", "POST /api/v4/projects", "POST /api/v4/groups",
      "POST /api/v4/projects/*/transfer", "PUT /api/v4/projects/*/transfer", "POST /api/v4/groups/*/transfer",
      "POST /api/v4/projects/*/fork", "POST /api/v4/projects/*/import*", "POST /api/v4/projects/*/export",
      "* /api/v4/application/**", "* /api/v4/admin/**", "POST /api/v4/users", "PUT /api/v4/users/*", "DELETE /api/v4/users/*",
      "POST /api/v4/users/**", "DELETE /api/v4/users/**",
    ]
    effect = "admin"
  }
  operation "delete" {
    match  = ["DELETE /api/v4/projects/*", "DELETE /api/v4/groups/*", "POST /api/v4/projects/*/archive", "DELETE /api/v4/projects/*/repository/**"]
    effect = "destructive"
  }
}
