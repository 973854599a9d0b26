// Package service holds the commands about services in force: which there are, and
// whether one can be reached. They are calls of the API; the gateway goes there.
package service

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/dashboard/services"

	"github.com/spf13/cobra"
)

const api = "/api/v1/services"

// commands is what they share.
type commands struct{ *cli.Env }

// Command makes the service command; env is read when one of it runs.
func Command(env *cli.Env) *cobra.Command {
	r := commands{env}
	return cli.Group("service", "List what agents may reach, and try whether it answers", r.list(), r.test())
}

func (r commands) list() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the services in force",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []dashboard.Service
			if err := r.Client().Call(cmd.Context(), http.MethodGet, api, nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				if len(list) == 0 {
					cli.Say(cmd, "No service is declared.")
					return nil
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "NAME\tPROTOCOL\tSECRETS\tROLES\tHOSTS")
				for _, s := range list {
					cli.Printf(t, "%s\t%s\t%s\t%s\t%s\n", s.Name, s.Protocol, cli.OrDash(strings.Join(s.Secrets, " ")), cli.OrDash(strings.Join(s.Roles, " ")), strings.Join(s.Hosts, " "))
				}
				return t.Flush()
			})
		},
	}
}

func (r commands) test() *cobra.Command {
	var wish services.Wish
	cmd := &cobra.Command{
		Use:     "test NAME",
		Short:   "Try the way to a service, as an agent's action would go",
		Long:    "Has the gateway look the service up, connect, have the other end prove itself and log in with the\naccount of a role. Nothing secret comes back. It exits with 1 where a step fails.",
		Example: "  sallyport service test github",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var c action.Contact
			if err := r.Client().Call(cmd.Context(), http.MethodPost, api+"/"+url.PathEscape(args[0])+"/test", wish, &c); err != nil {
				return err
			}
			if err := r.Print(cmd, c, func(w io.Writer) error { return write(w, &c) }); err != nil {
				return err
			}
			if !c.OK {
				return cli.ExitError{Code: cli.ExitFailed, Err: fmt.Errorf("service %s cannot be used as things stand", c.Service)}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&wish.Host, "host", "", "`HOST` of its hosts (default: the first that is declared)")
	cmd.Flags().StringVar(&wish.Role, "role", "", "`ROLE` whose account is tried (default: of the first role that uses it)")
	return cmd
}

// write prints the steps, and what the other end proved itself by.
func write(w io.Writer, c *action.Contact) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range c.Steps {
		took := ""
		if s.Took > 0 {
			took = s.Took.Round(100 * time.Microsecond).String()
		}
		cli.Printf(t, "%s\t%s\t%s\t%s\n", s.Name, s.State, s.Says, took)
	}
	if p := c.Certificate; p != nil {
		cli.Printf(t, "certificate\t\tof %s, by %s, until %s\t\n", p.Name, p.Issuer, p.Expires.Local().Format(time.DateOnly))
	}
	return t.Flush()
}
