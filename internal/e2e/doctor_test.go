//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outside is an address that stands for the internet.
const outside = "203.0.113.1:8443"

// internet makes outside answer.
func internet(t *testing.T) {
	t.Helper()
	run(t, "ip", "addr", "add", "203.0.113.1/32", "dev", "lo")
	t.Cleanup(func() { exec.Command("ip", "addr", "del", "203.0.113.1/32", "dev", "lo").Run() }) //nolint:errcheck // it goes with the namespace
	l, err := net.Listen("tcp", outside)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
}

// wall is the firewall outside of the machine that docs/agents.md recommends.
func wall(t *testing.T) (open func()) {
	t.Helper()
	run(t, "nft", "add table inet wall; add chain inet wall in { type filter hook input priority 0; }; add rule inet wall in iifname cable ip daddr 203.0.113.1 drop")
	open = func() { exec.Command("nft", "delete table inet wall").Run() } //nolint:errcheck // it may be gone
	t.Cleanup(open)
	return open
}

// doctor is what the doctor finds on the machine: "ok", "look" or "wrong" with the
// cure, by check.
func (m *machine) doctor(args ...string) map[string]string {
	m.t.Helper()
	out, _ := m.try(append([]string{"sallyport", "doctor", "--agent", "--json", "--probe", outside}, args...)...) //nolint:errcheck // it fails when something is wrong
	return findings(m.t, out)
}

func findings(t *testing.T, out string) map[string]string {
	t.Helper()
	var list []struct {
		Check, Fix string
		OK, Unsure bool
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("doctor: %v\n%s", err, out)
	}
	found := make(map[string]string)
	for _, f := range list {
		switch {
		case f.OK:
			found[f.Check] = "ok"
		case f.Unsure:
			found[f.Check] = "look: " + f.Fix
		default:
			found[f.Check] = "wrong: " + f.Fix
		}
	}
	return found
}

// expect compares what a check found; want "" means that it is not made.
func expect(t *testing.T, found map[string]string, check, want string) {
	t.Helper()
	if got := found[check]; !strings.HasPrefix(got, want) || want == "" && got != "" {
		t.Errorf("%s: %q, want %q", check, got, want)
	}
}

const (
	answers  = "the gateway answers through the tunnel"
	straight = "all traffic goes to the gateway"
	beside   = "there is no way around the gateway"
)

// healthy are the checks that a machine behind a gateway passes on any transport.
func healthy(name string) []string {
	return []string{
		answers, "the gateway knows this machine, as " + name, "the clock is right", "names are asked of the gateway",
		"no other resolver answers", "IPv6 goes to the gateway, too", "UDP port 443 is refused at once",
		"the system trusts the gateway's CA", straight, beside,
	}
}

// believe puts the gateway's CA into the machine's own roots.
func (m *machine) believe() {
	m.t.Helper()
	m.run("bash", "-ec", "curl -fsS --retry 5 --retry-all-errors --retry-delay 1 "+pemURL+" > /etc/new.pem; cat /etc/new.pem >> /etc/ssl/certs/ca-certificates.crt")
}

// A machine that may leave by its other interface may go around the gateway; the
// doctor tries it. (The first row of the threats: nothing else can see it.)
func TestT01_DoctorFindsTheWayAround(t *testing.T) {
	require(t)
	s := newSite(t)
	m := newMachine(t)
	internet(t)
	open := wall(t)
	found := m.doctor()
	expect(t, found, answers, "wrong: bring the tunnel up")
	expect(t, found, beside, "") // nothing to be around of

	m.join(s.enrol("laptop"))
	expect(t, m.doctor(), "the system trusts the gateway's CA", "wrong: curl")
	m.believe()
	found = m.doctor()
	for _, check := range append(healthy("laptop"), "packets of 1420 bytes get through") {
		expect(t, found, check, "ok")
	}

	open()
	found = m.doctor()
	expect(t, found, straight, "ok")
	expect(t, found, beside, "wrong: whoever is root here reaches "+outside+" by eth0")

	m.run("ip", "route", "add", "203.0.113.1/32", "via", cable, "dev", "eth0")
	found = m.doctor()
	expect(t, found, straight, "wrong: this machine sends to 203.0.113.1 by eth0")
	expect(t, m.doctor("--split"), straight, "")
}

func TestDoctorMeasuresThePath(t *testing.T) {
	require(t)
	s := newSite(t)
	m := newMachine(t)
	m.join(s.enrol("laptop"))
	m.run("curl", "-fsS", "http://sallyport.internal/whoami")
	// Somewhere on the way packets over 1300 bytes are lost, and nobody is told.
	run(t, "nft", "add table inet e2e; add chain inet e2e in { type filter hook input priority 0; }; add rule inet e2e in udp dport 51820 meta length > 1300 drop")
	t.Cleanup(func() { exec.Command("nft", "delete table inet e2e").Run() }) //nolint:errcheck // it goes with the namespace
	expect(t, m.doctor(), "packets of 1420 bytes get through", "wrong: the way to the gateway takes 12")
}

func TestDoctorOnATailnet(t *testing.T) {
	s, m, control, _ := inTailnet(t)
	m.believe()
	internet(t)
	wall(t)
	found := m.doctor("--tailscaled", filepath.Join(m.dir, "tailscaled.sock"))
	for _, check := range append(healthy("ci-1@tag:ci"), "packets of 1280 bytes get through", "tailscaled runs", "the gateway is the exit node",
		"local networks go through it, too", "the routes of services are taken", "the tailnet's word on names is taken", "no other node of the tailnet is in sight") {
		expect(t, found, check, "ok")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary(), "doctor", "--json", "--gateway", filepath.Join(s.dir, "state/admin.sock"))
	cmd.Env = append(os.Environ(), control.trust)
	out, _ := cmd.Output() //nolint:errcheck // something is wrong
	found = findings(t, string(out))
	for _, check := range []string{"the node runs in the tailnet", "every route is approved", "the node has its tags", "the tailnet gives certificates", "agents are told to ask the gateway for names", "the clock is right"} {
		expect(t, found, check, "ok")
	}
	// The test control server lets everybody reach everything.
	expect(t, found, "the tailnet lets no agent past the gateway", "wrong: its policy lets ci-1 reach every address")
}
