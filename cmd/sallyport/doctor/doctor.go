// Package doctor holds `sallyport doctor`: what keeps a gateway from serving, or
// the machine of an agent from being behind one, each with its cure. It changes
// nothing, and what it finds it tells nobody else.
package doctor

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/internal/node"

	"github.com/spf13/cobra"
)

// A finding is one check.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Unsure bool   `json:"unsure,omitempty"` // a person has to look
	Fix    string `json:"fix,omitempty"`
}

func well(check string) finding       { return finding{Check: check, OK: true} }
func wrong(check, fix string) finding { return finding{Check: check, Fix: fix} }
func unsure(check, fix string) finding {
	return finding{Check: check, Unsure: true, Fix: fix}
}

// judge is well if ok, else wrong.
func judge(check string, ok bool, fix string) finding {
	if ok {
		return well(check)
	}
	return wrong(check, fix)
}

// options are the command's own flags.
type options struct {
	agent  bool
	split  bool
	probes []string
	socket string
}

// Command is the command; env is read when it runs.
func Command(env *cli.Env) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what is wrong here, on the gateway or on an agent's machine",
		Long: "Checks what keeps a gateway from working, or a machine from being behind one, with the\n" +
			"cure. It asks the gateway that runs here; where there is none, or with --agent, it looks\n" +
			"at this machine as an agent's. It exits with 1 if something is wrong.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := look(cmd, env, o)
			if err != nil {
				return err
			}
			if err := env.Print(cmd, found, func(w io.Writer) error { return write(w, found) }); err != nil {
				return err
			}
			if slices.ContainsFunc(found, func(f finding) bool { return !f.OK && !f.Unsure }) {
				return cli.ExitError{Code: cli.ExitFailed, Quiet: true}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.agent, "agent", false, "look at this machine as an agent's, even if a gateway runs here")
	f.BoolVar(&o.split, "split", false, "this machine's other traffic is meant to stay outside")
	f.StringSliceVar(&o.probes, "probe", []string{"1.1.1.1:443", "9.9.9.9:443", "[2606:4700:4700::1111]:443"},
		"`ADDRESS:PORT` outside that must not be reached beside the gateway")
	f.StringVar(&o.socket, "tailscaled", "", "`SOCKET` of tailscaled (default: where it usually is)")
	return cmd
}

func look(cmd *cobra.Command, env *cli.Env, o options) ([]finding, error) {
	if !o.agent && (env.Gateway != "" || os.Getenv("SALLYPORT_URL") != "" || exists(filepath.Join(env.State(), node.AdminSocket))) {
		var s dashboard.Status
		if err := env.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/status", nil, &s); err != nil {
			return nil, err
		}
		return append(diagnose(s), clock(cmd.Context(), s.Tailnet)...), nil
	}
	probes := make([]netip.AddrPort, len(o.probes))
	for i, text := range o.probes {
		var err error
		if probes[i], err = netip.ParseAddrPort(text); err != nil {
			return nil, cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("--probe %s: %w", text, err)}
		}
	}
	p := &patient{probes: probes, split: o.split, socket: o.socket, environ: os.LookupEnv}
	return p.examine(cmd.Context()), nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func write(w io.Writer, found []finding) error {
	for _, f := range found {
		mark := "wrong"
		switch {
		case f.OK:
			mark = "ok   "
		case f.Unsure:
			mark = "look "
		}
		cli.Printf(w, "%s  %s\n", mark, f.Check)
		if f.Fix != "" {
			if err := cli.PrintLines(w, "       ", f.Fix); err != nil {
				return err
			}
		}
	}
	return nil
}
