package presets_test

import (
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/presets"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

func TestList(t *testing.T) {
	want := []string{
		"anthropic", "azure_openai", "bedrock", "gemini", "github", "gitlab", "http", "internet", "jira", "linear",
		"notion", "openai", "openrouter", "postgres", "slack", "stripe",
	}
	if got := presets.List(); !slices.Equal(got, want) {
		t.Errorf("presets are %q", got)
	}
	for _, name := range []string{"", "nope", "../presets", "github.hcl"} {
		if _, ok := presets.Get(name); ok {
			t.Errorf("there is a preset %q", name)
		}
	}
}

// TestShape holds every preset against the language: one service of its own
// name, attributes and operations that the language has, in its own layout.
func TestShape(t *testing.T) {
	attributes := []string{"protocol", "hosts", "auth", "posture", "passthrough", "path_encoding", "case_insensitive_paths", "env", "probe", "description"}
	for _, name := range presets.List() {
		text, _ := presets.Get(name)
		if got := hclwrite.Format(text); string(got) != string(text) {
			t.Errorf("%s.hcl is not formatted", name)
		}
		body := service(t, name)
		for attr := range body.Attributes {
			if !slices.Contains(attributes, attr) {
				t.Errorf("%s: attribute %q", name, attr)
			}
		}
		if body.Attributes["description"] == nil || body.Attributes["protocol"] == nil {
			t.Errorf("%s: description or protocol missing", name)
		}
		if words, _ := body.Attributes["description"].Expr.Value(nil); words.AsString() != presets.Description(name) {
			t.Errorf("%s: is described as %q", name, presets.Description(name))
		}
		seen := map[string]bool{}
		for _, b := range body.Blocks {
			if b.Type != "operation" || len(b.Labels) != 1 || seen[b.Labels[0]] {
				t.Errorf("%s: block %s %q", name, b.Type, b.Labels)
			}
			seen[b.Labels[0]] = true
		}
	}
}

// TestEffects sends requests at the catalogues. Without an operation the method
// says what a request does.
func TestEffects(t *testing.T) {
	tests := []struct{ preset, request, want string }{
		{"github", "GET /repos/acme/site/issues/1", "read"},
		{"github", "GET /orgs/acme/members", "read"},
		{"github", "PUT /repos/acme/site/pulls/7/merge", "write pulls.merge"},
		{"github", "POST /repos/acme/site/merges", "write pulls.merge"},
		{"github", "POST /repos/acme/site/pulls", "write pulls.create"},
		{"github", "DELETE /repos/acme/site", "destructive repos.delete"},
		{"github", "PATCH /repos/acme/site", "admin repos.settings"},
		{"github", "PATCH /repos/acme/site/issues/1", "write issues.update"},
		{"github", "POST /repos/acme/site/issues/1/labels", "write issues.label"},
		{"github", "DELETE /repos/acme/site/issues/1/labels/bug", "write issues.label"},
		{"github", "DELETE /repos/acme/site/issues/comments/9", "destructive"},
		{"github", "POST /repos/acme/site/issues/comments/9/reactions", "write reactions"},
		{"github", "PUT /repos/acme/site/contents/docs/a.md", "write contents.write"},
		{"github", "DELETE /repos/acme/site/contents/docs/a.md", "destructive contents.delete"},
		{"github", "PATCH /repos/acme/site/git/refs/heads/main", "unknown git.update_ref"},
		{"github", "DELETE /repos/acme/site/git/refs/heads/main", "destructive git.delete_ref"},
		{"github", "PUT /repos/acme/site/actions/secrets/KEY", "admin secrets"},
		{"github", "PUT /repos/acme/site/dependabot/secrets/KEY", "admin secrets"},
		{"github", "GET /repos/acme/site/actions/secrets", "read"},
		{"github", "GET /repos/acme/site/secret-scanning/alerts/1/locations", "admin security.leaked_secrets"},
		{"github", "PUT /orgs/acme/actions/secrets/KEY/repositories", "admin secrets"},
		{"github", "POST /repos/acme/site/hooks", "admin repos.hooks"},
		{"github", "PUT /repos/acme/site/collaborators/eve", "admin repos.collaborators"},
		{"github", "POST /repos/acme/site/keys", "admin repos.keys"},
		{"github", "POST /user/keys", "admin account"},
		{"github", "PUT /orgs/acme/memberships/eve", "admin orgs.admin"},
		{"github", "DELETE /repos/acme/site/branches/main/protection", "admin repos.protection"},
		{"github", "DELETE /repos/acme/site/branches/main/protection/enforce_admins", "admin repos.protection"},
		{"github", "POST /repos/acme/site/actions/runners/registration-token", "admin actions.runners"},
		{"github", "POST /app/installations/1/access_tokens", "admin apps.tokens"},
		{"github", "POST /repos/acme/site/actions/workflows/ci.yml/dispatches", "write actions.run"},
		{"github", "POST /graphql", "destructive admin unknown body graphql graphql.admin graphql.delete graphql.update_ref"},
		{"github", "POST /graphql#query+viewer+deletedThings", "body graphql"},
		{"github", "POST /graphql#mutation+addComment", "body graphql"},
		{"github", "POST /graphql#mutation+mergePullRequest", "body graphql"},
		{"github", "POST /graphql#mutation+updateRefs", "unknown body graphql graphql.update_ref"},
		{"github", "POST /graphql#mutation+updateRef", "unknown body graphql graphql.update_ref"},
		{"github", "POST /graphql#query+updateRefs", "body graphql"},
		{"github", "POST /graphql#mutation+approveDeployments", "admin body graphql graphql.admin"},
		{"github", "POST /graphql#mutation+deleteRef", "destructive body graphql graphql.delete"},
		{"github", "POST /graphql#mutation+addComment+updateRepository", "admin body graphql graphql.admin"},
		{"github", "POST /graphql#mutation+createBranchProtectionRule", "admin body graphql graphql.admin"},
		{"github", "POST /graphql#mutation+deleteRepositoryRuleset", "destructive admin body graphql graphql.admin graphql.delete"},
		{"github", "GET /acme/site.git/info/refs", "read git.refs"},
		{"github", "POST /acme/site.git/git-upload-pack", "read git.fetch"},
		{"github", "POST /acme/site.git/git-receive-pack", "body git.push"},
		{"github", "POST /acme/site.git/info/lfs/objects/batch", "unknown git.lfs"},
		{"github", "POST /something/new", "write"},

		{"openai", "GET /v1/models", "read"},
		{"openai", "POST /v1/chat/completions", "read chat"},
		{"openai", "POST /v1/chat/completions/c1", "write stored"},
		{"openai", "POST /v1/responses", "read responses"},
		{"openai", "POST /v1/embeddings", "read embeddings"},
		{"openai", "POST /v1/files", "write files"},
		{"openai", "POST /v1/uploads/u/parts", "write files"},
		{"openai", "POST /v1/fine_tuning/jobs", "write fine_tuning"},
		{"openai", "DELETE /v1/files/f", "destructive files.delete"},
		{"openai", "DELETE /v1/vector_stores/v", "destructive"},
		{"openai", "GET /v1/organization/users", "admin organization"},
		{"openai", "POST /v1/organization/admin_api_keys", "admin organization"},
		{"openai", "POST /v1/realtime/client_secrets", "admin realtime.secrets"},
		{"openai", "POST /v1/realtime/translations/client_secrets", "admin realtime.secrets"},
		{"openai", "POST /v1/new", "write"},

		{"anthropic", "POST /v1/messages", "read messages"},
		{"anthropic", "POST /v1/messages/count_tokens", "read count_tokens"},
		{"anthropic", "POST /v1/messages/batches", "write batches"},
		{"anthropic", "DELETE /v1/files/f", "destructive files.delete"},
		{"anthropic", "GET /v1/organizations/api_keys", "admin organizations"},
		{"anthropic", "GET /v1/models", "read"},
		{"anthropic", "POST /v1/sessions/s/events", "write agents"},
		{"anthropic", "POST /v1/deployments/d/run", "write agents"},
		{"anthropic", "POST /v1/agents/a/archive", "destructive archive"},
		{"anthropic", "PATCH /v1/memory_stores/m/memories/x", "write memory"},
		{"anthropic", "POST /v1/memory_stores/m/memory_versions/v/redact", "destructive archive"},
		{"anthropic", "POST /v1/vaults/v/credentials", "admin vaults"},
		{"anthropic", "GET /v1/vaults", "read"},

		{"slack", "POST /api/chat.postMessage", "write chat.post"},
		{"slack", "GET /api/chat.postMessage", "write unknown chat.post get.other"},
		{"slack", "POST /api/conversations.history", "read read"},
		{"slack", "GET /api/conversations.list", "read read"},
		{"slack", "POST /api/users.lookupByEmail", "read read"},
		{"slack", "POST /api/search.messages", "read read"},
		{"slack", "POST /api/auth.test", "read read"},
		{"slack", "POST /api/users.profile.get", "read read"},
		{"slack", "POST /api/chat.delete", "destructive chat.delete"},
		{"slack", "POST /api/files.delete", "destructive files.delete"},
		{"slack", "POST /api/files.sharedPublicURL", "admin files.publish"},
		{"slack", "POST /api/admin.users.list", "admin admin"},
		{"slack", "GET /api/admin.users.list", "admin admin"},
		{"slack", "POST /api/oauth.v2.access", "admin tokens"},
		{"slack", "POST /api/apps.connections.open", "admin apps"},
		{"slack", "POST /api/some.futureThing", "write"},
		{"slack", "GET /api/some.futureThing", "unknown get.other"},
		{"slack", "POST /upload/v1/ABC", "write files.upload"},

		{"gemini", "POST /v1beta/models/gemini-2.5-pro:generateContent", "read generate"},
		{"gemini", "POST /v1beta/models/gemini-2.5-pro:streamGenerateContent", "read stream"},
		{"gemini", "POST /v1beta/models/text-embedding-004:batchEmbedContents", "read embed"},
		{"gemini", "POST /v1beta/models/veo-3:predictLongRunning", "write videos"},
		{"gemini", "GET /v1beta/models", "read"},
		{"gemini", "POST /v1beta/interactions", "read interactions"},
		{"gemini", "DELETE /v1beta/interactions/v1_a", "destructive"},
		{"gemini", "POST /v1beta/fileSearchStores/s:importFile", "write file_search"},
		{"gemini", "POST /v1beta/webhooks", "admin webhooks"},
		{"gemini", "DELETE /v1beta/files/f", "destructive"},
		{"gemini", "POST /v1alpha/auth_tokens", "admin tokens"},

		{"bedrock", "POST /model/anthropic.claude-v2/converse-stream", "read converse"},
		{"bedrock", "POST /model/anthropic.claude-v2/invoke", "read invoke"},
		{"bedrock", "POST /openai/v1/chat/completions", "read openai"},
		{"bedrock", "POST /async-invoke", "write async"},
		{"bedrock", "POST /new", "write"},

		{"azure_openai", "POST /openai/deployments/gpt/chat/completions", "read chat"},
		{"azure_openai", "POST /openai/v1/responses", "read responses"},
		{"azure_openai", "DELETE /openai/deployments/gpt", "admin deployments"},
		{"azure_openai", "DELETE /openai/files/f", "destructive"},

		{"openrouter", "POST /api/v1/chat/completions", "read chat"},
		{"openrouter", "GET /api/v1/models", "read"},
		{"openrouter", "GET /api/v1/keys", "admin keys"},
		{"openrouter", "DELETE /api/v1/keys/abc", "admin keys"},
		{"openrouter", "POST /api/v1/credits/coinbase", "admin credits"},

		{"stripe", "GET /v1/customers", "read"},
		{"stripe", "POST /v1/customers", "write"},
		{"stripe", "POST /v1/refunds", "destructive refunds"},
		{"stripe", "POST /v1/payouts", "destructive payouts"},
		{"stripe", "POST /v1/treasury/outbound_payments", "destructive payouts"},
		{"stripe", "POST /v1/disputes/dp_1/close", "destructive disputes.close"},
		{"stripe", "POST /v1/payment_intents/pi_1/cancel", "destructive cancel"},
		{"stripe", "DELETE /v1/subscriptions/sub_1", "destructive"},
		{"stripe", "POST /v1/webhook_endpoints", "admin webhooks"},
		{"stripe", "POST /v1/accounts/acct_1/external_accounts", "admin accounts"},
		{"stripe", "GET /v1/issuing/cards/ic_1", "unknown issuing.details"},

		{"notion", "POST /v1/search", "read search"},
		{"notion", "POST /v1/data_sources/1/query", "read query"},
		{"notion", "PATCH /v1/pages/1", "write pages"},
		{"notion", "DELETE /v1/blocks/1", "destructive"},
		{"notion", "POST /v1/oauth/token", "admin oauth"},

		{"linear", "POST /graphql#query+issues", "body graphql"},
		{"linear", "POST /graphql#mutation+issueCreate", "body graphql"},
		{"linear", "POST /graphql#mutation+issueDelete", "destructive body graphql graphql.delete"},
		{"linear", "POST /graphql#mutation+apiKeyCreate", "admin body graphql graphql.admin"},
		{"linear", "POST /graphql#mutation+webhookDelete", "destructive admin body graphql graphql.admin graphql.delete"},
		{"linear", "POST /graphql", "destructive admin body graphql graphql.admin graphql.delete"},

		{"jira", "POST /rest/api/3/search/jql", "read search"},
		{"jira", "POST /rest/api/3/issue", "write issues"},
		{"jira", "POST /rest/api/3/issue/ACME-1/comment", "write comments"},
		{"jira", "DELETE /rest/api/3/issue/ACME-1", "destructive"},
		{"jira", "POST /rest/api/3/bulk/issues/delete", "destructive bulk.delete"},
		{"jira", "POST /rest/api/3/project", "admin administration"},
		{"jira", "PUT /rest/api/2/permissionscheme/1", "admin administration"},

		{"gitlab", "GET /api/v4/projects/1/issues", "read"},
		{"gitlab", "POST /api/v4/projects/1/issues", "write issues"},
		{"gitlab", "POST /api/v4/projects/acme%2Fsite/merge_requests/1/notes", "write merge_requests"},
		{"gitlab", "PUT /api/v4/projects/1/merge_requests/1/merge", "write merge_requests.merge"},
		{"gitlab", "POST /api/v4/projects/1/repository/commits", "unknown commits"},
		{"gitlab", "GET /api/v4/projects/1/variables/KEY", "admin variables"},
		{"gitlab", "POST /api/v4/projects/1/access_tokens", "admin tokens"},
		{"gitlab", "GET /api/v4/personal_access_tokens", "admin tokens"},
		{"gitlab", "POST /api/v4/groups/1/members", "admin members"},
		{"gitlab", "DELETE /api/v4/projects/1/protected_branches/main", "admin protection"},
		{"gitlab", "PUT /api/v4/projects/1", "admin settings"},
		{"gitlab", "DELETE /api/v4/projects/1", "destructive delete"},
		{"gitlab", "DELETE /api/v4/projects/1/repository/branches/main", "destructive delete"},
		{"gitlab", "POST /acme/site.git/git-receive-pack", "body git.push"},
		{"gitlab", "POST /acme/team/site.git/git-upload-pack", "read git.fetch"},
		{"gitlab", "POST /api/graphql#mutation+createNote", "body graphql"},
		{"gitlab", "POST /api/graphql#mutation+destroyNote", "destructive body graphql graphql.delete"},
		{"gitlab", "POST /api/graphql#query+project", "body graphql"},
	}
	for _, tt := range tests {
		if got := catalogue(t, tt.preset).judge(t, tt.request); got != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.preset, tt.request, got, tt.want)
		}
	}
}

