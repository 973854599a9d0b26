package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/dashboard/inbox"
	"sallyport.dev/sallyport/internal/demo"
	"sallyport.dev/sallyport/internal/node"
	"sallyport.dev/sallyport/netstack/wireguard"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// pollApprovals is how often the demo's operator looks at the desk.
const pollApprovals = 50 * time.Millisecond

// portTries is how often a free port is looked for.
const portTries = 3

var errShowOver = errors.New("the show is over")

var errNotAsAnnounced = errors.New("verdicts were not as announced")

func (r *root) demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "See it all on this machine: no configuration, no root, no network",
		Long:    "Starts a gateway on WireGuard with a temporary state directory, a real HTTPS\nupstream and, where PostgreSQL is installed, a real database; enrols an agent and\nlets it try things through the tunnel. Prints each verdict as it falls, and then a\nlink to the dashboard, on localhost only. Ctrl-C ends it, and nothing is left.",
		Example: "  sallyport demo\n  sallyport demo --once --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A closed terminal ends the show like Ctrl-C, with everything put away.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP)
			defer stop()
			// So does a closed pipe, by the error of the write. The signal is taken and says
			// nothing: it also comes of a browser that hangs up in the middle of an answer.
			broken := make(chan os.Signal, 1)
			signal.Notify(broken, syscall.SIGPIPE)
			defer signal.Stop(broken)
			cmd.SetContext(ctx)
			dir, err := os.MkdirTemp("", "sallyport-demo-")
			if err != nil {
				return fmt.Errorf("folder of the demo: %w", err)
			}
			err = runDemo(cmd, dir, once, r.JSON)
			if !errors.Is(err, errNotAsAnnounced) { // whose log is to be looked at
				err = errors.Join(err, os.RemoveAll(dir))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "exit after the script, with 0 only if every verdict was as announced")
	return cmd
}

// runDemo starts the upstreams and the gateway, and plays the show when it is up.
func runDemo(cmd *cobra.Command, dir string, once, asJSON bool) error {
	cli.Say(cmd, "Starting an upstream, a database and a gateway …")
	w, err := demo.NewWorld(cmd.Context(), dir)
	if err != nil {
		return err
	}
	defer w.Close()
	if !w.HasDatabase() {
		cli.Say(cmd, "No PostgreSQL server is installed, so the SQL part is left out (Debian: apt-get install postgresql).")
	}
	logs, err := os.Create(filepath.Join(dir, "gateway.log"))
	if err != nil {
		return fmt.Errorf("log of the gateway: %w", err)
	}
	defer logs.Close()
	g, ctx := errgroup.WithContext(cmd.Context())
	ready, link := make(chan *node.Node, 1), ""
	g.Go(func() error {
		return serveDemo(ctx, w, node.Options{
			Build: build(), Version: buildVersion(), Config: w.Config(),
			Log: slog.New(slog.NewTextHandler(logs, nil)), Errs: cmd.ErrOrStderr(), Welcome: func(to string) { link = to },
		}, func(n *node.Node) { ready <- n })
	})
	g.Go(func() error {
		select {
		case n := <-ready:
			if err := playDemo(ctx, cmd, w, n, asJSON); err != nil || once || ctx.Err() != nil {
				return cmp.Or(err, errShowOver)
			}
			return stayDemo(ctx, cmd, w, n, link, asJSON)
		case <-ctx.Done():
			return nil
		}
	})
	if err := g.Wait(); !errors.Is(err, errShowOver) {
		return err
	}
	return nil
}

// serveDemo runs the gateway of the show: on another port where the one that was free
// has become somebody else's meanwhile.
func serveDemo(ctx context.Context, w *demo.World, o node.Options, ready func(*node.Node)) error {
	err := serve(ctx, o, ready)
	for try := 1; errors.Is(err, syscall.EADDRINUSE) && try < portTries; try++ {
		if err := w.Configure(ctx); err != nil {
			return err
		}
		err = serve(ctx, o, ready)
	}
	return err
}

