package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/vault"

	"github.com/spf13/cobra"
)

const maxSecret = 64 << 10

func (r *commands) secretCommand() *cobra.Command {
	return cli.Group("secret", "Keep the secrets that the gateway injects", r.secretSet(), r.secretList(), r.secretRemove())
}

func (r *commands) secretSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME",
		Short: "Set a secret; its value is read from a prompt or from stdin",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := cli.ReadSecret(cmd, "value of "+args[0], maxSecret)
			if err != nil {
				return err
			}
			path := "/api/v1/secrets/" + url.PathEscape(args[0])
			if err := r.Client().Call(cmd.Context(), http.MethodPut, path, dashboard.SecretValue{Value: string(value)}, nil); err != nil {
				return err
			}
			cli.Say(cmd, "Secret %s is set.", args[0])
			return nil
		},
	}
}

func (r *commands) secretList() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the secrets, never their values",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []vault.Info
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/secrets", nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				if len(list) == 0 {
					cli.Say(cmd, "There is no secret; set one with `sallyport secret set NAME`.")
					return nil
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "NAME\tSOURCE\tVERSION\tSET")
				for _, s := range list {
					set := "-"
					if !s.Created.IsZero() {
						set = s.Created.Local().Format(time.DateTime)
					}
					version := "-"
					if s.Version > 0 {
						version = strconv.FormatUint(s.Version, 10)
					}
					if s.Problem != "" {
						set = "no value: " + s.Problem
					}
					cli.Printf(t, "%s\t%s\t%s\t%s\n", s.Name, s.Source, version, set)
				}
				return t.Flush()
			})
		},
	}
}

func (r *commands) secretRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a secret",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.Client().Call(cmd.Context(), http.MethodDelete, "/api/v1/secrets/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			cli.Say(cmd, "Secret %s is removed.", args[0])
			return nil
		},
	}
}
