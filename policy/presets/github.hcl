# GitHub: the REST and GraphQL APIs, uploads, raw files, and git over HTTPS.
# Reads pass; what changes something asks; what deletes, hands out access or
# changes who may do what is refused until a rule names it. The token goes as
# basic, because git's endpoints take nothing else and the APIs take it too.
# Downloads of assets are redirected to hosts that are signed for and take no
# token; they are not of this service.
service "github" {
  description = "GitHub's APIs and git over HTTPS"
  protocol    = "http"
  hosts       = ["api.github.com", "uploads.github.com", "github.com", "raw.githubusercontent.com", "codeload.github.com"]
  auth        = basic("x-access-token", secret.github)
  env         = ["GITHUB_TOKEN", "GH_TOKEN"]
  posture     = "guarded"
  probe       = "GET /rate_limit"
  # A repository and its owner are found by any case of their names.
  case_insensitive_paths = true

  # git over HTTPS. A push says which refs it creates, moves and removes; whether a
  # moved one keeps its history it does not say, so that is asked.
  operation "git.refs" {
    match  = "GET /*/*/info/refs"
    effect = "read"
    as     = "git"
  }
  operation "git.fetch" {
    match  = "POST /*/*/git-upload-pack"
    effect = "read"
    as     = "git"
  }
  operation "git.push" {
    match = "POST /*/*/git-receive-pack"
    as    = "git"
  }
  # Large files go up and down by the same request.
  operation "git.lfs" {
    match  = "POST /*/*/info/lfs/objects/batch"
    effect = "unknown"
  }
  operation "git.lfs_locks" {
    match  = ["POST /*/*/info/lfs/locks", "POST /*/*/info/lfs/locks/**"]
    effect = "write"
  }

  # A GraphQL request is a query or any mutation, as its body says. The names of
  # mutations say what they are about.
  operation "graphql" {
    match = ["POST /graphql", "GET /graphql"]
    as    = "graphql"
  }
  operation "graphql.delete" {
    match  = ["POST /graphql", "GET /graphql"]
    as     = "graphql"
    when   = graphql.type != "query" && anytrue([for f in graphql.fields : matches(f, "^(delete|remove|dismiss|archive|unlink|revoke)")])
    effect = "destructive"
  }
  operation "graphql.admin" {
    match = ["POST /graphql", "GET /graphql"]
    as    = "graphql"
    when = graphql.type != "query" && anytrue([for f in graphql.fields : matches(f, join("|", [
      "Enterprise", "Organization", "IpAllowList", "BranchProtection", "Ruleset", "Environment", "Domain", "Migrat",
      "IdentityProvider", "InteractionLimit", "Sponsor", "Setting", "Collaborator", "Team", "DeployKey",
      "^(update|archive|unarchive|transfer|clone)Repository", "^importProject", "^createRepository",
      "^(approve|reject)Deployments$", "^updateTopics$", "^accessUserNamespaceRepository$",
    ]))])
    effect = "admin"
  }
  # May be forced, and updateRefs removes what it moves to nothing.
  operation "graphql.update_ref" {
    match  = ["POST /graphql", "GET /graphql"]
    as     = "graphql"
    when   = graphql.type != "query" && anytrue([for f in graphql.fields : matches(f, "^updateRefs?$")])
    effect = "unknown"
  }

  # POST, and yet only a read
  operation "markdown.render" {
    match  = ["POST /markdown", "POST /markdown/raw"]
    effect = "read"
  }

  # Pull requests
  operation "pulls.create" {
    match  = "POST /repos/*/*/pulls"
    effect = "write"
  }
  operation "pulls.update" {
    match  = ["PATCH /repos/*/*/pulls/*", "PUT /repos/*/*/pulls/*/update-branch"]
    effect = "write"
  }
  operation "pulls.merge" {
    match  = ["PUT /repos/*/*/pulls/*/merge", "POST /repos/*/*/merges", "POST /repos/*/*/merge-upstream"]
    effect = "write"
  }
  operation "pulls.review" {
    match = [
      "POST /repos/*/*/pulls/*/reviews", "PUT /repos/*/*/pulls/*/reviews/*",
      "POST /repos/*/*/pulls/*/reviews/*/events", "PUT /repos/*/*/pulls/*/reviews/*/dismissals",
      "DELETE /repos/*/*/pulls/*/reviews/*",
    ]
    effect = "write"
  }
  operation "pulls.comment" {
    match = [
      "POST /repos/*/*/pulls/*/comments", "POST /repos/*/*/pulls/*/comments/*/replies",
      "PATCH /repos/*/*/pulls/comments/*",
    ]
    effect = "write"
  }
  operation "pulls.reviewers" {
    match  = ["POST /repos/*/*/pulls/*/requested_reviewers", "DELETE /repos/*/*/pulls/*/requested_reviewers"]
    effect = "write"
  }

  # Issues
  operation "issues.create" {
    match  = "POST /repos/*/*/issues"
    effect = "write"
  }
  operation "issues.update" {
    match = [
      "PATCH /repos/*/*/issues/*",
      "PUT /repos/*/*/issues/*/lock", "DELETE /repos/*/*/issues/*/lock",
    ]
    effect = "write"
  }
  operation "issues.comment" {
    match  = ["POST /repos/*/*/issues/*/comments", "PATCH /repos/*/*/issues/comments/*"]
    effect = "write"
  }
  operation "issues.label" {
    match = [
      "POST /repos/*/*/issues/*/labels", "PUT /repos/*/*/issues/*/labels",
      "DELETE /repos/*/*/issues/*/labels", "DELETE /repos/*/*/issues/*/labels/*",
    ]
    effect = "write"
  }
  operation "issues.assign" {
    match  = ["POST /repos/*/*/issues/*/assignees", "DELETE /repos/*/*/issues/*/assignees"]
    effect = "write"
  }
  operation "issues.sub_issues" {
    match = [
      "POST /repos/*/*/issues/*/sub_issues", "PATCH /repos/*/*/issues/*/sub_issues/priority",
      "DELETE /repos/*/*/issues/*/sub_issue",
    ]
    effect = "write"
  }
  operation "reactions" {
    match  = ["POST /repos/**/reactions", "DELETE /repos/**/reactions/*"]
    effect = "write"
  }
  operation "labels" {
    match  = ["POST /repos/*/*/labels", "PATCH /repos/*/*/labels/*"]
    effect = "write"
  }
  operation "milestones" {
    match  = ["POST /repos/*/*/milestones", "PATCH /repos/*/*/milestones/*"]
    effect = "write"
  }

  # Contents and history
  operation "contents.write" {
    match  = "PUT /repos/*/*/contents/**"
    effect = "write"
  }
  operation "contents.delete" {
    match  = "DELETE /repos/*/*/contents/**"
    effect = "destructive"
  }
  operation "git.objects" {
    match = [
      "POST /repos/*/*/git/blobs", "POST /repos/*/*/git/trees",
      "POST /repos/*/*/git/commits", "POST /repos/*/*/git/tags",
    ]
    effect = "write"
  }
  operation "git.create_ref" {
    match  = "POST /repos/*/*/git/refs"
    effect = "write"
  }
  # May be forced, which rewrites history; the body tells, the path does not.
  operation "git.update_ref" {
    match  = "PATCH /repos/*/*/git/refs/**"
    effect = "unknown"
  }
  operation "git.delete_ref" {
    match  = "DELETE /repos/*/*/git/refs/**"
    effect = "destructive"
  }
  operation "branches.rename" {
    match  = "POST /repos/*/*/branches/*/rename"
    effect = "admin"
  }
  operation "commits.comment" {
    match  = ["POST /repos/*/*/commits/*/comments", "PATCH /repos/*/*/comments/*"]
    effect = "write"
  }
  operation "statuses.create" {
    match  = "POST /repos/*/*/statuses/*"
    effect = "write"
  }
  operation "checks.write" {
    match = [
      "POST /repos/*/*/check-runs", "PATCH /repos/*/*/check-runs/*",
      "POST /repos/*/*/check-runs/*/rerequest", "POST /repos/*/*/check-suites",
      "POST /repos/*/*/check-suites/*/rerequest",
    ]
    effect = "write"
  }

  # Releases and packages
  operation "releases.write" {
    match = [
      "POST /repos/*/*/releases", "PATCH /repos/*/*/releases/*", "POST /repos/*/*/releases/*/assets",
      "PATCH /repos/*/*/releases/assets/*", "POST /repos/*/*/releases/generate-notes",
    ]
    effect = "write"
  }
  operation "releases.delete" {
    match  = ["DELETE /repos/*/*/releases/*", "DELETE /repos/*/*/releases/assets/*"]
    effect = "destructive"
  }
  operation "packages.delete" {
    match  = ["DELETE /orgs/*/packages/**", "DELETE /user/packages/**", "DELETE /users/*/packages/**"]
    effect = "destructive"
  }
  operation "packages.restore" {
    match = [
      "POST /orgs/*/packages/**/restore", "POST /user/packages/**/restore",
      "POST /users/*/packages/**/restore",
    ]
    effect = "write"
  }

  # Actions: starting a workflow runs code with the repository's own secrets.
  operation "actions.run" {
    match = [
      "POST /repos/*/*/actions/workflows/*/dispatches", "POST /repos/*/*/dispatches",
      "POST /repos/*/*/actions/runs/*/rerun", "POST /repos/*/*/actions/runs/*/rerun-failed-jobs",
      "POST /repos/*/*/actions/jobs/*/rerun",
    ]
    effect = "write"
  }
  operation "actions.cancel" {
    match  = ["POST /repos/*/*/actions/runs/*/cancel", "POST /repos/*/*/actions/runs/*/force-cancel"]
    effect = "write"
  }
  operation "actions.approve" {
    match = [
      "POST /repos/*/*/actions/runs/*/approve", "POST /repos/*/*/actions/runs/*/pending_deployments",
      "POST /repos/*/*/actions/runs/*/deployment_protection_rule",
    ]
    effect = "admin"
  }
  operation "actions.delete" {
    match = [
      "DELETE /repos/*/*/actions/runs/*", "DELETE /repos/*/*/actions/runs/*/logs",
      "DELETE /repos/*/*/actions/artifacts/*", "DELETE /repos/*/*/actions/caches",
      "DELETE /repos/*/*/actions/caches/*",
    ]
    effect = "destructive"
  }
  operation "actions.settings" {
    match = [
      "PUT /repos/*/*/actions/permissions", "PUT /repos/*/*/actions/permissions/**",
      "PUT /orgs/*/actions/permissions", "PUT /orgs/*/actions/permissions/**",
      "DELETE /orgs/*/actions/permissions/**", "PUT /repos/*/*/actions/oidc/**", "PUT /orgs/*/actions/oidc/**",
      "PUT /repos/*/*/actions/workflows/*/enable", "PUT /repos/*/*/actions/workflows/*/disable",
    ]
    effect = "admin"
  }
  operation "actions.runners" {
    match = [
      "POST /repos/*/*/actions/runners/**", "PUT /repos/*/*/actions/runners/**", "DELETE /repos/*/*/actions/runners/**",
      "POST /orgs/*/actions/runners/**", "PUT /orgs/*/actions/runners/**", "DELETE /orgs/*/actions/runners/**",
      "POST /orgs/*/actions/runner-groups", "PUT /orgs/*/actions/runner-groups/**",
      "PATCH /orgs/*/actions/runner-groups/*", "DELETE /orgs/*/actions/runner-groups/**",
      "POST /orgs/*/actions/hosted-runners", "PATCH /orgs/*/actions/hosted-runners/*",
      "DELETE /orgs/*/actions/hosted-runners/*",
    ]
    effect = "admin"
  }
  operation "secrets" {
    match = [
      "PUT /repos/*/*/*/secrets/**", "DELETE /repos/*/*/*/secrets/**",
      "PUT /repos/*/*/environments/*/secrets/*", "DELETE /repos/*/*/environments/*/secrets/*",
      "PUT /orgs/*/*/secrets/**", "DELETE /orgs/*/*/secrets/**",
      "PUT /user/codespaces/secrets/**", "DELETE /user/codespaces/secrets/**",
    ]
    effect = "admin"
  }
  operation "variables" {
    match = [
      "POST /repos/*/*/actions/variables", "PATCH /repos/*/*/actions/variables/*", "DELETE /repos/*/*/actions/variables/*",
      "POST /orgs/*/actions/variables", "PATCH /orgs/*/actions/variables/*", "DELETE /orgs/*/actions/variables/*",
      "PUT /orgs/*/actions/variables/*/repositories", "PUT /orgs/*/actions/variables/*/repositories/*",
      "DELETE /orgs/*/actions/variables/*/repositories/*", "POST /repos/*/*/environments/*/variables",
      "PATCH /repos/*/*/environments/*/variables/*", "DELETE /repos/*/*/environments/*/variables/*",
    ]
    effect = "admin"
  }
  operation "environments" {
    match = [
      "PUT /repos/*/*/environments/*", "DELETE /repos/*/*/environments/*",
      "POST /repos/*/*/environments/*/deployment-branch-policies",
      "PUT /repos/*/*/environments/*/deployment-branch-policies/*",
      "DELETE /repos/*/*/environments/*/deployment-branch-policies/*",
      "POST /repos/*/*/environments/*/deployment_protection_rules",
      "DELETE /repos/*/*/environments/*/deployment_protection_rules/*",
    ]
    effect = "admin"
  }
  operation "deployments" {
    match  = ["POST /repos/*/*/deployments", "POST /repos/*/*/deployments/*/statuses"]
    effect = "write"
  }

  # Repositories
  operation "repos.create" {
    match  = ["POST /user/repos", "POST /orgs/*/repos", "POST /repos/*/*/generate", "POST /repos/*/*/forks"]
    effect = "write"
  }
  operation "repos.delete" {
    match  = "DELETE /repos/*/*"
    effect = "destructive"
  }
  # Visibility, default branch, archiving, merge settings
  operation "repos.settings" {
    match = [
      "PATCH /repos/*/*", "PUT /repos/*/*/topics", "PATCH /repos/*/*/properties/values",
      "PUT /repos/*/*/automated-security-fixes", "DELETE /repos/*/*/automated-security-fixes",
      "PUT /repos/*/*/vulnerability-alerts", "DELETE /repos/*/*/vulnerability-alerts",
      "PUT /repos/*/*/private-vulnerability-reporting", "DELETE /repos/*/*/private-vulnerability-reporting",
      "PUT /repos/*/*/interaction-limits", "DELETE /repos/*/*/interaction-limits",
      "POST /repos/*/*/autolinks", "DELETE /repos/*/*/autolinks/*",
    ]
    effect = "admin"
  }
  operation "repos.transfer" {
    match  = "POST /repos/*/*/transfer"
    effect = "admin"
  }
  operation "repos.collaborators" {
    match = [
      "PUT /repos/*/*/collaborators/*", "DELETE /repos/*/*/collaborators/*",
      "PATCH /repos/*/*/invitations/*", "DELETE /repos/*/*/invitations/*",
    ]
    effect = "admin"
  }
  operation "repos.keys" {
    match  = ["POST /repos/*/*/keys", "DELETE /repos/*/*/keys/*"]
    effect = "admin"
  }
  operation "repos.hooks" {
    match = [
      "POST /repos/*/*/hooks", "PATCH /repos/*/*/hooks/**", "DELETE /repos/*/*/hooks/*",
      "POST /repos/*/*/hooks/*/pings", "POST /repos/*/*/hooks/*/tests", "POST /repos/*/*/hooks/*/deliveries/*/attempts",
    ]
    effect = "admin"
  }
  operation "repos.protection" {
    match = [
      "PUT /repos/*/*/branches/*/protection", "DELETE /repos/*/*/branches/*/protection",
      "POST /repos/*/*/branches/*/protection/**", "PUT /repos/*/*/branches/*/protection/**",
      "PATCH /repos/*/*/branches/*/protection/**", "DELETE /repos/*/*/branches/*/protection/**",
      "POST /repos/*/*/rulesets", "PUT /repos/*/*/rulesets/*", "DELETE /repos/*/*/rulesets/*",
      "POST /repos/*/*/tags/protection", "DELETE /repos/*/*/tags/protection/*",
    ]
    effect = "admin"
  }
  operation "repos.pages" {
    match = [
      "POST /repos/*/*/pages", "PUT /repos/*/*/pages", "DELETE /repos/*/*/pages",
      "POST /repos/*/*/pages/builds", "POST /repos/*/*/pages/deployments",
      "POST /repos/*/*/pages/deployments/*/cancel",
    ]
    effect = "admin"
  }

  # Security: findings may be dismissed, which hides them.
  operation "security.alerts" {
    match = [
      "PATCH /repos/*/*/code-scanning/alerts/*", "PATCH /repos/*/*/secret-scanning/alerts/*",
      "PATCH /repos/*/*/dependabot/alerts/*", "PATCH /repos/*/*/code-scanning/default-setup",
      "POST /repos/*/*/secret-scanning/push-protection-bypasses",
    ]
    effect = "admin"
  }
  # These carry the leaked values themselves.
  operation "security.leaked_secrets" {
    match = [
      "GET /repos/*/*/secret-scanning/alerts", "GET /repos/*/*/secret-scanning/alerts/**",
      "GET /orgs/*/secret-scanning/alerts", "GET /enterprises/*/secret-scanning/alerts",
    ]
    effect = "admin"
  }
  operation "security.advisories" {
    match = [
      "POST /repos/*/*/security-advisories", "PATCH /repos/*/*/security-advisories/*",
      "POST /repos/*/*/security-advisories/reports", "POST /repos/*/*/security-advisories/*/cve",
      "POST /repos/*/*/security-advisories/*/forks",
    ]
    effect = "admin"
  }

  # Organisations, enterprises, apps and the account itself
  operation "orgs.admin" {
    match = [
      "PATCH /orgs/*", "DELETE /orgs/*",
      "PUT /orgs/*/memberships/*", "DELETE /orgs/*/memberships/*", "DELETE /orgs/*/members/*",
      "DELETE /orgs/*/members/*/codespaces/*", "POST /orgs/*/members/*/codespaces/*/stop",
      "POST /orgs/*/invitations", "DELETE /orgs/*/invitations/*",
      "PUT /orgs/*/outside_collaborators/*", "DELETE /orgs/*/outside_collaborators/*",
      "POST /orgs/*/hooks", "PATCH /orgs/*/hooks/**", "DELETE /orgs/*/hooks/*", "POST /orgs/*/hooks/**",
      "PUT /orgs/*/blocks/*", "DELETE /orgs/*/blocks/*",
      "PUT /orgs/*/public_members/*", "DELETE /orgs/*/public_members/*",
      "PUT /orgs/*/interaction-limits", "DELETE /orgs/*/interaction-limits",
      "POST /orgs/*/rulesets", "PUT /orgs/*/rulesets/*", "DELETE /orgs/*/rulesets/*",
      "POST /orgs/*/*/enable_all", "POST /orgs/*/*/disable_all",
      "POST /orgs/*/migrations", "DELETE /orgs/*/migrations/**",
      "POST /orgs/*/personal-access-tokens", "POST /orgs/*/personal-access-tokens/*",
      "POST /orgs/*/personal-access-token-requests", "POST /orgs/*/personal-access-token-requests/*",
      "PUT /orgs/*/security-managers/**", "DELETE /orgs/*/security-managers/**",
      "POST /orgs/*/custom-repository-roles", "PATCH /orgs/*/custom-repository-roles/*",
      "DELETE /orgs/*/custom-repository-roles/*", "PUT /orgs/*/organization-roles/**",
      "POST /orgs/*/organization-roles", "PATCH /orgs/*/organization-roles/*", "DELETE /orgs/*/organization-roles/**",
      "PATCH /orgs/*/properties/**", "PUT /orgs/*/properties/**", "DELETE /orgs/*/properties/**",
      "POST /orgs/*/code-security/**", "PATCH /orgs/*/code-security/**",
      "PUT /orgs/*/code-security/**", "DELETE /orgs/*/code-security/**",
      "PUT /orgs/*/codespaces/access", "POST /orgs/*/codespaces/access/**", "DELETE /orgs/*/codespaces/access/**",
      "POST /orgs/*/copilot/**", "DELETE /orgs/*/copilot/**",
      "POST /orgs/*/issue-types", "PUT /orgs/*/issue-types/*", "DELETE /orgs/*/issue-types/*",
    ]
    effect = "admin"
  }
  operation "teams.admin" {
    match = [
      "POST /orgs/*/teams", "PATCH /orgs/*/teams/*", "DELETE /orgs/*/teams/*",
      "PUT /orgs/*/teams/*/memberships/*", "DELETE /orgs/*/teams/*/memberships/*",
      "PUT /orgs/*/teams/*/repos/*/*", "DELETE /orgs/*/teams/*/repos/*/*",
      "PUT /orgs/*/teams/*/projects/*", "DELETE /orgs/*/teams/*/projects/*",
      "PATCH /teams/*", "DELETE /teams/*", "PUT /teams/**", "DELETE /teams/*/**",
    ]
    effect = "admin"
  }
  operation "enterprises.admin" {
    match  = ["POST /enterprises/**", "PUT /enterprises/**", "PATCH /enterprises/**", "DELETE /enterprises/**"]
    effect = "admin"
  }
  operation "scim" {
    match  = ["POST /scim/**", "PUT /scim/**", "PATCH /scim/**", "DELETE /scim/**"]
    effect = "admin"
  }
  # What hands out tokens, and what takes them back
  operation "apps.tokens" {
    match = [
      "POST /app/installations/*/access_tokens", "POST /applications/**", "PATCH /applications/**",
      "DELETE /applications/**", "POST /app-manifests/*/conversions", "DELETE /installation/token",
      "POST /credentials/revoke", "POST /login/**",
    ]
    effect = "admin"
  }
  operation "apps.admin" {
    match = [
      "PATCH /app/hook/config", "POST /app/hook/deliveries/*/attempts", "DELETE /app/installations/*",
      "PUT /app/installations/*/suspended", "DELETE /app/installations/*/suspended",
      "PUT /user/installations/*/repositories/*", "DELETE /user/installations/*/repositories/*",
    ]
    effect = "admin"
  }
  operation "account" {
    match = [
      "PATCH /user", "POST /user/keys", "DELETE /user/keys/*", "POST /user/gpg_keys", "DELETE /user/gpg_keys/*",
      "POST /user/ssh_signing_keys", "DELETE /user/ssh_signing_keys/*",
      "POST /user/emails", "DELETE /user/emails", "PATCH /user/email/visibility",
      "POST /user/social_accounts", "DELETE /user/social_accounts", "PUT /user/blocks/*", "DELETE /user/blocks/*",
      "PUT /user/interaction-limits", "DELETE /user/interaction-limits",
      "POST /user/migrations", "DELETE /user/migrations/**",
      "PATCH /user/memberships/orgs/*", "PATCH /user/repository_invitations/*", "DELETE /user/repository_invitations/*",
    ]
    effect = "admin"
  }
  operation "follow" {
    match = [
      "PUT /user/starred/*/*", "DELETE /user/starred/*/*", "PUT /user/following/*", "DELETE /user/following/*",
      "PUT /repos/*/*/subscription", "DELETE /repos/*/*/subscription",
      "PUT /gists/*/star", "DELETE /gists/*/star",
    ]
    effect = "write"
  }
  operation "notifications" {
    match = [
      "PUT /notifications", "PUT /repos/*/*/notifications", "PATCH /notifications/threads/*",
      "DELETE /notifications/threads/*", "PUT /notifications/threads/*/subscription",
      "DELETE /notifications/threads/*/subscription",
    ]
    effect = "write"
  }
  operation "gists.write" {
    match  = ["POST /gists", "PATCH /gists/*", "POST /gists/*/forks", "POST /gists/*/comments", "PATCH /gists/*/comments/*"]
    effect = "write"
  }
  operation "gists.delete" {
    match  = ["DELETE /gists/*", "DELETE /gists/*/comments/*"]
    effect = "destructive"
  }
  operation "codespaces" {
    match = [
      "POST /user/codespaces", "POST /user/codespaces/*/start", "POST /user/codespaces/*/stop",
      "POST /user/codespaces/*/publish", "POST /user/codespaces/*/exports", "PATCH /user/codespaces/*",
      "POST /repos/*/*/codespaces", "POST /repos/*/*/pulls/*/codespaces",
    ]
    effect = "admin"
  }
  operation "imports" {
    match = [
      "PUT /repos/*/*/import", "PATCH /repos/*/*/import", "DELETE /repos/*/*/import",
      "PATCH /repos/*/*/import/**",
    ]
    effect = "admin"
  }
}
