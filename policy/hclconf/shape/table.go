// Package shape is the table of what may stand where in a configuration, with a
// sentence about each, and the check of bodies against it. The reference and
// the language server tell what stands here.
package shape

import (
	"slices"

	"sallyport.dev/sallyport/policy/vocab"
)

// A Shape is what one kind of block may hold.
type Shape struct {
	Doc      string
	Labelled bool // takes one label, its name
	Host     bool // only somebody with a shell on the host may change it
	Attrs    []Attr
	Blocks   map[string]*Shape
	Later    []string // of the language, but without code yet
}

// An Attr is one attribute of a block.
type Attr struct {
	Name, Type string
	Default    string // in words, as the reference prints it; "": none
	Doc        string
}

// names lists the attributes.
func (s *Shape) names() []string {
	out := make([]string, len(s.Attrs))
	for i, a := range s.Attrs {
		out[i] = a.Name
	}
	return out
}

// has reports whether there is an attribute of that name.
func (s *Shape) has(name string) bool {
	return slices.ContainsFunc(s.Attrs, func(a Attr) bool { return a.Name == name })
}

// Language is the one table of what may stand where. What it lists as later is
// refused at its place instead of being accepted and ignored.
func Language() *Shape {
	return &Shape{
		Later: []string{"budget", "plugin"},
		Blocks: map[string]*Shape{
			"gateway":   gateway(),
			"operators": operators(),
			"secret":    secret(),
			"service":   Service(),
			"role":      role(),
			"rule":      rule(),
			"approver":  approver(),
			"judge":     judge(),
			"price":     price(),
			"test":      test(),
		},
	}
}

func operators() *Shape {
	people := func(name, may string) Attr {
		return Attr{Name: name, Type: "list of people", Doc: may + ` "ana@acme.dev" (a login of the tailnet or of the identity provider), "group:NAME" (of the identity provider), "*@acme.dev", or a local user.`}
	}
	return &Shape{
		Doc:  "Who may do what with the gateway. Agents are never operators.",
		Host: true,
		Attrs: []Attr{
			people("admins", "Who may do everything."),
			people("editors", "Who may change services, roles, rules and budgets, and freeze agents."),
			people("approvers", "Who may answer what is asked."),
			people("viewers", "Who may look."),
			{Name: "two_person", Type: "bool", Default: "false", Doc: "An edit by the dashboard or the API waits until a second person applies it."},
		},
	}
}

func secret() *Shape {
	return &Shape{
		Doc:      "A value that is injected and that no agent sees. Without a source it is sealed in the vault and set with `sallyport secret set`.",
		Labelled: true,
		Attrs: []Attr{
			{Name: "env", Type: "string", Doc: "The environment variable of the gateway that holds it."},
			{Name: "file", Type: "path", Doc: "The file that holds it, relative to the configuration."},
			{Name: "exec", Type: "list of strings", Doc: "A program and its arguments that print it; it gets no shell, and of the environment only PATH and HOME."},
			{Name: "aws", Type: "string", Doc: "The ARN of a secret in AWS Secrets Manager."},
			{Name: "gcp", Type: "string", Doc: "projects/PROJECT/secrets/NAME in Google Secret Manager."},
			{Name: "refresh", Type: "duration", Default: `"10m"`, Doc: "How often exec, vault, aws and gcp are asked again."},
		},
		Blocks: map[string]*Shape{
			"vault": {
				Doc: "A secret of HashiCorp Vault or OpenBao. What an engine makes for the occasion lasts as long as its lease.",
				Attrs: []Attr{
					{Name: "address", Type: "string", Doc: `"https://vault.acme.dev"; required.`},
					{Name: "namespace", Type: "string", Default: "none", Doc: "The namespace."},
					{Name: "path", Type: "string", Doc: `"kv/data/db", "database/creds/app"; required.`},
					{Name: "field", Type: "string", Default: "all of it, as JSON", Doc: "The field of the secret."},
					{Name: "auth", Type: "object", Doc: `{ token_file }, { role, jwt_file } or { role_id, secret_id_file }, each with an optional mount; required.`},
					{Name: "ca", Type: "string or file", Default: "the host's roots", Doc: `file("ca.pem"): the authority that the server must be proven by.`},
				},
			},
		},
	}
}

func role() *Shape {
	return &Shape{
		Doc:      "Who may use which services.",
		Labelled: true,
		Attrs: []Attr{
			{Name: "members", Type: "list of strings", Default: "the agents that were enrolled into it", Doc: `"tag:NAME", "user:LOGIN", "agent:NAME", or "*" for every enrolled agent.`},
			{Name: "use", Type: "list of service references", Doc: "The services that its members may use."},
			{Name: "until", Type: "time", Doc: "From then on the role has no members."},
		},
		Later: []string{"budgets"},
	}
}

