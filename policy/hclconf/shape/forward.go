package shape

// forward is the block of a system that is handed every record.
func forward() *Shape {
	return &Shape{
		Doc:      "A system that is handed every record, in order and at least once: a syslog server (RFC 5424), or a receiver of signed webhooks.",
		Labelled: true,
		Attrs: []Attr{
			{Name: "syslog", Type: "string", Doc: `Host and port of a syslog server with TLS, "siem.acme.dev:6514"; "tcp://siem.acme.dev:601" is one without.`},
			{Name: "ca", Type: "path", Default: "the host's roots", Doc: "PEM file of the authority that vouches for the syslog server."},
			{Name: "cert", Type: "path", Default: "none", Doc: "PEM file of the certificate that the gateway shows the syslog server."},
			{Name: "key", Type: "path", Doc: "PEM file of its key."},
			{Name: "max_message", Type: "size", Default: `"8KiB"`, Doc: "What the syslog server takes as one message; a longer record leaves out its trace, sample and facts, and says so."},
			{Name: "webhook", Type: "string", Doc: "URL of a receiver of records as lines of JSON, signed like every webhook of the gateway."},
			{Name: "secret", Type: "secret reference", Doc: "The key that signs them; required with webhook."},
		},
	}
}

// alerts is the block of those who are told that something is wrong.
func alerts() *Shape {
	return &Shape{
		Doc: "Who is told when something is wrong: a warning of sallyport status, an alarm, an agent that is refused too often.",
		Attrs: []Attr{
			{Name: "notify", Type: `list of slack("#channel") and webhook("https://…", secret.NAME)`, Doc: "Where it is told; webhooks are signed. Required."},
			{Name: "denied", Type: "number", Default: "no number is too many", Doc: "More refusals of one agent within window are an alert."},
			{Name: "window", Type: "duration", Default: `"5m"`, Doc: "Within what time they are counted, from 1m to 24h."},
		},
	}
}
