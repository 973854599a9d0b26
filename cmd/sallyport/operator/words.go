package operator

import (
	"strings"

	"sallyport.dev/sallyport/dashboard/deeds"
)

// inWords says what a deed is, as the pages do; ok is false where they know no word
// for it.
func inWords(e deeds.Entry) (words string, ok bool) {
	if words, ok = ofPeople()[e.What]; !ok {
		words, ok = known()[e.What]
	}
	return words, ok
}

func known() map[string]string {
	return map[string]string{
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
		"POST /api/v1/connections/{id}/address":         "brought the address that connects an account",
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
		"GET /api/v1/actions":                           "read recorded actions",
		"GET /api/v1/actions/rows":                      "read recorded actions",
		"GET /api/v1/events":                            "followed recorded actions",
		"GET /api/v1/actions.jsonl":                     "exported recorded actions",
		"GET /api/v1/actions.har":                       "exported recorded requests",
		"GET /api/v1/actions/{id}/whole":                "read a recorded action in full",
		"GET /api/v1/sessions":                          "read the list of sessions",
		"PUT /api/v1/views/{name}":                      "kept a view",
		"DELETE /api/v1/views/{name}":                   "removed a view",
	}
}

// ofPeople is what operators do about themselves and each other.
func ofPeople() map[string]string {
	return map[string]string{
		"DELETE /api/v1/session":                "logged out",
		"POST /api/v1/operators":                "made an operator",
		"DELETE /api/v1/operators/{name}":       "removed an operator",
		"PUT /api/v1/operators/{name}/rights":   "changed an operator's rights",
		"PUT /api/v1/operators/{name}/password": "changed a password",
		"POST /api/v1/passkeys":                 "registered a passkey",
		"DELETE /api/v1/passkeys/{name}":        "removed a passkey",
		"POST /api/v1/push":                     "had a browser told of asks",
		"DELETE /api/v1/push/{id}":              "stopped telling a browser",
		"POST /api/v1/push/{id}/test":           "sent a browser a trial",
		"POST /api/v1/setup":                    "became the first operator",
		"login":                                 "logged in",
		"login with a passkey":                  "logged in with a passkey",
		"step-up":                               "proved who they are",
		"step-up with a passkey":                "proved who they are with a passkey",
		"setup":                                 "became the first operator",
		"connect":                               "connected an account",
		"POST /api/v1/tokens":                   "made an API token",
		"DELETE /api/v1/tokens/{name}":          "ended an API token",
	}
}

// tried says what somebody wanted to do who was refused, of the words for a deed.
func tried(words string) string {
	did, rest, _ := strings.Cut(words, " ")
	do, ok := doing()[did]
	if !ok {
		return "tried " + words
	}
	return "tried to " + do + " " + rest
}

// doing turns the first word for a deed into that for what is only wanted.
func doing() map[string]string {
	return map[string]string{
		"accepted": "accept", "answered": "answer", "applied": "apply", "approved": "approve", "became": "become",
		"began": "begin", "brought": "bring", "changed": "change", "connected": "connect", "denied": "deny", "ended": "end",
		"enrolled": "enrol", "exported": "export", "followed": "follow", "froze": "freeze", "gave": "give",
		"had": "have", "kept": "keep", "left": "leave", "let": "let", "logged": "log", "made": "make", "proved": "prove", "put": "put",
		"read": "read", "registered": "register", "removed": "remove", "revoked": "revoke", "rolled": "roll",
		"sent": "send", "set": "set", "stopped": "stop", "tested": "test", "took": "take", "unfroze": "unfreeze",
	}
}
