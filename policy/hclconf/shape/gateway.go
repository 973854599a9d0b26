package shape

func gateway() *Shape {
	return &Shape{
		Doc:  "The gateway itself.",
		Host: true,
		Attrs: []Attr{
			{Name: "name", Type: "string", Default: `"sallyport"`, Doc: "Subject of the CA."},
			{Name: "state_dir", Type: "path", Default: "$XDG_STATE_HOME/sallyport, for root /var/lib/sallyport", Doc: "Where everything durable is kept."},
			{Name: "key", Type: `file("…"), env("…"), systemd("…"), passphrase() or transit("…", "…", { … })`, Default: "the file key in the state directory", Doc: "Where the key is that seals the vault."},
		},
		Later: []string{"store", "proxy", "telemetry"},
		Blocks: map[string]*Shape{
			"wireguard": {
				Doc: "The WireGuard transport.",
				Attrs: []Attr{
					{Name: "listen", Type: "string", Default: `":51820"`, Doc: "UDP port, on every address of the host."},
					{Name: "endpoint", Type: "string", Default: "the host's own address", Doc: "What agents dial."},
					{Name: "subnet", Type: "string", Default: `"10.77.0.0/16"`, Doc: "The agents' IPv4 network; the first host of it is the gateway."},
					{Name: "mtu", Type: "number", Default: "1420", Doc: "From 1280 to 65000."},
				},
			},
			"tailnet": {
				Doc: "The tailnet transport.",
				Attrs: []Attr{
					{Name: "hostname", Type: "string", Default: "name", Doc: "The node's name in the tailnet."},
					{Name: "auth_key", Type: "secret reference", Default: "a person logs the node in", Doc: "An auth key, or the secret of an OAuth client."},
					{Name: "control_url", Type: "string", Default: "Tailscale's", Doc: "A control server of your own."},
					{Name: "tags", Type: "list of strings", Doc: "What the node asks to be tagged with."},
					{Name: "capture", Type: "exit-node or services", Default: "exit-node", Doc: "Everything that agents send, or the virtual IPs and what services declare."},
				},
			},
			"dashboard": dashboard(),
			"slack":     slack(),
			"forward":   forward(),
			"alerts":    alerts(),
			"dns": {
				Doc: "Names.",
				Attrs: []Attr{
					{Name: "resolvers", Type: "list of strings", Default: "the host's", Doc: "For the gateway's own look-ups."},
					{Name: "unknown", Type: "refuse", Default: "refuse", Doc: "What names that no service declares are answered."},
				},
			},
			"record": {
				Doc: "What is kept of what happened.",
				Attrs: []Attr{
					{Name: "keep", Type: "duration", Default: `"90d"`, Doc: "Months older than this are dropped."},
					{Name: "strict", Type: "bool", Default: "false", Doc: "No action runs whose record cannot be kept."},
					{Name: "bodies", Type: "size", Default: "none", Doc: "Request bodies of JSON and forms are kept up to this size, and of every answer its head and as much of its text, without what is named or looks like a secret; at most 16KiB."},
				},
			},
			"limits": {
				Doc: "What agents may cost.",
				Attrs: []Attr{
					{Name: "connections_per_agent", Type: "number", Default: "256", Doc: "Open connections of one agent."},
					{Name: "body_inspect", Type: "size", Default: `"256KiB"`, Doc: "Bytes of a body that may be held to be read."},
					{Name: "memory", Type: "size", Default: "as GOMEMLIMIT says", Doc: "What the process tries to stay within, at least 64MiB."},
				},
			},
		},
	}
}

func dashboard() *Shape {
	return &Shape{
		Doc: "Where people reach the gateway beside its name in the tailnet.",
		Attrs: []Attr{
			{Name: "listen", Type: "string", Default: `"localhost:8484"`, Doc: "Host and port; outside of localhost it takes cert and key."},
			{Name: "cert", Type: "path", Default: "plain HTTP", Doc: "PEM file of the certificate and its chain; another one is taken as soon as it stands there."},
			{Name: "key", Type: "path", Doc: "PEM file of its key."},
			{Name: "push_services", Type: "list of strings", Default: "those of the usual browsers", Doc: `Hosts, or "*.suffix", that notices to browsers may be sent to; [] turns Web Push off.`},
		},
		Blocks: map[string]*Shape{
			"oidc": {
				Doc: "An identity provider that people log in by; it must vouch for their e-mail address.",
				Attrs: []Attr{
					{Name: "issuer", Type: "string", Doc: `As the provider writes it: "https://id.acme.dev".`},
					{Name: "client_id", Type: "string", Doc: "What the gateway is called there; its redirect URL is the dashboard's address and /api/v1/login/oidc/callback."},
					{Name: "client_secret", Type: "secret reference", Doc: "The secret of that client."},
					{Name: "ca", Type: "string or file", Default: "the host's roots", Doc: `file("ca.pem"): the authority that every server of the provider must be proven by.`},
				},
			},
		},
	}
}
