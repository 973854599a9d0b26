//go:build e2e

package tailnet

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/netstack"

	"tailscale.com/client/local"
	"tailscale.com/ipn"
	"tailscale.com/tailcfg"
	"tailscale.com/types/dnstype"
	"tailscale.com/types/preftype"
)

const (
	hostIP    = "10.231.77.1"
	machineIP = "10.231.77.2"
)

// machine is a network namespace with a stock tailscaled in it.
type machine struct {
	t      *testing.T
	netns  string
	client *local.Client
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// newMachine makes the namespace, joined to the host by a pair of interfaces.
func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		notrun.Skip(t, "network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		notrun.Skip(t, "ip is not installed (iproute2)")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		notrun.Skip(t, "there is no /dev/net/tun")
	}
	if os.Getenv("SALLYPORT_BIN") == "" {
		notrun.Skip(t, "SALLYPORT_BIN names no folder with tailscaled; make test builds it")
	}
	m := &machine{t: t, netns: fmt.Sprintf("sp-ts-%d", os.Getpid())}
	command(t, "ip", "netns", "add", m.netns)
	t.Cleanup(func() { exec.Command("ip", "netns", "del", m.netns).Run() })
	link := fmt.Sprintf("spts%d", os.Getpid()%100000)
	command(t, "ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", m.netns)
	t.Cleanup(func() { exec.Command("ip", "link", "del", link).Run() })
	command(t, "ip", "addr", "add", hostIP+"/30", "dev", link)
	command(t, "ip", "link", "set", link, "up")
	m.run("ip addr add " + machineIP + "/30 dev eth0 && ip link set eth0 up && ip link set lo up && ip route add default via " + hostIP)
	return m
}

func (m *machine) try(script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", "netns", "exec", m.netns, "bash", "-c", script).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (m *machine) run(script string) string {
	m.t.Helper()
	out, err := m.try(script)
	if err != nil {
		m.t.Fatalf("%s: %v: %s", script, err, out)
	}
	return out
}

// daemon starts tailscaled in the machine.
func (m *machine) daemon() {
	m.t.Helper()
	dir := m.t.TempDir()
	m.client = &local.Client{Socket: filepath.Join(dir, "sock"), UseSocketOnly: true}
	// Its /etc is its own: it may set the machine's resolver there.
	cmd := exec.Command("ip", "netns", "exec", m.netns, "unshare", "-m", "bash", "-c",
		`mount -t tmpfs none /etc && echo "nameserver 192.0.2.1" > /etc/resolv.conf && exec "$@"`, "-",
		filepath.Join(os.Getenv("SALLYPORT_BIN"), "tailscaled"), "--tun=ts0", "--state=mem:", "--statedir="+dir, "--socket="+m.client.Socket, "--port=0", "--no-logs-no-support")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		m.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if m.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			m.t.Logf("tailscaled: %s", text[max(0, len(text)-6000):])
		}
	})
	eventually(m.t, patience, "tailscaled answers", func() bool {
		_, err := m.client.Status(context.Background())
		return err == nil
	})
}

func (m *machine) join(l *lab) {
	m.t.Helper()
	ctx := context.Background()
	err := m.client.Start(ctx, ipn.Options{AuthKey: "tskey-good", UpdatePrefs: &ipn.Prefs{
		ControlURL: l.web.URL, Hostname: "ci-1", WantRunning: true, AdvertiseTags: []string{"tag:ci"}, RouteAll: true,
		CorpDNS: true, NetfilterMode: preftype.NetfilterOff,
	}})
	if err == nil {
		err = m.client.StartLoginInteractive(ctx)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	useExit(m.t, l, m.client)
}

// TestStockClientThroughTheGateway is an unmodified tailscaled with a TUN device,
// whose machine has no other way out than the gateway.
func TestStockClientThroughTheGateway(t *testing.T) {
	m := newMachine(t)
	l := newLabAt(t, hostIP, handlerFunc(echo)).up()
	m.daemon()
	m.join(l)
	for addr, want := range map[string]string{
		"1.2.3.4/80": "ci-1@tag:ci 1.2.3.4:80", "10.99.0.1/22": "ci-1@tag:ci 10.99.0.1:22", "198.18.0.7/443": "ci-1@tag:ci 198.18.0.7:443 api.example.com",
		"2606:50c0::153/443": "ci-1@tag:ci [2606:50c0::153]:443",
	} {
		if got := m.run("exec 3<>/dev/tcp/" + addr + "; head -n1 <&3"); got != want {
			t.Errorf("%s: announced %q, want %q", addr, got, want)
		}
	}
	if got := m.run("exec 3<>/dev/udp/8.8.8.8/53; printf q >&3; timeout 5 head -c 15 <&3"); got != "u:ci-1@tag:ci:q" {
		t.Errorf("a question to 8.8.8.8 got %q", got)
	}
	key := l.only()
	status, err := m.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	node := l.control.Node(status.Self.PublicKey)
	node.Tags = []string{"tag:other"}
	begin := time.Now()
	l.control.UpdateNode(node)
	eventually(t, cutWithin, "access ends with the tag", func() bool {
		_, ok := l.node.Current(key.ID)
		return !ok
	})
	if out, err := m.try("exec 3<>/dev/tcp/1.2.3.4/80 && head -n1 <&3"); err == nil {
		t.Errorf("%v after the tag was taken away a connection gave %q", time.Since(begin), out)
	}
}

// nobody answers every question with "no such name".
type nobody struct{ asked chan string }

func (n nobody) Answer(p *action.Peer, q []byte, _ bool) []byte {
	select {
	case n.asked <- p.Name:
	default:
	}
	a := append([]byte(nil), q...)
	a[2] |= 0x80
	a[3] = a[3]&0xf0 | 3
	return a
}

// TestStockClientAsksTheGatewayForNames is a tailnet whose global nameserver is
// the gateway, to be used with an exit node, too.
func TestStockClientAsksTheGatewayForNames(t *testing.T) {
	m := newMachine(t)
	dns := nobody{make(chan string, 1)}
	l := newLabAt(t, hostIP, handlerFunc(echo), func(_ *Config, s *netstack.Server) { s.Resolver = dns })
	l.control.DNSConfig = &tailcfg.DNSConfig{
		Proxied: true, Resolvers: []*dnstype.Resolver{{Addr: "100.64.0.1", UseWithExitNode: true}},
	}
	l.up()
	m.daemon()
	m.join(l)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, from, err := m.client.QueryDNS(ctx, "secret-data.example.com.", "A")
	if err != nil || len(answer) < 4 || answer[3]&0xf != 3 {
		t.Fatalf("answer %x of %v: %v", answer, from, err)
	}
	select {
	case who := <-dns.asked:
		if who != "ci-1@tag:ci" {
			t.Errorf("%s asked", who)
		}
	default:
		t.Errorf("the gateway was not asked, but %v", from)
	}
}
