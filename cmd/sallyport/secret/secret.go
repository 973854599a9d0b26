// Package secret has the commands that keep what the gateway injects, and the key
// that seals it. A value goes in from a prompt or a pipe, and never comes out.
package secret

import (
	"errors"
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

type commands struct{ *cli.Env }

// Commands gives the groups secret and key.
func Commands(env *cli.Env) []*cobra.Command {
	c := &commands{env}
	return []*cobra.Command{
		cli.Group("secret", "Keep the secrets that the gateway injects", c.set(), c.connect(), c.list(), c.rotate(), c.rollback(), c.remove()),
		cli.Group("key", "Give the vault another key", c.rotateKey()),
	}
}

func path(name string) string { return "/api/v1/secrets/" + url.PathEscape(name) }

func (c *commands) set() *cobra.Command {
	return &cobra.Command{
		Use:     "set NAME",
		Short:   "Set a secret; its value is read from a prompt or from stdin",
		Example: "  sallyport secret set github\n  pass show github/token | sallyport secret set github",
		Args:    named,
		RunE:    func(cmd *cobra.Command, args []string) error { return c.put(cmd, args[0]) },
	}
}

// put reads a value and makes it the next version.
func (c *commands) put(cmd *cobra.Command, name string) error {
	value, err := cli.ReadSecret(cmd, "value of "+name, maxSecret)
	if err != nil {
		return err
	}
	var set dashboard.SecretSet
	if err := c.Client().Call(cmd.Context(), http.MethodPut, path(name), dashboard.SecretValue{Value: string(value)}, &set); err != nil {
		return err
	}
	deed := cli.Deed{Kind: "secret", Name: name, Done: "set", Notes: set.Notes}
	return c.Print(cmd, deed, func(io.Writer) error {
		cli.Say(cmd, "Secret %s is set.", name)
		for _, note := range deed.Notes {
			cli.Say(cmd, "%s", cli.Printable(note))
		}
		return nil
	})
}

// named takes one argument. A second one is the value, most likely.
func named(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errors.New("name the secret")
	case 1:
		return nil
	}
	return errors.New("the value is no argument, which would stay in the shell's history: it is asked for, or comes from a pipe; what you gave is in your history now")
}

func (c *commands) rotate() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate NAME",
		Short: "Give a secret that is set another value; connections finish with the old one",
		Args:  named,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := c.all(cmd)
			if err != nil {
				return err
			}
			for _, s := range list {
				if s.Name == args[0] {
					return c.put(cmd, args[0])
				}
			}
			return cli.ExitError{Code: cli.ExitFailed, Err: fmt.Errorf("there is no secret %s; set it with: sallyport secret set %[1]s", args[0])}
		},
	}
}

func (c *commands) rollback() *cobra.Command {
	return &cobra.Command{
		Use:   "rollback NAME",
		Short: "Make the value before the current one the next version",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.Client().Call(cmd.Context(), http.MethodPost, path(args[0])+"/rollback", nil, nil); err != nil {
				return err
			}
			return c.Tell(cmd, cli.Deed{Kind: "secret", Name: args[0], Done: "rolled back"}, "Secret %s has the value before again.", args[0])
		},
	}
}

func (c *commands) remove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a secret, every version of it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.Client().Call(cmd.Context(), http.MethodDelete, path(args[0]), nil, nil); err != nil {
				return err
			}
			return c.Tell(cmd, cli.Deed{Kind: "secret", Name: args[0], Done: "removed"}, "Secret %s is removed.", args[0])
		},
	}
}

func (c *commands) all(cmd *cobra.Command) ([]vault.Info, error) {
	var list []vault.Info
	err := c.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/secrets", nil, &list)
	return list, err
}

func (c *commands) list() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the secrets, never their values",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := c.all(cmd)
			if err != nil {
				return err
			}
			return c.Print(cmd, list, func(w io.Writer) error {
				if len(list) == 0 {
					cli.Say(cmd, "There is no secret; set one with `sallyport secret set NAME`.")
					return nil
				}
				return write(w, list)
			})
		},
	}
}

func write(w io.Writer, list []vault.Info) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSOURCE\tVERSION\tSET\tBY\tLAST USED\tENDS")
	for _, s := range list {
		version, by := "-", "-"
		if s.Version > 0 {
			version = strconv.FormatUint(s.Version, 10)
		}
		if s.By != "" {
			by = cli.Printable(s.By)
		}
		cli.Printf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s", s.Name, cli.Printable(s.Source), version, moment(s.Created, "-"), by, moment(s.Used, "never"), moment(s.Expires, "-"))
		if s.Problem != "" {
			cli.Printf(t, "\t! %s", cli.Printable(s.Problem))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func moment(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.Local().Format(time.DateTime)
}

func (c *commands) rotateKey() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Seal every secret with another key; no request notices",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var key dashboard.VaultKey
			if err := c.Client().Call(cmd.Context(), http.MethodPost, "/api/v1/key/rotate", nil, &key); err != nil {
				return err
			}
			return c.Print(cmd, key, func(w io.Writer) error {
				cli.Say(cmd, "Every secret is sealed with the new key %s. Backups from before need the old one.", key.ID)
				return nil
			})
		},
	}
}
