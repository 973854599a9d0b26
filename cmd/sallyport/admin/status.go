package admin

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"

	"github.com/spf13/cobra"
)

func (r *commands) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show how the gateway stands",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s dashboard.Status
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/status", nil, &s); err != nil {
				return err
			}
			if err := r.Print(cmd, s, func(w io.Writer) error { return writeStatus(w, s) }); err != nil {
				return err
			}
			if s.ConfigError != "" {
				return cli.ExitError{Code: cli.ExitFailed, Quiet: true}
			}
			return nil
		},
	}
}

func writeStatus(w io.Writer, s dashboard.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	cli.Printf(t, "Gateway:\t%s, sallyport %s, started %s\n", s.Ready, s.Version, cli.Ago(s.Started))
	cli.Printf(t, "Configuration:\t%s, read %s: %s, %s\n", s.Config, cli.Ago(s.Loaded), cli.Count(s.Services, "service"), cli.Count(s.Rules, "rule"))
	if s.WireGuard != "" {
		cli.Printf(t, "WireGuard:\t%s, public key %s, inside %s\n", s.WireGuard, s.PublicKey, s.Address)
	}
	if n := s.Tailnet; n != nil {
		cli.Printf(t, "Tailnet:\t%s, %s at %s, key %s\n", n.State, cli.OrDash(n.Name), cli.OrDash(strings.Join(n.Addresses, " ")), keyLife(n.Expiry))
	}
	if len(s.Dashboard) > 0 {
		cli.Printf(t, "Dashboard:\t%s\n", strings.Join(s.Dashboard, "  "))
	}
	open := 0
	for _, n := range s.Open {
		open += n
	}
	cli.Printf(t, "Agents:\t%d enrolled, %s open\n", s.Agents, cli.Count(open, "connection"))
	cli.Printf(t, "Approvals:\t%d waiting\n", s.Pending)
	if len(s.Alerts) > 0 {
		cli.Printf(t, "Alerts:\tto %s\n", strings.Join(s.Alerts, ", "))
	}
	for _, warning := range s.Warnings {
		cli.Printf(t, "Warning:\t%s\n", warning)
	}
	for _, service := range slices.Sorted(maps.Keys(s.Accounts)) {
		for _, warning := range s.Accounts[service] {
			cli.Printf(t, "Warning:\t%s\n", warning)
		}
	}
	if s.ConfigError != "" {
		cli.Printf(t, "Not taken:\tthe changed configuration has an error; the rules above stay in force\n")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if s.ConfigError != "" {
		return cli.PrintLines(w, "", "\n"+s.ConfigError)
	}
	return nil
}

func keyLife(end time.Time) string {
	if end.IsZero() {
		return "never expires"
	}
	return "ends " + end.Local().Format(time.DateTime)
}

func (r *commands) caCommand() *cobra.Command {
	return cli.Group("ca", "Print the CA that agents must trust", &cobra.Command{
		Use:   "export",
		Short: "Print the CA certificate (PEM)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			resp, err := r.Client().Do(cmd.Context(), http.MethodGet, "/api/v1/ca.pem", nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				return fmt.Errorf("read the CA: %w", err)
			}
			return r.Print(cmd, map[string]string{"pem": string(text)}, func(w io.Writer) error {
				_, err := w.Write(text)
				return err
			})
		},
	})
}
