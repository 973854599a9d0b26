package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/vault"

	"github.com/spf13/cobra"
	"golang.org/x/term"
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
			value, err := readSecret(cmd, args[0])
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

// readSecret reads a value without showing it; from a pipe, one line end at the
// end is not part of it.
func readSecret(cmd *cobra.Command, name string) ([]byte, error) {
	var value []byte
	var err error
	if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		cli.Printf(cmd.ErrOrStderr(), "Value of %s: ", name)
		value, err = readHidden(cmd.Context(), int(in.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
	} else {
		value, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxSecret+1))
		value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the value of %s: %w", name, err)
	case len(value) == 0:
		return nil, fmt.Errorf("the value of %s is empty; give it at the prompt or on stdin", name)
	case len(value) > maxSecret:
		return nil, fmt.Errorf("the value of %s is longer than %d bytes", name, maxSecret)
	}
	return value, nil
}

// readHidden reads a line that the terminal does not show. When ctx ends, it
// gives the terminal back as it was.
func readHidden(ctx context.Context, fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	var value []byte
	err = cli.Await(ctx, func() (err error) {
		value, err = term.ReadPassword(fd)
		return err
	})
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), term.Restore(fd, before))
	}
	return value, err
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
