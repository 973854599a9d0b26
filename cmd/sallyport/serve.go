package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/cmd/sallyport/logline"
	"sallyport.dev/sallyport/internal/node"
	"sallyport.dev/sallyport/vault/harden"
	"sallyport.dev/sallyport/vault/keyring"

	"github.com/spf13/cobra"
)

// startTail is how long after it is ready a gateway still does what it does once.
const startTail = 2 * time.Second

// maxPassphrase bounds what is read of a passphrase.
const maxPassphrase = 4 << 10

// outwardTime bounds what the gateway asks of others on its own account.
const outwardTime = 30 * time.Second

func (r *root) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: "Runs the gateway of the configuration until Ctrl-C. A changed file is taken at once, and on\n" +
			"SIGHUP; one with an error is not. The log goes to stderr: lines at a terminal, else JSON.\n" +
			"With --json, one object on stdout says where it is when it is ready.",
		Example: "  sallyport serve -c ./gateway",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.HasConfig(); err != nil {
				return err
			}
			if err := harden.Process(); err != nil {
				return fmt.Errorf("keep secrets out of core dumps: %w", err)
			}
			errs, done, err := ownStderr(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer done()
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			o := node.Options{
				Build: build(), Version: buildVersion(), Config: r.Config, State: cli.DefaultState(),
				Log: newLog(errs), Errs: errs, Reload: hup, HTTP: outward(),
				Ask: askPassphrase(cmd),
			}
			defer notify(o.Log, "STOPPING=1")
			return serve(cmd.Context(), o, func(n *node.Node) {
				notify(o.Log, "READY=1")
				if r.JSON { // whoever started it need not read the log to find it
					cli.Line(cmd.OutOrStdout(), map[string]any{"ready": true, "config": r.Config, "state": n.Dir, "socket": filepath.Join(n.Dir, node.AdminSocket)}) //nolint:errcheck // the gateway serves without a reader
				}
				time.AfterFunc(startTail, func() {
					if err := giveBack(); err != nil {
						o.Log.Debug("memory of the start stays", "err", err)
					}
				})
			})
		},
	}
}

// ownStderr is where descriptor 2 leads now, if that is where w writes; done
// closes it. PostgreSQL's grammar points the descriptor elsewhere while it parses,
// and a log must not be lost to that.
func ownStderr(w io.Writer) (_ io.Writer, done func(), err error) {
	if w != io.Writer(os.Stderr) {
		return w, func() {}, nil
	}
	fd, err := syscall.Dup(int(os.Stderr.Fd()))
	if err != nil {
		return nil, nil, fmt.Errorf("stderr: %w", err)
	}
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "stderr")
	return f, func() { f.Close() }, nil
}

// outward is how the gateway asks others on its own account, never on an agent's.
func outward() *http.Client {
	return &http.Client{Timeout: outwardTime, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: outwardTime}).DialContext, DisableKeepAlives: true,
	}}
}

// serve runs a gateway until ctx ends, or until a part of it fails.
func serve(ctx context.Context, o node.Options, ready func(*node.Node)) error {
	n, err := node.Start(ctx, o)
	if errors.Is(err, node.ErrConfig) {
		return cli.ExitError{Code: cli.ExitUsage, Err: err}
	}
	if err != nil {
		return cli.ExitError{Code: cli.ExitFailed, Err: cli.Cured(err)}
	}
	defer n.Close()
	if err := n.Run(ctx, func() { ready(n) }); err != nil {
		return cli.ExitError{Code: cli.ExitFailed, Err: cli.Cured(err)}
	}
	return nil
}

// newLog writes lines for a person at a terminal, JSON for everything else.
func newLog(w io.Writer) *slog.Logger {
	if f, ok := w.(*os.File); ok && cli.Terminal(f) {
		return slog.New(logline.New(w, cli.Colours(w)))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// askPassphrase asks for the passphrase of the vault, at the terminal or on stdin;
// a new one is to be typed twice.
func askPassphrase(cmd *cobra.Command) keyring.Ask {
	return func(_ context.Context, again bool) ([]byte, error) {
		if again {
			return cli.ReadNewSecret(cmd, "passphrase of the vault", maxPassphrase, func(string) error { return nil })
		}
		return cli.ReadSecret(cmd, "passphrase of the vault", maxPassphrase)
	}
}

// notify tells the service manager that started this process how it stands
// (sd_notify(3)); without one it does nothing.
func notify(log *slog.Logger, state string) {
	at := os.Getenv("NOTIFY_SOCKET")
	if at == "" {
		return
	}
	c, err := net.Dial("unixgram", at)
	if err == nil {
		_, err = io.WriteString(c, state)
		err = errors.Join(err, c.Close())
	}
	if err != nil {
		log.Warn("the service manager was not told", "state", state, "err", err)
	}
}
