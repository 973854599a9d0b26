package wireguard

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/netstack"

	"golang.zx2c4.com/wireguard/device"
)

// peer is an agent as the device knows it.
type peer struct {
	key  string // base64
	addr string // allowed_ip lines
}

// A Stat is what the tunnel knows of one agent.
type Stat struct {
	LastHandshake    time.Time // zero: none since the node started
	RxBytes, TxBytes int64     // as the gateway sees it
	Endpoint         string    // where its packets come from
}

// changed is the roster's subscription. Who is new can come in at once; who must
// go is the follower's work, because that takes a moment.
func (n *Node) changed() {
	n.admitNew()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// wanted is what the device should know, by agent id.
func (n *Node) wanted() map[string]peer {
	want := make(map[string]peer)
	for _, a := range n.roster.Keys() {
		want[a.ID] = peer{key: a.PublicKey, addr: n.allowed(a)}
	}
	return want
}

// sync makes the device's peers those of the roster. An agent that is gone, or
// has another key, loses its connections first and its peer right after.
func (n *Node) sync() {
	var gone []string
	n.mu.Lock()
	want := n.wanted() // under mu: in an older view whoever was just admitted is gone
	for id, p := range n.peers {
		if want[id] != p {
			gone = append(gone, id)
		}
	}
	n.mu.Unlock()
	for _, id := range gone {
		defer n.server.Cut(id)()
	}
	if len(gone) > 0 {
		n.net.Farewell() // nothing that they send has any effect by now
		n.expel(gone)
	}
	n.admitNew()
}

// expel takes peers out of the tunnel.
func (n *Node) expel(gone []string) {
	seen, stats := n.seen(), n.stats()
	known := make(map[string]bool)
	for _, a := range n.roster.List() {
		known[a.ID] = true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.Copy(n.last, seen)
	for _, id := range gone {
		if n.set(id, fmt.Sprintf("public_key=%s\nremove=true\n", hexKey(n.peers[id].key))) {
			n.sent[id] = n.sent[id].plus(stats[n.peers[id].key])
			delete(n.peers, id)
		}
	}
	maps.DeleteFunc(n.sent, func(id string, _ Stat) bool { return !known[id] })
}

// plus is what an agent has in all, with what came later.
func (s Stat) plus(later Stat) Stat {
	later.RxBytes += s.RxBytes
	later.TxBytes += s.TxBytes
	if later.LastHandshake.IsZero() {
		later.LastHandshake = s.LastHandshake
	}
	later.Endpoint = cmp.Or(later.Endpoint, s.Endpoint)
	return later
}

// admitNew adds the peers that the tunnel does not know, and no others: an agent
// whose old key is still in force waits for expel. One that comes back is greeted
// where it was last seen.
func (n *Node) admitNew() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.peers == nil {
		return
	}
	for id, p := range n.wanted() { // under mu: an older view must not come last
		if _, ok := n.peers[id]; ok {
			continue
		}
		uapi := fmt.Sprintf("public_key=%s\nreplace_allowed_ips=true\n%s", hexKey(p.key), p.addr)
		at := n.last[p.key]
		if at != "" {
			uapi += "endpoint=" + at + "\n"
		}
		if !n.set(id, uapi) {
			continue
		}
		n.peers[id] = p
		if at != "" {
			n.greet(id, p.key)
		}
	}
}

func (n *Node) set(id, uapi string) bool {
	if err := n.device.IpcSet(uapi); err != nil {
		n.log.Error("agent not set in the tunnel", "agent_id", id, "err", err)
		return false
	}
	return true
}

// greet begins a handshake with an agent that may still believe in a session
// which is gone; by itself it would notice after 15 s.
func (n *Node) greet(id, key string) {
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != device.NoisePublicKeySize {
		return
	}
	p := n.device.LookupPeer(device.NoisePublicKey(raw))
	if p == nil {
		return
	}
	if err := p.SendHandshakeInitiation(false); err != nil {
		n.log.Debug("agent not greeted", "agent_id", id, "err", err)
	}
}

// allowed is the cryptokey routing of an agent: its own two addresses.
func (n *Node) allowed(a netstack.Agent) string {
	lines := fmt.Sprintf("allowed_ip=%s/32\n", a.Addr)
	if v6 := n.space.V6(a.Addr); v6.IsValid() {
		lines += fmt.Sprintf("allowed_ip=%s/128\n", v6)
	}
	return lines
}

// Port is the UDP port that the node listens on.
func (n *Node) Port() uint16 {
	port := uint16(0)
	n.dump(func(key, value string) {
		if key == "listen_port" {
			p, _ := strconv.ParseUint(value, 10, 16) //nolint:errcheck // wireguard-go writes a number
			port = uint16(p)
		}
	})
	return port
}

// Stats tells of every agent that the tunnel knows, or has known until it was frozen
// or got another key, by id.
func (n *Node) Stats() map[string]Stat {
	byKey := n.stats()
	n.mu.Lock()
	defer n.mu.Unlock()
	stats := maps.Clone(n.sent)
	for id, p := range n.peers {
		stats[id] = n.sent[id].plus(byKey[p.key])
	}
	return stats
}

// stats reads the device, by base64 key.
func (n *Node) stats() map[string]Stat {
	stats := make(map[string]Stat)
	key, s, sec := "", Stat{}, int64(0)
	n.dump(func(name, value string) {
		number, _ := strconv.ParseInt(value, 10, 64) //nolint:errcheck // 0 for what is no number
		switch name {
		case "public_key":
			key, s, sec = base64Key(value), Stat{}, 0
		case "endpoint":
			s.Endpoint = value
		case "last_handshake_time_sec":
			sec = number
		case "last_handshake_time_nsec":
			if sec > 0 {
				s.LastHandshake = time.Unix(sec, number)
			}
		case "tx_bytes":
			s.TxBytes = number
		case "rx_bytes":
			s.RxBytes = number
		}
		if key != "" {
			stats[key] = s
		}
	})
	return stats
}

// dump calls line for each line of the device's state but its private key.
func (n *Node) dump(line func(key, value string)) {
	text, err := n.device.IpcGet()
	if err != nil {
		n.log.Error("tunnel state not read", "err", err)
		return
	}
	for sc := bufio.NewScanner(strings.NewReader(text)); sc.Scan(); {
		if key, value, ok := strings.Cut(sc.Text(), "="); ok && key != "private_key" {
			line(key, value)
		}
	}
}

// hexKey and base64Key turn a key from the form people see into that of
// wireguard-go and back; what is no key becomes "".
func hexKey(b64 string) string {
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(raw)
}

func base64Key(hexed string) string {
	raw, err := hex.DecodeString(hexed)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}
