// Package host holds the blocks of a configuration that only somebody with a
// shell on the host may change: the gateway itself, and secrets that come from
// elsewhere than the vault. An edit of the policy cannot express them.
package host

import (
	"net/netip"
	"time"

	"sallyport.dev/sallyport/policy/hclconf/value"

	"github.com/hashicorp/hcl/v2"
)

// A Gateway is the host block of that name, with its defaults filled in.
type Gateway struct {
	Name      string
	StateDir  string // "": the default of the host
	Key       KeySource
	Wireguard *Wireguard // nil: no such transport
	Tailnet   *Tailnet   // nil: no such transport
	Dashboard *Dashboard // nil: people come by the tailnet only
	Slack     *Slack     // nil: nobody is asked there
	Forward   []Forward  // who is handed every record
	Alerts    *Alerts    // nil: nobody is told
	Resolvers []netip.AddrPort
	Record    Record
	Limits    Limits
	Range     hcl.Range
}

// A KeySource says where the key that seals the vault is; zero is the state
// directory.
type KeySource struct {
	File, Env  string
	Systemd    string // name of a credential
	Passphrase bool
	Transit    *Vault // whose Path is the engine and Field the name of the key
}

// Wireguard is the transport of that name.
type Wireguard struct {
	Listen   string
	Endpoint string // "": the host's address
	Subnet   netip.Prefix
	MTU      int
}

// Record says how much of what happened is kept, and for how long.
type Record struct {
	Keep   time.Duration
	Strict bool  // refuse when the audit log cannot be written
	Bodies int64 // bytes of a request body that are kept; 0: none
}

// Limits bound what agents may cost.
type Limits struct {
	ConnectionsPerAgent int
	BodyInspect         int64
	Memory              int64 // of the whole process; 0: as the environment says
}

// A reader reads host blocks.
type reader struct{ *value.Reader }
