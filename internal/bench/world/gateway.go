package world

import (
	"bufio"
	"context"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// readyTime bounds the start of a gateway.
const readyTime = 20 * time.Second

// profiler is a file that -profile adds to the gateway's main package for the
// time of one build; the tree never sees it.
//
//go:embed profiler.go.txt
var profiler []byte

// build makes the gateway's binary in the working folder, once.
func (w *World) build(ctx context.Context) error {
	if w.binary != "" {
		return nil
	}
	if w.binary = w.options.Binary; w.binary != "" {
		return nil
	}
	w.options.Say("building the gateway")
	root, err := ModuleRoot(ctx)
	if err != nil {
		return err
	}
	linked := filepath.Join(w.Dir, "bin", "linked")
	args := []string{"build", "-o", linked}
	if w.options.Profile != "" {
		overlay, err := w.overlay(filepath.Join(root, "cmd", "sallyport", "zz_profiler.go"))
		if err != nil {
			return err
		}
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/sallyport")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the gateway: %w: %s", err, out)
	}
	binary := filepath.Join(w.Dir, "bin", "sallyport")
	if err := install(linked, binary); err != nil {
		return fmt.Errorf("install the gateway: %w", err)
	}
	w.binary = binary
	return nil
}

// install copies a program, as whoever installs it does. What the linker has just
// written lies in the cache of files in pieces of two MiB, of which one look at one
// constant counts whole.
func install(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// ModuleRoot is the folder of go.mod.
func ModuleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if filepath.Base(mod) != "go.mod" {
		return "", errors.New("run it inside the module")
	}
	return filepath.Dir(mod), nil
}

// overlay writes what go build reads for -overlay.
func (w *World) overlay(place string) (string, error) {
	source, list := filepath.Join(w.Dir, "profiler.go"), filepath.Join(w.Dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{place: source}})
	if err != nil {
		return "", err
	}
	return list, errors.Join(os.WriteFile(source, profiler, 0o600), os.WriteFile(list, text, 0o600))
}

// gateway starts the real thing and enrols an agent, with the commands that an
// operator has.
func (w *World) gateway(ctx context.Context, name string) (*Target, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	g, err := w.serve(ctx, name, map[string]any{"Port": port})
	if err != nil {
		return nil, err
	}
	config, err := w.enrol(ctx, g.socket)
	if err != nil {
		return nil, err
	}
	t, err := w.tunnel(name, config, g.Roots, g.pids[0])
	if err != nil {
		return nil, err
	}
	t.socket, t.process = g.socket, g.process
	return t, t.resolve(ctx)
}

// serve starts a gateway on a transport and sets its secrets. Nobody can reach it
// yet.
func (w *World) serve(ctx context.Context, name string, transport map[string]any) (*Target, error) {
	if err := w.build(ctx); err != nil {
		return nil, err
	}
	dir := filepath.Join(w.Dir, name)
	conf, err := w.configure(dir, transport)
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "state", "admin.sock")
	cmd := exec.Command(w.binary, "serve", "-c", conf)
	if w.options.Profile != "" {
		cmd.Env = append(os.Environ(), "BENCH_PROFILE="+filepath.Join(w.options.Profile, name+".pprof"))
	}
	p, err := w.Start(name, cmd)
	if err != nil {
		return nil, err
	}
	p.profiled = w.options.Profile != "" && w.options.Binary == ""
	if err := awaitReady(ctx, socket, p); err != nil {
		return nil, fmt.Errorf("%w, see %s", err, w.log.Name())
	}
	if err := w.setSecrets(ctx, socket, secretValues()); err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(filepath.Join(dir, "state", "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("CA of the gateway: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("CA of the gateway: no certificate in it")
	}
	return &Target{Name: name, pids: []int{p.pid()}, Roots: roots, At: make(map[string]netip.AddrPort), socket: socket, process: p}, nil
}

func (w *World) setSecrets(ctx context.Context, socket string, values map[string]string) error {
	for secret, value := range values {
		if _, err := w.command(ctx, socket, value, "secret", "set", secret); err != nil {
			return err
		}
	}
	return nil
}

// enrol gives the configuration of a new agent.
func (w *World) enrol(ctx context.Context, socket string) (string, error) {
	out, err := w.command(ctx, socket, "", "agent", "add", "bench", "--json")
	if err != nil {
		return "", err
	}
	var enrolled struct{ Config string }
	if err := json.Unmarshal([]byte(out), &enrolled); err != nil {
		return "", fmt.Errorf("agent add: %w", err)
	}
	return enrolled.Config, nil
}

// command runs the gateway's own client.
func (w *World) command(ctx context.Context, socket, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, w.binary, append(args, "--gateway", socket)...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stderr = w.log
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("sallyport %s: %w, see %s", strings.Join(args, " "), err, w.log.Name())
	}
	return string(out), nil
}

// admin is a client of a gateway's admin socket.
func admin(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
}

func get(ctx context.Context, socket, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://sallyport"+path, nil)
	if err != nil {
		return nil, err
	}
	return admin(socket).Do(req)
}

func awaitReady(ctx context.Context, socket string, p *Process) error {
	deadline := time.Now().Add(readyTime)
	for {
		resp, err := get(ctx, socket, "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended while starting", p.name)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after %s", p.name, readyTime)
		}
	}
}

// Metric reads one figure without labels from the gateway's /metrics.
func (t *Target) Metric(ctx context.Context, name string) (float64, error) {
	resp, err := get(ctx, t.socket, "/metrics")
	if err != nil {
		return 0, fmt.Errorf("metrics: %w", err)
	}
	defer resp.Body.Close()
	for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
		if rest, ok := strings.CutPrefix(sc.Text(), name+" "); ok {
			return strconv.ParseFloat(rest, 64)
		}
	}
	return 0, fmt.Errorf("metrics: there is no %s", name)
}