// service gives the body of a preset's one block.
func service(t *testing.T, name string) *hclsyntax.Body {
	t.Helper()
	text, ok := presets.Get(name)
	if !ok {
		t.Fatalf("no preset %q", name)
	}
	f, diags := hclsyntax.ParseConfig(text, name+".hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	body := f.Body.(*hclsyntax.Body)
	if len(body.Attributes) != 0 || len(body.Blocks) != 1 || body.Blocks[0].Type != "service" || !slices.Equal(body.Blocks[0].Labels, []string{name}) {
		t.Fatalf("%s.hcl is not one service %q", name, name)
	}
	return body.Blocks[0].Body
}

// An operation is one entry of a catalogue, read as the tests need it.
type operation struct {
	name, effect, as string
	match            []string
	when             *cond.Cond
}

type operations []operation

// line is the facts that an operation looks at. A path may end with #, the type of
// a GraphQL operation, and its root fields.
type line struct{ method, path string }

func (l *line) graphql() (typ string, fields []string, s action.State) {
	_, call, ok := strings.Cut(l.path, "#")
	if !ok {
		return "", nil, action.Unknown
	}
	words := strings.Split(call, "+")
	return words[0], words[1:], action.Known
}

func catalogue(t *testing.T, preset string) operations {
	t.Helper()
	schema := cond.NewSchema(action.FactTable{Protocol: "http", Facts: []action.FactSpec{
		action.Str("http.method", "", 0, func(l *line) (string, action.State) { return l.method, action.Known }),
		action.Str("http.path", "", 0, func(l *line) (string, action.State) { return l.path, action.Known }),
		action.Str("graphql.type", "", 0, func(l *line) (string, action.State) { typ, _, s := l.graphql(); return typ, s }),
		action.List("graphql.fields", "", 0, func(l *line) ([]string, action.State) { _, fields, s := l.graphql(); return fields, s }),
	}})
	var ops operations
	for _, b := range service(t, preset).Blocks {
		op := operation{name: b.Labels[0]}
		for name, attr := range b.Body.Attributes {
			switch name {
			case "match":
				op.match = texts(t, attr.Expr)
			case "effect":
				op.effect = texts(t, attr.Expr)[0]
			case "as":
				if op.as = texts(t, attr.Expr)[0]; op.as != "llm" && op.as != "graphql" && op.as != "git" {
					t.Errorf("%s: operation %q is read as %q", preset, op.name, op.as)
				}
			case "when":
				var diags hcl.Diagnostics
				if op.when, diags = schema.Compile(attr.Expr); diags.HasErrors() {
					t.Fatal(diags)
				}
			default:
				t.Errorf("%s: operation %q has %q", preset, op.name, name)
			}
		}
		if _, ok := action.ParseEffect(op.effect); !ok && op.as != "graphql" && op.as != "git" || len(op.match) == 0 {
			t.Errorf("%s: operation %q has effect %q and %d matches", preset, op.name, op.effect, len(op.match))
		}
		ops = append(ops, op)
	}
	return ops
}

// texts reads a string, or a list of them.
func texts(t *testing.T, e hcl.Expression) []string {
	t.Helper()
	v, diags := e.Value(nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if !v.CanIterateElements() {
		return []string{v.AsString()}
	}
	var list []string
	for _, item := range v.AsValueSlice() {
		list = append(list, item.AsString())
	}
	return list
}

// judge gives the effects of a request, then the operations that it is.
func (ops operations) judge(t *testing.T, request string) string {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	var effects, names []string
	for _, op := range ops {
		if !op.is(t, method, path) {
			continue
		}
		names = append(names, op.name)
		effect := op.effect
		if effect == "" {
			effect = "body"
		}
		if !slices.Contains(effects, effect) {
			effects = append(effects, effect)
		}
	}
	if len(effects) == 0 {
		effects = []string{map[string]string{"GET": "read", "DELETE": "destructive"}[method]}
		if effects[0] == "" {
			effects[0] = "write"
		}
	}
	order := append(action.EffectNames(), "body")
	slices.SortFunc(effects, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	slices.Sort(names)
	return strings.Join(append(effects, names...), " ")
}

func (op operation) is(t *testing.T, method, path string) bool {
	t.Helper()
	for _, m := range op.match {
		verb, pattern, ok := strings.Cut(m, " ")
		g, err := glob.Compile(pattern, '/')
		if !ok || err != nil {
			t.Fatalf("%s: match %q: %v", op.name, m, err)
		}
		plain, _, _ := strings.Cut(path, "#")
		if verb != "*" && verb != method || !g.Match(plain) {
			continue
		}
		if op.when == nil {
			return true
		}
		is, _ := op.when.Eval(&cond.Env{Part: &action.Part{Facts: &line{method, path}}})
		return is != cond.False
	}
	return false
}

// TestOneNameEach finds two operations that both claim the very same match.
func TestOneNameEach(t *testing.T) {
	for _, name := range presets.List() {
		owner := map[string]string{}
		for _, op := range catalogue(t, name) {
			for _, m := range op.match {
				if other := owner[m]; other != "" && op.when == nil {
					t.Errorf("%s: %q is in %q and in %q", name, m, other, op.name)
				}
				owner[m] = op.name
			}
		}
	}
}