func rule() *Shape {
	s := &Shape{
		Doc:      "What is allowed, asked or denied. It matches when every attribute it states matches, `when` is true and `unless` is false; the strictest matching rule wins.",
		Labelled: true,
		Attrs: []Attr{
			{Name: "on", Type: `list of service references, or "*"`, Doc: "The services it is for; required."},
			{Name: "roles", Type: "list of role references", Default: "every role", Doc: "The agents it is for."},
			{Name: "when", Type: "condition", Doc: "What must be true of the facts."},
			{Name: "unless", Type: "condition", Doc: "What must be false of the facts."},
			{Name: "verdict", Type: "allow, ask or deny", Doc: "What becomes of the action; required."},
			{Name: "reason", Type: "string", Doc: "What the agent, and whoever is asked, is told."},
			{Name: "limit", Type: "rate", Default: "none", Doc: `How many actions the rule may match in any span of that length: "20/hour", or per second, minute, day, week. Needs otherwise; with allow or ask only.`},
			{Name: "per", Type: "agent, role or all", Default: "agent", Doc: "Whose actions the limit counts together."},
			{Name: "approvers", Type: "list of approver and judge references", Default: "any operator who may approve", Doc: "Who is asked: judges first, then every approver must say yes. With ask only."},
			{Name: "otherwise", Type: "allow, ask or deny", Doc: "The verdict where the attributes match, but when, unless, hours or limit does not hold."},
			{Name: "mode", Type: "enforce or observe", Default: "enforce", Doc: "observe: recorded as what it would do, never enforced."},
			{Name: "until", Type: "time", Doc: "From then on the rule has no force."},
		},
		Later: []string{"namespaces", "resources"},
	}
	for _, name := range vocab.Lists() {
		s.Attrs = append(s.Attrs, Attr{Name: name, Type: "list of strings", Default: "everything", Doc: listDoc(name)})
	}
	return s
}

func approver() *Shape {
	return &Shape{
		Doc:      "Who is asked, and how long. Nobody answers for an agent of their own.",
		Labelled: true,
		Attrs: []Attr{
			{Name: "members", Type: "list of strings", Doc: `Who may answer: "ana@acme.dev", "group:NAME", "*@acme.dev" or the name of a local user; required. They need no other right.`},
			{Name: "require", Type: "number", Default: "1", Doc: "How many distinct people must say yes."},
			{Name: "hold", Type: "duration", Default: "1m", Doc: "How long an agent's connection waits before it is told to come back; at most timeout."},
			{Name: "timeout", Type: "duration", Default: "10m", Doc: "How long the ask lives; then it is denied. At most a day."},
			{Name: "step_up", Type: "bool", Default: "false", Doc: "A yes takes a fresh proof of who gives it, which only the dashboard asks for: Slack, webhooks and tokens can only say no. One to what destroys or administers, or whose effect is unknown, always does."},
			{Name: "notify", Type: `list of slack("#channel") and webhook("https://…", secret.NAME)`, Default: "nobody", Doc: "Where an ask is told. Webhooks are signed; answers come back the same way."},
		},
	}
}

// listDoc tells what a plain list of a rule matches.
func listDoc(name string) string {
	return map[string]string{
		"effects":    "What the action does: read, write, destructive, admin, unknown.",
		"hosts":      "Globs over the name that the agent used.",
		"methods":    "HTTP methods, in capitals.",
		"paths":      "Globs over the normalised path, without the query.",
		"operations": "Names of operations of the service or its preset.",
		"verbs":      "What SQL statements carry out: select, insert, update, …",
		"tables":     "Globs over schema.name; a bare name means any schema.",
		"functions":  "Globs over schema.name of the functions that a statement calls.",
		"databases":  "Globs over the name of the database.",
		"columns":    "Globs over table.column or schema.table.column, of every column named anywhere in the statement.",
		"tools":      "Globs over the tools of MCP and LLM calls.",
		"models":     "Globs over the model of LLM calls.",
		"hours":      `Times such as "mon-fri 09:00-18:00 Europe/Berlin"; without a zone they are UTC.`,
	}[name]
}

func price() *Shape {
	tokens := func(name, usual, doc string) Attr {
		return Attr{Name: name, Type: "money", Default: usual, Doc: doc}
	}
	return &Shape{
		Doc:      "What a model costs, in place of the list that the gateway has: dollars for a million tokens. The label is the name of the model, as its answers or the requests have it. It holds at every service.",
		Labelled: true,
		Attrs: []Attr{
			tokens("input", "", `Of what goes in: "$2.50"; required.`),
			tokens("output", "", "Of what comes out, with its reasoning; required."),
			tokens("cache_read", "as input", "Of what goes in and a cache has."),
			tokens("cache_write", "as input", "Of what goes in and is written to a cache."),
			tokens("cache_write_long", "as input", "Of what is written to a cache for an hour."),
		},
	}
}

func test() *Shape {
	return &Shape{
		Doc:      "An action and the verdict it must get. Tests run at every load and keep a bad configuration out.",
		Labelled: true,
		Attrs: []Attr{
			{Name: "role", Type: "list of role references", Doc: "The roles of the agent."},
			{Name: "service", Type: "service reference", Doc: "The service; a request with a whole URL needs none."},
			{Name: "request", Type: "string", Doc: `"GET /path", or a method and a whole URL.`},
			{Name: "headers", Type: "object of strings", Doc: "Header fields of the request."},
			{Name: "body", Type: "string", Doc: "Body of the request."},
			{Name: "sql", Type: "string", Doc: "What a client sends as one query."},
			{Name: "database", Type: "string", Doc: "The database that the session is in."},
			{Name: "agent", Type: "string", Doc: "Name of the agent."},
			{Name: "user", Type: "string", Doc: "Whose node the agent's is."},
			{Name: "tags", Type: "list of strings", Doc: "Tags of the agent's node."},
			{Name: "at", Type: "time", Doc: "When; a verdict that depends on the time needs it."},
			{Name: "rule", Type: "string", Doc: "Name of the rule that must have decided."},
			{Name: "expect", Type: "allow, ask or deny", Doc: "The verdict; required."},
		},
	}
}
