package shape

// Service is what a service may hold, in a preset too.
func Service() *Shape {
	return &Shape{
		Doc:      "Where an agent may go. A label that is a preset's name takes that preset where no hosts are stated.",
		Labelled: true,
		Attrs: []Attr{
			{Name: "preset", Type: "string", Default: "the label, where that is a preset and no hosts are stated", Doc: "The preset that fills in what the block does not state."},
			{Name: "protocol", Type: "http, postgres or tcp", Default: "http", Doc: "What is spoken there."},
			{Name: "hosts", Type: "list of strings", Default: "the preset's", Doc: `Names, *.suffix, IPs and CIDRs, each with an optional port; ["*"] is every public name that no service declares.`},
			{Name: "upstream", Type: "string", Default: "the host that was asked for", Doc: "What is dialled instead."},
			{Name: "auth", Type: "credential", Default: "none", Doc: `bearer(s), header("Name", s), basic("user", s) or basic("user", s, "Name") to send it in that header as well, query("key", s), cookie("name", s), password("user", s), oauth2({ … }), github_app({ … }), gcp_service_account(s) or gcp_service_account({ … }), aws_sigv4({ … }), mtls(cert, key), placeholder("VARIABLE", …) of one of these, or by_role({ role.r = … }).`},
			{Name: "databases", Type: "list of strings", Default: "any", Doc: "postgres: the only ones that can be connected to."},
			{Name: "catalog", Type: "bool", Default: "false", Doc: "postgres: look names up on the server, so that rules meet the tables behind views, rules, partitions and foreign tables."},
			{Name: "dry_run", Type: "bool", Default: "false", Doc: "postgres: run what somebody is asked about and roll it back, to tell them how many rows it changes; only where a rollback undoes all that it could do."},
			{Name: "tls", Type: "object or string", Default: "verify-full", Doc: `{ mode, ca, server_name, negotiation }: what the upstream must prove; or "disable".`},
			{Name: "posture", Type: "guarded, locked or open", Default: "guarded", Doc: "What becomes of actions that no rule speaks about."},
			{Name: "path_encoding", Type: "allow", Default: "refused", Doc: "Keep encoded slashes in paths."},
			{Name: "case_insensitive_paths", Type: "bool", Default: "false", Doc: "The upstream does not tell /A from /a; paths and operations do not either."},
			{Name: "insecure_injection", Type: "bool", Default: "false", Doc: "Send the secret over a connection without TLS."},
			{Name: "passthrough", Type: "bool", Default: "false", Doc: "Splice TLS unseen: no facts, no secret."},
			{Name: "env", Type: "list of strings", Default: "the preset's, or none", Doc: "http: environment variables that clients take their key from; /manifest gives each agent a dummy for them."},
			{Name: "probe", Type: "string or list of strings", Default: "the preset's, or none", Doc: `http: "GET /path", a harmless request by which an operator can try whether the secret is taken; in a list with the fields that the API wants of it: ["GET /path", "x-version: 2"].`},
			{Name: "usage", Type: "inject", Default: "estimated, where a stream does not say it", Doc: "Ask streams of OpenAI's Chat Completions for what they take, and hide the answer from a client that did not ask. For services with an operation as llm."},
			{Name: "description", Type: "string", Doc: "For the manifest that agents read."},
			{Name: "mode", Type: "enforce or observe", Default: "enforce", Doc: "observe: the posture is recorded, not enforced; rules hold."},
		},
		Later: []string{"websocket", "orgs"},
		Blocks: map[string]*Shape{
			"session": {
				Doc: "postgres: limits of each session, which no rule lifts.",
				Attrs: []Attr{
					{Name: "read_only", Type: "bool", Default: "false", Doc: "Every transaction is read only."},
					{Name: "statement_timeout", Type: "duration", Default: "the server's", Doc: "A statement that runs longer is cancelled."},
					{Name: "lock_timeout", Type: "duration", Default: "the server's", Doc: "A statement that waits longer for a lock is cancelled."},
					{Name: "idle_timeout", Type: "duration", Default: "none", Doc: "A session that is silent longer is ended, inside a transaction too."},
					{Name: "max_rows", Type: "number", Default: "unlimited", Doc: "Rows of one answer."},
					{Name: "max_bytes", Type: "size", Default: "unlimited", Doc: "Bytes of one answer, and of one COPY to the server."},
					{Name: "max_connections", Type: "number", Default: "unlimited", Doc: "Open sessions of one agent."},
				},
			},
			"operation": {
				Doc:      "http: what a method and path mean; one of the same name replaces the preset's.",
				Labelled: true,
				Attrs: []Attr{
					{Name: "match", Type: "list of strings", Doc: `"POST /v1/refunds"; required.`},
					{Name: "effect", Type: "list of effects", Default: "as the method says", Doc: "read, write, destructive, admin, unknown."},
					{Name: "when", Type: "condition", Doc: "What must be true besides."},
					{Name: "as", Type: "graphql, git, mcp, jsonrpc or llm", Default: "nothing", Doc: "What the body is read as, for facts and effect."},
				},
			},
		},
	}
}
