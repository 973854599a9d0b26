package shape

// judge and slack are the blocks of those who are asked beside the operators.
func judge() *Shape {
	return &Shape{
		Doc:      "A model that is asked before people are, through a service of the gateway. Whatever it does not answer in form and in time is a no.",
		Labelled: true,
		Attrs: []Attr{
			{Name: "service", Type: "service reference", Doc: "The http service that its model is reached through, with its secret and its rules; required."},
			{Name: "model", Type: "string", Doc: "The model, as the service calls it; required."},
			{Name: "prompt", Type: `string or file("…")`, Doc: "What it judges by; required."},
			{Name: "may", Type: "deny or decide", Default: "deny", Doc: "deny: it can deny or pass on to people. decide: its yes settles the rule, too."},
			{Name: "timeout", Type: "duration", Default: `"20s"`, Doc: "Then it is a no."},
			{Name: "cache", Type: "duration", Default: "not at all", Doc: "How long a verdict stands for the same action by the same agent, prompt and version of the model."},
			{Name: "api", Type: "anthropic or openai", Default: "anthropic for that preset, else openai", Doc: "How the model is asked: the messages of Anthropic, or chat completions of OpenAI and what is compatible."},
			{Name: "path", Type: "string", Default: "/v1/messages or /v1/chat/completions", Doc: "Where at the service it is asked."},
		},
	}
}

func slack() *Shape {
	return &Shape{
		Doc: "The workspace of Slack that asks are shown and answered in, by Socket Mode: nothing needs to reach the gateway.",
		Attrs: []Attr{
			{Name: "app_token", Type: "secret reference", Doc: "The app-level token (xapp-…) with connections:write; required."},
			{Name: "bot_token", Type: "secret reference", Doc: "The bot token (xoxb-…) with chat:write, users:read and users:read.email; required."},
			{Name: "people", Type: "object of strings", Default: "their addresses", Doc: `Who somebody in Slack is, where operators are named otherwise: { "ana@slack.example" = "ana@acme.dev" }.`},
			{Name: "groups", Type: "object of lists", Default: "what a login by OIDC that still holds says", Doc: `Who is in a group when they answer in Slack: { oncall = ["ana@acme.dev"] } is "group:oncall".`},
		},
	}
}
