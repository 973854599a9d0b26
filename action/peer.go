package action

import "net/netip"

// A Peer is an agent as the network proved it: the key that decrypted its
// packets, or the tailnet's WhoIs. It is immutable; a change makes a new one.
type Peer struct {
	ID        string     // stable for the life of the enrolment; survives a new key
	Name      string     // unique among agents, for people and rules
	User      string     // whose node it is; "" for a tagged node
	Tags      []string   // "tag:ci"
	Grants    []string   // operator's rights that the tailnet's policy gives its user
	Enrolled  []string   // roles it was enrolled into; membership by tag or user is the policy's
	Addr      netip.Addr // its address in the overlay
	Transport string     // "wireguard", "tailnet", JudgeTransport
}

// JudgeTransport is how the calls of a judge enter the line: they are the
// gateway's own, and its peer is named after the judge.
const JudgeTransport = "judge"
