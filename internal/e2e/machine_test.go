//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
)

// patience bounds every command of a test.
const patience = 60 * time.Second

// inside marks the copy of the test that runs in a network and mount namespace
// of its own, so that nothing of the machine is touched.
const inside = "SALLYPORT_E2E_INSIDE"

// TestMain runs the tests again inside their own namespaces.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "e2e: loopback: %v\n%s", err, out)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if os.Geteuid() != 0 {
		os.Exit(m.Run()) // each test says why it cannot run
	}
	cmd := exec.Command("unshare", append([]string{"--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", os.Args[0]}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// programs that a test needs beside what was built.
var programs = []string{"ip", "curl", "psql", "wg", "wg-quick", "nft", "nsenter", "unshare"}

// require lists the test as not run where this machine cannot run it.
func require(t *testing.T) {
	t.Helper()
	if os.Getenv(inside) == "" {
		notrun.Skip(t, "network namespaces need root")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			notrun.Skip(t, p+" is not installed")
		}
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		notrun.Skip(t, "there is no /dev/net/tun")
	}
}

// A machine is an agent's computer: a network namespace with one cable to the
// gateway, and /etc and /run of its own.
type machine struct {
	t   *testing.T
	pid string // of the process that holds the namespaces open
	dir string
}

// newMachine plugs a machine in; the gateway is at 198.51.100.1 from there.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir()}
	for _, dir := range []string{"etc", "bin"} {
		must(t, os.MkdirAll(filepath.Join(m.dir, dir), 0o755))
	}
	must(t, os.Chmod(filepath.Dir(m.dir), 0o755))
	must(t, os.Chmod(m.dir, 0o755))
	m.resolvconf()
	run(t, "cp", "-a", "/etc/.", filepath.Join(m.dir, "etc"))
	holder := exec.Command("unshare", "--net", "--mount", "--", "sleep", "infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, holder.Start())
	m.pid = fmt.Sprint(holder.Process.Pid)
	t.Cleanup(func() {
		holder.Process.Kill() //nolint:errcheck // it may have ended
		holder.Wait()         //nolint:errcheck // it was killed
	})
	m.await("unshared", func() bool {
		mine, _ := os.Readlink("/proc/self/ns/net")
		theirs, err := os.Readlink("/proc/" + m.pid + "/ns/net")
		return err == nil && theirs != mine && exec.Command("nsenter", "-t", m.pid, "-n", "-m", "true").Run() == nil
	})
	run(t, "ip", "link", "add", "cable", "type", "veth", "peer", "name", "eth0", "netns", m.pid)
	t.Cleanup(func() { exec.Command("ip", "link", "del", "cable").Run() }) //nolint:errcheck // it goes with the namespace
	run(t, "ip", "addr", "add", "198.51.100.1/24", "dev", "cable")
	run(t, "ip", "link", "set", "cable", "up")
	m.run("sh", "-ec", `mount --bind `+m.dir+`/etc /etc
		mount -t tmpfs tmpfs /run
		rm -f /etc/resolv.conf; echo 'nameserver 192.0.2.53' > /etc/resolv.conf
		ip link set lo up; ip addr add 198.51.100.2/24 dev eth0; ip link set eth0 up`)
	return m
}

// resolvconf makes openresolv work from where it was unpacked.
func (m *machine) resolvconf() {
	m.t.Helper()
	root, err := filepath.Abs("../../.cache/debian/openresolv")
	must(m.t, err)
	b, err := os.ReadFile(filepath.Join(root, "sbin/resolvconf"))
	if err != nil {
		notrun.Skip(m.t, "openresolv is not unpacked: run contrib/dev/ensure test")
	}
	b = bytes.ReplaceAll(b, []byte("LIBEXECDIR=/lib/resolvconf"), []byte("LIBEXECDIR="+root+"/lib/resolvconf"))
	must(m.t, os.WriteFile(filepath.Join(m.dir, "bin/resolvconf"), b, 0o755))
}

// command is a command on the machine.
func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", m.pid, "-n", "-m", "--"}, args...)...)
	cmd.Env = append(os.Environ(),
		"PATH="+filepath.Join(m.dir, "bin")+":"+os.Getenv("SALLYPORT_BIN")+":"+os.Getenv("PATH"),
		"WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go", "HOME="+m.dir)
	return cmd
}

// run runs a command on the machine that must succeed, and gives all it printed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// try runs a command on the machine.
func (m *machine) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	out, err := m.command(ctx, args...).CombinedOutput()
	return string(out), err
}

// join brings the tunnel up with a configuration of the gateway.
func (m *machine) join(conf string) {
	m.t.Helper()
	m.run("wg-quick", "up", conf)
	m.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		m.command(ctx, "wg-quick", "down", conf).Run() //nolint:errcheck // the machine is thrown away
	})
}

func (m *machine) await(what string, ok func() bool) {
	m.t.Helper()
	await(m.t, what, ok)
}

// await polls until ok, or fails.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for: %s", patience, what)
		}
	}
}

func run(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
