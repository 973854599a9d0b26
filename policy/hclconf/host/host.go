// Package host holds the blocks of a configuration that only somebody with a
// shell on the host may change: the gateway itself, and secrets that come from
// elsewhere than the vault. An edit of the policy cannot express them.
package host

import (
	"net/netip"
	"time"

	"sallyport.dev/sallyport/policy/hclconf/value"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A Gateway is the host block of that name, with its defaults filled in.
type Gateway struct {
	Name      string
	StateDir  string // "": the default of the host
	Key       KeySource
	Wireguard *Wireguard // nil: no such transport
	Tailnet   *Tailnet   // nil: no such transport
	Resolvers []netip.AddrPort
	Record    Record
	Limits    Limits
	Range     hcl.Range
}

// A KeySource says where the key that seals the vault is; zero is the state
// directory.
type KeySource struct{ File, Env string }

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
	Strict bool // refuse when the audit log cannot be written
}

// Limits bound what agents may cost.
type Limits struct {
	ConnectionsPerAgent int
	BodyInspect         int64
	Memory              int64 // of the whole process; 0: as the environment says
}

// A Secret names what is injected and where it is kept.
type Secret struct {
	Name      string
	Env, File string // both empty: sealed in the vault
	Range     hcl.Range
}

// A reader reads host blocks.
type reader struct{ *value.Reader }

// ReadSecret reads a secret block.
func ReadSecret(v *value.Reader, b *hclsyntax.Block) *Secret {
	d := &reader{v}
	s := &Secret{Name: d.Identifier(b), Range: b.DefRange()}
	value.With(b.Body, "env", func(e hcl.Expression) { s.Env = d.Word(e).Value })
	value.With(b.Body, "file", func(e hcl.Expression) { s.File = d.hostPath(d.Word(e).Value) })
	if s.Env != "" && s.File != "" {
		d.Fail(b.Body.Attributes["file"].NameRange, "Two sources", "A secret has one source: env, file, or neither for the vault.")
	}
	return s
}
