package wireguard

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/tun"
)

const (
	// keepalive keeps NAT open, and brings an agent back that has nothing to say
	// when the gateway was restarted.
	keepalive     = 25
	keySize       = 32
	maxConfigLine = 4 << 10
)

// Settings are what an agent needs to come in: one interface, one peer.
type Settings struct {
	PrivateKey string // base64
	Addresses  []netip.Prefix
	DNS        []netip.Addr
	MTU        int // 0: not written

	PublicKey  string // the gateway's
	Endpoint   string // host:port of the gateway
	AllowedIPs []netip.Prefix
	Keepalive  int // seconds
}

// NewSettings are those of an agent whose whole traffic goes through the gateway.
// For a split tunnel replace AllowedIPs.
func NewSettings(space netstack.Space, a netstack.Agent, private, public, endpoint string, mtu int) Settings {
	gateway, _ := space.Gateway()
	s := Settings{
		PrivateKey: private, Addresses: []netip.Prefix{host(a.Addr)}, DNS: []netip.Addr{gateway},
		MTU: mtu, PublicKey: public, Endpoint: endpoint, Keepalive: keepalive,
		AllowedIPs: []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)},
	}
	if s.MTU == 0 {
		s.MTU = tun.DefaultMTU
	}
	if v6 := space.V6(a.Addr); v6.IsValid() {
		s.Addresses = append(s.Addresses, host(v6))
	}
	return s
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// ClientConfig is the settings as wg-quick and every WireGuard app read them.
func ClientConfig(s Settings) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[Interface]\nAddress = %s\nPrivateKey = %s\n", join(s.Addresses), s.PrivateKey)
	if len(s.DNS) > 0 {
		fmt.Fprintf(&b, "DNS = %s\n", join(s.DNS))
	}
	if s.MTU > 0 {
		fmt.Fprintf(&b, "MTU = %d\n", s.MTU)
	}
	fmt.Fprintf(&b, "\n[Peer]\nPublicKey = %s\nEndpoint = %s\nAllowedIPs = %s\n", s.PublicKey, s.Endpoint, join(s.AllowedIPs))
	if s.Keepalive > 0 {
		fmt.Fprintf(&b, "PersistentKeepalive = %d\n", s.Keepalive)
	}
	return b.String()
}

func join[T fmt.Stringer](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = v.String()
	}
	return strings.Join(words, ", ")
}

// ParseConfig reads what ClientConfig writes, and what people make of it: keys in
// any case, comments, lists over several lines. It knows no other keys.
func ParseConfig(text string) (Settings, error) {
	var s Settings
	section := ""
	sc := bufio.NewScanner(strings.NewReader(text))
	sc.Buffer(make([]byte, 0, maxConfigLine), maxConfigLine)
	for number := 1; sc.Scan(); number++ {
		line, _, _ := strings.Cut(sc.Text(), "#")
		line = strings.TrimSpace(line)
		switch key, value, ok := strings.Cut(line, "="); {
		case line == "":
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = strings.ToLower(line)
		case !ok:
			return Settings{}, fmt.Errorf("wireguard configuration: line %d: want a section or KEY = VALUE", number)
		default:
			if err := s.set(section+strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)); err != nil {
				return Settings{}, fmt.Errorf("wireguard configuration: line %d: %w", number, err)
			}
		}
	}
	if err := errors.Join(sc.Err(), s.check()); err != nil {
		return Settings{}, fmt.Errorf("wireguard configuration: %w", err)
	}
	return s, nil
}

// set takes one value; it never quotes one that may be a key.
func (s *Settings) set(key, value string) (err error) {
	switch key {
	case "[interface]privatekey":
		s.PrivateKey = value
	case "[interface]address":
		err = list(value, &s.Addresses, parsePrefix)
	case "[interface]dns":
		err = list(value, &s.DNS, netip.ParseAddr)
	case "[interface]mtu":
		s.MTU, err = strconv.Atoi(value)
	case "[peer]publickey":
		s.PublicKey = value
	case "[peer]endpoint":
		s.Endpoint = value
	case "[peer]allowedips":
		err = list(value, &s.AllowedIPs, parsePrefix)
	case "[peer]persistentkeepalive":
		s.Keepalive, err = strconv.Atoi(value)
	default:
		err = fmt.Errorf("unknown key %q", key)
	}
	return err
}

func list[T any](value string, to *[]T, parse func(string) (T, error)) error {
	for word := range strings.SplitSeq(value, ",") {
		v, err := parse(strings.TrimSpace(word))
		if err != nil {
			return err
		}
		*to = append(*to, v)
	}
	return nil
}

// parsePrefix takes an address for the prefix of that address alone.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return host(a), nil
	}
	return netip.ParsePrefix(s)
}

func (s *Settings) check() error {
	var errs []error
	for name, key := range map[string]string{"PrivateKey": s.PrivateKey, "PublicKey": s.PublicKey} {
		if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != keySize {
			errs = append(errs, fmt.Errorf("%s is not %d bytes in base64", name, keySize))
		}
	}
	if len(s.Addresses) == 0 {
		errs = append(errs, errors.New("Address is missing")) //nolint:staticcheck,revive // the key as it is written
	}
	if s.Endpoint == "" || strings.ContainsAny(s.Endpoint, " \t") {
		errs = append(errs, fmt.Errorf("Endpoint %q is not host:port", s.Endpoint)) //nolint:staticcheck,revive // as above
	}
	if len(s.AllowedIPs) == 0 {
		errs = append(errs, errors.New("AllowedIPs is missing")) //nolint:staticcheck,revive // as above
	}
	if s.Keepalive < 0 || s.Keepalive > 65535 {
		errs = append(errs, fmt.Errorf("PersistentKeepalive %d is out of range", s.Keepalive)) //nolint:staticcheck,revive // as above
	}
	return errors.Join(errs...)
}
