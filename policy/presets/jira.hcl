# Jira Cloud and Data Center. Which site is asked is the host's matter: state
# hosts = ["acme.atlassian.net"], preset = "jira" and the account:
# auth = basic("me@acme.dev", secret.jira) in the cloud, bearer(secret.jira) for a
# personal access token of Data Center.
service "jira" {
  description = "Jira"
  protocol    = "http"
  env         = ["JIRA_API_TOKEN"]
  posture     = "guarded"
  probe       = "GET /rest/api/2/myself"

  # Searches are reads, though they may be sent by POST.
  operation "search" {
    match = [
      "POST /rest/api/*/search", "POST /rest/api/*/search/jql", "POST /rest/api/*/search/approximate-count",
      "POST /rest/api/*/jql/parse", "POST /rest/api/*/jql/match", "POST /rest/api/*/jql/autocompletedata",
      "POST /rest/api/*/expression/eval", "POST /rest/api/*/expression/evaluate", "POST /rest/api/*/issue/bulkfetch",
      "POST /rest/api/*/permissions/check", "POST /rest/api/*/changelog/bulkfetch", "POST /rest/api/*/comment/list",
    ]
    effect = "read"
  }
  operation "issues" {
    match = [
      "POST /rest/api/*/issue", "POST /rest/api/*/issue/bulk", "PUT /rest/api/*/issue/*",
      "POST /rest/api/*/issue/*/transitions", "PUT /rest/api/*/issue/*/assignee", "POST /rest/api/*/issueLink",
      "POST /rest/api/*/issue/*/worklog", "POST /rest/api/*/issue/*/watchers", "POST /rest/api/*/issue/*/votes",
    ]
    effect = "write"
  }
  operation "comments" {
    match  = ["POST /rest/api/*/issue/*/comment", "PUT /rest/api/*/issue/*/comment/*"]
    effect = "write"
  }
  operation "attachments" {
    match  = "POST /rest/api/*/issue/*/attachments"
    effect = "write"
  }
  operation "bulk.delete" {
    match  = "POST /rest/api/*/bulk/issues/delete"
    effect = "destructive"
  }
  operation "archive" {
    match  = ["PUT /rest/api/*/issue/archive", "POST /rest/api/*/issue/archive", "POST /rest/api/*/project/*/archive", "POST /rest/api/*/project/*/delete"]
    effect = "destructive"
  }
  # Who may do what, and how the site works
  operation "administration" {
    match = [
      "POST /rest/api/*/user", "DELETE /rest/api/*/user", "POST /rest/api/*/group", "DELETE /rest/api/*/group",
      "POST /rest/api/*/group/user", "DELETE /rest/api/*/group/user", "POST /rest/api/*/project", "PUT /rest/api/*/project/*",
      "DELETE /rest/api/*/project/*", "POST /rest/api/*/project/*/role/*", "PUT /rest/api/*/project/*/role/*",
      "DELETE /rest/api/*/project/*/role/*", "* /rest/api/*/permissionscheme/**", "* /rest/api/*/workflow/**",
      "* /rest/api/*/workflows/**", "* /rest/api/*/workflowscheme/**", "POST /rest/api/*/field", "PUT /rest/api/*/field/*",
      "DELETE /rest/api/*/field/*", "* /rest/api/*/application-properties/**", "* /rest/api/*/configuration/**",
      "POST /rest/api/*/webhook", "DELETE /rest/api/*/webhook", "POST /rest/webhooks/**", "DELETE /rest/webhooks/**",
      "* /rest/atlassian-connect/**", "* /rest/plugins/**",
    ]
    effect = "admin"
  }
}
