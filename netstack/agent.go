package netstack

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
)

const (
	maxName  = 63
	maxRoles = 64
	// Quarantine is how long the address of a removed agent is given to nobody,
	// so that no late packet, record or cache means someone else.
	Quarantine = 24 * time.Hour

	transportWireGuard = "wireguard"
)

// An Agent is one enrolment: who it is, which key proves it and where it lives
// in the overlay. It is a value; only the Roster changes the one in force.
type Agent struct {
	ID        string // stable for the life of the enrolment
	Name      string
	Roles     []string
	PublicKey string     // base64, of the key that was given out last
	Addr      netip.Addr // IPv4; the IPv6 address is derived from it
	Created   time.Time
	Expires   time.Time // zero: never
	Frozen    bool
	Removed   time.Time // zero: enrolled; else a tombstone that guards Addr

	// Node is the stable id of the tailnet node that this agent is; such an agent
	// has neither key nor Addr here. "": it comes by WireGuard.
	Node     string
	Approved bool // an operator let the node in; else only its tag or user may
}

// Live reports whether the agent may use the overlay at now.
func (a Agent) Live(now time.Time) bool {
	return !a.Frozen && a.Removed.IsZero() && !a.Expired(now)
}

// Expired reports whether the enrolment has run out by now.
func (a Agent) Expired(now time.Time) bool {
	return !a.Expires.IsZero() && !now.Before(a.Expires)
}

// peer is the agent as the rest of the line knows it.
func (a Agent) peer() *action.Peer {
	return &action.Peer{
		ID: a.ID, Name: a.Name, Enrolled: slices.Clone(a.Roles), Addr: a.Addr, Transport: transportWireGuard,
	}
}

// AgentStore keeps agents. SaveAgent inserts or replaces by ID and returns when
// the agent is safe on disk.
type AgentStore interface {
	LoadAgents(ctx context.Context) ([]Agent, error)
	SaveAgent(ctx context.Context, a Agent) error
}

// CheckName reports what is wrong with the name of an agent or role, if anything:
// names stand in rules, URLs and file names.
func CheckName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name %q: want 1 to %d characters", name, maxName)
	}
	for i, c := range []byte(name) {
		inner := i > 0 && (c == '-' || c == '_' || c == '.')
		if !inner && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("name %q: want lower-case letters and digits, then also the signs -, _ and a dot", name)
		}
	}
	return nil
}

func checkRoles(roles []string) error {
	if len(roles) > maxRoles {
		return fmt.Errorf("%d roles are more than %d", len(roles), maxRoles)
	}
	for i, r := range roles {
		if err := CheckName(r); err != nil {
			return fmt.Errorf("role: %w", err)
		}
		if slices.Contains(roles[:i], r) {
			return fmt.Errorf("role %q is named twice", r)
		}
	}
	return nil
}

// NewKey makes a WireGuard key pair, both halves in base64.
func NewKey() (private, public string, err error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	b := key.Bytes()
	b[0] &= 248 // as wg genkey writes it; the public half is the same
	b[31] = b[31]&127 | 64
	return base64.StdEncoding.EncodeToString(b), base64.StdEncoding.EncodeToString(key.PublicKey().Bytes()), nil
}
