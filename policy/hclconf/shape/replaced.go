package shape

import (
	"fmt"
	"strings"
)

// A Replaced is a word that is not of the language, or not any more, and what says
// the same. Whoever takes a word out of the tables adds it here, with the version
// that did.
type Replaced struct {
	In    string // kind of block; "": a block of the configuration itself
	Word  string
	By    string // what to write
	Since string // version that took it out; "": it never was of the language, but is looked for
}

// Replacements lists every replaced word.
func Replacements() []Replaced {
	return []Replaced{
		{In: "rule", Word: "service", By: "on = [service.NAME]"},
		{In: "rule", Word: "services", By: "on = [service.NAME]"},
		{In: "rule", Word: "action", By: `verdict = "allow", "ask" or "deny"`},
		{In: "rule", Word: "decision", By: `verdict = "allow", "ask" or "deny"`},
		{In: "rule", Word: "allow", By: `verdict = "allow"`},
		{In: "rule", Word: "deny", By: `verdict = "deny"`},
		{In: "rule", Word: "ask", By: `verdict = "ask"`},
		{In: "rule", Word: "condition", By: "when = …"},
		{In: "rule", Word: "if", By: "when = …"},
		{In: "rule", Word: "except", By: "unless = …"},
		{In: "rule", Word: "else", By: "otherwise = …"},
		{In: "rule", Word: "priority", By: "nothing: the strictest matching rule wins, wherever it stands"},
		{In: "rule", Word: "schedule", By: `hours = "mon-fri 09:00-18:00 Europe/Berlin"`},
		{In: "rule", Word: "expires", By: `until = "2026-11-22T15:00:00Z"`},
		{In: "rule", Word: "rate", By: `limit = "20/hour"`},
		{In: "rule", Word: "rate_limit", By: `limit = "20/hour"`},
		{In: "rule", Word: "agents", By: "roles = [role.NAME], or when = agent.name == …"},
		{In: "service", Word: "url", By: `hosts = ["api.example.com"]`},
		{In: "service", Word: "base_url", By: `hosts = ["api.example.com"]`},
		{In: "service", Word: "domain", By: `hosts = ["api.example.com"]`},
		{In: "service", Word: "address", By: `hosts, or upstream where another place is to be dialled`},
		{In: "service", Word: "endpoint", By: `hosts, or upstream where another place is to be dialled`},
		{In: "service", Word: "secret", By: "auth = bearer(secret.NAME)"},
		{In: "service", Word: "token", By: "auth = bearer(secret.NAME)"},
		{In: "service", Word: "api_key", By: `auth = header("X-Api-Key", secret.NAME)`},
		{In: "service", Word: "credentials", By: "auth = bearer(secret.NAME)"},
		{In: "service", Word: "password", By: `auth = password("user", secret.NAME)`},
		{In: "service", Word: "default", By: `posture = "guarded", "locked" or "open"`},
		{In: "service", Word: "type", By: `protocol = "http", "postgres" or "tcp"`},
		{In: "service", Word: "rules", By: "rule blocks of their own, with on = [service.NAME]"},
		{In: "role", Word: "services", By: "use = [service.NAME]"},
		{In: "role", Word: "agents", By: `members = ["agent:NAME"], or none: then its members are those that are enrolled into it`},
		{In: "role", Word: "users", By: `members = ["user:LOGIN"]`},
		{In: "role", Word: "tags", By: `members = ["tag:NAME"]`},
		{In: "role", Word: "rules", By: "rule blocks of their own, with roles = [role.NAME]"},
		{In: "secret", Word: "value", By: "nothing: set it with `sallyport secret set NAME`, so that no file has it"},
		{In: "secret", Word: "command", By: "env or file, or nothing for the vault"},
		{In: "operation", Word: "path", By: `match = "GET /v1/things"`},
		{In: "operation", Word: "method", By: `match = "GET /v1/things"`},
		{In: "test", Word: "verdict", By: `expect = "allow", "ask" or "deny"`},
		{In: "test", Word: "want", By: `expect = "allow", "ask" or "deny"`},
		{Word: "policy", By: `rule "name" { … }`},
		{Word: "agent", By: "nothing: an agent is enrolled with `sallyport agent add NAME --role ROLE`"},
		{Word: "server", By: "gateway { … }"},
		{Word: "upstream", By: `service "name" { … }`},
		{Word: "user", By: "operators, for people; a role, for the agents of a user"},
	}
}

// cure says what to write in place of a word in a block, whose title is in.
func cure(word, in string) (text string, ok bool) {
	kind, _, _ := strings.Cut(in, " ")
	if in == wholeConfiguration {
		kind = ""
	}
	for _, r := range Replacements() {
		switch {
		case r.In != kind || r.Word != word:
		case r.Since != "":
			return fmt.Sprintf("%q was taken out in %s; write %s.", word, r.Since, r.By), true
		default:
			return fmt.Sprintf("There is no %q; write %s.", word, r.By), true
		}
	}
	return "", false
}

// wholeConfiguration stands for a block where there is none.
const wholeConfiguration = "a configuration"
