package operator

import "sallyport.dev/sallyport/dashboard/deeds"

// inWords says what a deed is, as the pages do; ok is false where they know no word
// for it.
func inWords(e deeds.Entry) (words string, ok bool) {
	words, ok = map[string]string{
		"POST /api/v1/agents":                           "enrolled an agent",
		"DELETE /api/v1/agents/{name}":                  "revoked an agent",
		"POST /api/v1/agents/{name}/freeze":             "froze an agent",
		"POST /api/v1/agents/{name}/unfreeze":           "unfroze an agent",
		"POST /api/v1/agents/freeze":                    "froze every agent",
		"POST /api/v1/agents/unfreeze":                  "unfroze every agent",
		"POST /api/v1/agents/{name}/rekey":              "gave an agent a new key",
		"POST /api/v1/agents/{name}/approve":            "let a node in",
		"PUT /api/v1/secrets/{name}":                    "set a secret",
		"DELETE /api/v1/secrets/{name}":                 "removed a secret",
		"POST /api/v1/secrets/{name}/rollback":          "rolled a secret back",
		"POST /api/v1/secrets/{name}/connect":           "began to connect an account",
		"POST /api/v1/key/rotate":                       "gave the vault another key",
		"POST /api/v1/backup":                           "made a backup",
		"POST /api/v1/services/{name}/test":             "tested a service",
		"POST /api/v1/sessions/{id}/end":                "ended a session",
		"POST /api/v1/policy/apply":                     "changed the policy",
		"PUT /api/v1/policy/blocks/{kind}/{name}":       "put a block into the policy",
		"DELETE /api/v1/policy/blocks/{kind}/{name}":    "took a block out of the policy",
		"PUT /api/v1/policy/files/{file}":               "changed a file of the policy",
		"POST /api/v1/policy/history/{number}/rollback": "rolled the policy back",
		"POST /api/v1/policy/proposals/{id}/apply":      "applied an edit of somebody else",
		"DELETE /api/v1/policy/proposals/{id}":          "took an edit that waited away",
		"POST /api/v1/outlets/{name}/test":              "tested a channel",
		"POST /api/v1/tailnet/logout":                   "left the tailnet",
		"POST /api/v1/approvals/{id}/answer":            "answered an ask by webhook",
		"DELETE /api/v1/grants/{id}":                    "ended a yes for longer",
		"POST /api/v1/approvals/{id}/approve":           "approved an action",
		"POST /api/v1/approvals/{id}/deny":              "denied an action",
		"GET /api/v1/approvals/{id}/whole":              "read an action in full",
		"POST /api/v1/audit/accept":                     "accepted that records are missing",
		"DELETE /api/v1/session":                        "logged out",
		"POST /api/v1/operators":                        "made an operator",
		"DELETE /api/v1/operators/{name}":               "removed an operator",
		"PUT /api/v1/operators/{name}/rights":           "changed an operator's rights",
		"PUT /api/v1/operators/{name}/password":         "changed a password",
		"POST /api/v1/passkeys":                         "registered a passkey",
		"DELETE /api/v1/passkeys/{name}":                "removed a passkey",
		"POST /api/v1/push":                             "had a browser told of asks",
		"DELETE /api/v1/push/{id}":                      "tells a browser nothing more",
		"POST /api/v1/push/{id}/test":                   "sent a browser a trial",
		"POST /api/v1/setup":                            "became the first operator",
		"login":                                         "log-in",
		"setup":                                         "became the first operator",
		"connect":                                       "connected an account",
		"POST /api/v1/tokens":                           "made an API token",
		"DELETE /api/v1/tokens/{name}":                  "ended an API token",
	}[e.What]
	return words, ok
}