// playDemo enrols an agent, plays the script as that agent and tells how it went.
func playDemo(ctx context.Context, cmd *cobra.Command, w *demo.World, n *node.Node, asJSON bool) error {
	c := (&cli.Env{Gateway: filepath.Join(n.Dir, node.AdminSocket)}).Client()
	for name, value := range w.Secrets() {
		if err := c.Call(ctx, http.MethodPut, "/api/v1/secrets/"+name, dashboard.SecretValue{Value: value}, nil); err != nil {
			return fmt.Errorf("set secret %s: %w", name, err)
		}
	}
	var agent dashboard.Enrolled
	if err := c.Call(ctx, http.MethodPost, "/api/v1/agents", dashboard.Enrolment{Name: "demo-agent"}, &agent); err != nil {
		return fmt.Errorf("enrol the agent: %w", err)
	}
	tunnel, err := wireguard.NewClient(agent.Config, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("bring the agent's tunnel up: %w", err)
	}
	defer tunnel.Close()
	cli.Say(cmd, "Gateway up at %s; agent %q is in its tunnel as %s.\n", n.Endpoint(), agent.Agent.Name, agent.Agent.Address)
	bad := 0
	for _, step := range w.Script(tunnel, deskOperator{c}) {
		got, detail, err := step.Play(ctx)
		if ctx.Err() != nil {
			return nil
		}
		o := outcome{Want: step.Want, Got: got, What: step.What, Detail: detail, OK: err == nil && got == step.Want}
		if err != nil {
			o.Detail = err.Error()
		}
		if !o.OK {
			bad++
		}
		if asJSON {
			err = cli.Line(cmd.OutOrStdout(), o)
		} else {
			err = o.show(cmd.OutOrStdout())
		}
		if err != nil {
			if errors.Is(err, syscall.EPIPE) { // nobody reads on
				return errShowOver
			}
			return fmt.Errorf("tell the verdict: %w", err)
		}
	}
	if bad > 0 {
		return cli.ExitError{Code: cli.ExitFailed, Err: fmt.Errorf("%d %w; the gateway's log is %s", bad, errNotAsAnnounced, filepath.Join(w.Dir, "gateway.log"))}
	}
	cli.Say(cmd, "\nEvery verdict was as announced.")
	return nil
}

// stayDemo tells what to look at, and ends with ctx.
func stayDemo(ctx context.Context, cmd *cobra.Command, w *demo.World, n *node.Node, link string, asJSON bool) error {
	socket := filepath.Join(n.Dir, node.AdminSocket)
	var err error
	if asJSON {
		err = cli.Line(cmd.OutOrStdout(), map[string]string{"socket": socket, "config": w.Config(), "dashboard": link})
	} else {
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "\nLook around in a browser; the link works once, for whoever opens it first:\n\n  %[4]s\n\n"+
			"or in another terminal, while this one stays open:\n\n"+
			"  %[3]s log --gateway %[1]s\n  %[3]s audit verify --gateway %[1]s\n  %[3]s agent show demo-agent --gateway %[1]s\n  cat %[2]s\n\nCtrl-C ends it.\n", socket, w.Config(), os.Args[0], link)
	}
	if errors.Is(err, syscall.EPIPE) { // nobody reads on
		return errShowOver
	}
	if err != nil {
		return fmt.Errorf("tell where the gateway is: %w", err)
	}
	<-ctx.Done()
	return nil
}

// An outcome is one verdict of the show.
type outcome struct {
	What   string `json:"what"`
	Want   string `json:"want"`
	Got    string `json:"got"`
	Detail string `json:"detail,omitempty"`
	OK     bool   `json:"ok"` // it was as announced
}

// show prints an outcome for people.
func (o outcome) show(w io.Writer) error {
	mark, colour := "ok ", "\x1b[32m"
	if !o.OK {
		mark, colour = "BAD", "\x1b[31m"
	}
	if cli.Colours(w) {
		mark = colour + mark + "\x1b[0m"
	}
	_, err := fmt.Fprintf(w, "%s  %-19s  %s\n", mark, o.Want, o.What)
	for _, line := range folded(cli.Printable(o.Detail), 54) {
		if err == nil {
			_, err = fmt.Fprintf(w, "%26s%s\n", "", line)
		}
	}
	return err
}

// folded breaks a text between words into lines of at most width bytes, unless a word is longer.
func folded(text string, width int) (lines []string) {
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last < 0 || len(lines[last])+1+len(word) > width {
			lines = append(lines, word)
			continue
		}
		lines[last] += " " + word
	}
	return lines
}

// deskOperator answers through the API, as `sallyport approvals approve` does.
type deskOperator struct{ c *cli.Client }

// Approve says yes to the first ask that comes.
func (o deskOperator) Approve(ctx context.Context) (string, error) {
	tick := time.NewTicker(pollApprovals)
	defer tick.Stop()
	for {
		var list []approval.Request
		if err := o.c.Call(ctx, http.MethodGet, "/api/v1/approvals", nil, &list); err != nil {
			return "", err
		}
		if len(list) > 0 {
			path := "/api/v1/approvals/" + list[0].ID + "/approve"
			err := o.c.Call(ctx, http.MethodPost, path, inbox.Answer{Note: "the demo's operator"}, nil)
			return "approved meanwhile with `sallyport approvals approve " + list[0].ID + "`", err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}
