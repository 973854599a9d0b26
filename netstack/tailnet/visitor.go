package tailnet

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/tailnet/front"
)

// agentsPort is that of the gateway's pages for agents.
const agentsPort = 80

// A Visitor is a node of the tailnet that calls on the gateway itself, by the
// tailnet's own word. It is not remembered as an agent that waits.
type Visitor struct {
	Node   string // its stable id
	Name   string
	User   string // "" for a tagged node, whose user is nobody
	Tags   []string
	Grants []string
	// Agent: the rules give it something to do, or it has spoken as an agent before,
	// be it one that waits, is frozen or was removed.
	Agent bool
}

// Visitor asks the tailnet who has an address now; nothing is kept of the answer.
func (n *Node) Visitor(addr netip.Addr) (Visitor, error) {
	v, _, err := n.visitor(addr)
	return v, err
}

// visitor is Visitor, and tells whether the rules give the node something to do now.
func (n *Node) visitor(addr netip.Addr) (v Visitor, enrolled bool, err error) {
	f, err := n.whois(addr)
	if err != nil {
		return Visitor{}, false, err
	}
	record, _ := n.roster.ByNode(f.node)
	enrolled = n.cfg.Enrolled(peerOf(f, record))
	return Visitor{
		Node: f.node, Name: f.name, User: f.user, Tags: slices.Clone(f.tags), Grants: slices.Clone(f.grants),
		Agent: enrolled || n.roster.Knew(f.node),
	}, enrolled, nil
}

// Certificate gives the certificate of the node's name, which the tailnet must
// have been allowed to get. It may take as long as a certificate takes.
func (n *Node) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := hello.ServerName
	if name == "" {
		return nil, errNoName
	}
	if !strings.Contains(name, ".") {
		if full, ok := n.client.ExpandSNIName(hello.Context(), name); ok {
			name = full
		}
	}
	return n.leaves.Get(hello.Context(), name)
}

var errNoName = errors.New("the handshake names no host")

// Names gives what the node is called in its tailnet, names and addresses, and the
// name that the tailnet has certificates for; "" if it has none.
func (n *Node) Names(ctx context.Context) (names []string, https string) {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	s, err := n.client.StatusWithoutPeers(ctx)
	if err != nil {
		return nil, ""
	}
	for _, a := range s.TailscaleIPs {
		names = append(names, a.String())
	}
	if s.Self != nil && s.Self.DNSName != "" {
		full := strings.ToLower(strings.TrimSuffix(s.Self.DNSName, "."))
		short, _, _ := strings.Cut(full, ".")
		names = append(names, full, short)
	}
	if len(s.CertDomains) > 0 {
		https = s.CertDomains[0]
		names = append(names, https)
	}
	return names, https
}

// Listen takes the connections that people's nodes make to one port of the node's
// own addresses. Whoever is an agent with a tag, or nobody, does not reach it; at
// port 80, where agents have pages of their own, no agent does, nor any node with a
// tag, which may be one to come. It is called before Start; the end of the node ends it.
func (n *Node) Listen(port uint16) net.Listener {
	f := front.New(port, func() netip.Addr { v4, _ := n.Gateway(); return v4 })
	if n.fronts == nil {
		n.fronts = make(map[uint16]*front.Front)
	}
	n.fronts[port] = f
	return f
}

// local is Capture.Local: a connection to the node itself that is no agent's.
func (n *Node) local(src netip.Addr, port uint16) (take func(netstack.Conn), ok bool) {
	f := n.fronts[port]
	if f == nil {
		return nil, false
	}
	v, err := n.Visitor(src)
	if port == agentsPort && (err != nil || v.Agent || len(v.Tags) > 0) {
		return nil, false
	}
	if err != nil || v.Agent && len(v.Tags) > 0 {
		return nil, true
	}
	return f.Take(src), true
}
