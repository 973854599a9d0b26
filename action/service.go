package action

import (
	"crypto/x509"
	"net/netip"
	"net/textproto"
	"time"
)

// A Service is where an agent may go, as a protocol needs to know it. It belongs
// to the policy that made it and is never changed.
type Service struct {
	Name        string
	Preset      string // "": none
	Protocol    string // "http", "postgres", "tcp"
	Description string
	Injects     bool // a credential is bound to it
	Signs       bool // that signs requests to AWS, in place of the agent
	Plaintext   bool // the upstream speaks without TLS: tls = "disable"
	DirectTLS   bool // PostgreSQL: TLS from the first byte, without asking for it
	Passthrough bool // TLS is spliced unseen

	EncodedPaths     bool             // path_encoding = "allow": keep encoded slashes
	FoldPaths        bool             // case_insensitive_paths
	PlainInjection   bool             // insecure_injection: a secret may travel without TLS
	Readings         []string         // that operations declare with `as`
	Prices           map[string]Price // of models, that the configuration states
	AskUsage         bool             // usage = "inject": streams are asked for what they take
	Databases        []string
	Catalog          bool // PostgreSQL: names are looked up on the server
	DryRun           bool // PostgreSQL: what is asked about may be run and rolled back
	Session          Session
	Variables        []string // environment variables that agents hold a placeholder in
	Slots            []string // where its keys go, see Auth.Slot
	Probe            string   // HTTP: "GET /path", a harmless request that tries the account; "": none is known
	BodyInspectLimit int64    // bytes of a body that may be held; 0: the protocol's default
	RecordBodies     int64    // bytes of a body that the record may hold; 0: none
}

// A Session bounds what one PostgreSQL session may do; zero fields bind nothing.
type Session struct {
	ReadOnly         bool
	StatementTimeout time.Duration
	LockTimeout      time.Duration
	IdleTimeout      time.Duration
	MaxRows          int64
	MaxBytes         int64
	MaxConnections   int
}

// A Resolution is the answer to "which service is this connection for?".
type Resolution struct {
	Service   *Service // nil: refused, or NeedsName
	NeedsName bool     // only a name (SNI, Host) can tell
	Reason    string   // why it is refused, for the record
}

// A Route is how an allowed action reaches its service: which host to dial, what
// the other end must prove, which account to use there. It comes from the very
// policy that allowed the action.
type Route struct {
	Service string
	Host    string // a name, which the gateway resolves, or an address
	Port    uint16
	// Permit lists private addresses that may be dialled because the operator
	// declared them; PermitAny holds for an upstream declared by name.
	Permit    []netip.Prefix
	PermitAny bool
	// Public forbids even declared private addresses: hosts = ["*"].
	Public bool

	// Terms tells one declaration of the service from another: where it may lead
	// and what must be proven there. Connections made on other terms are not used.
	Terms uint64

	Plaintext  bool   // never TLS
	ServerName string // name the certificate must show; "" is Host
	Roots      *x509.CertPool
	Auth       *Auth // nil: the service takes no credential
}

// An Auth says which secrets make the credential of a service, and how.
type Auth struct {
	Scheme  string   // "bearer", "header", "basic", "query", "cookie", "password", "mtls", or one that a token is made for
	Name    string   // header, user, parameter or cookie
	Secrets []string // names in the vault
	Least   string   // password: the weakest method of authentication that may take it; "": none stated
	Spec    string   // what else a scheme has to be told: JSON, see vault/mint; basic: a header that takes the secret, too
	// Placeholder is the variable whose placeholder an agent has to show; "": none.
	Placeholder string
}

// Slot names the place in a request that the account's key goes to: "header
// Authorization", "query key", "cookie session".
func (a *Auth) Slot() string {
	switch a.Scheme {
	case "header":
		return "header " + textproto.CanonicalMIMEHeaderKey(a.Name)
	case "query", "cookie":
		return a.Scheme + " " + a.Name
	}
	return "header Authorization"
}

// InHandshake reports whether the account is shown in the TLS handshake, as a client
// certificate: a connection then is good for this account alone.
func (a *Auth) InHandshake() bool { return a.Scheme == "mtls" }
