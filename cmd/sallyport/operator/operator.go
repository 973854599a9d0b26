// Package operator holds the commands about the people who operate a gateway:
// local operators, API tokens, and what all of them did. Each is one call of the
// API, which decides.
package operator

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/route"

	"github.com/spf13/cobra"
)

// maxPassword is what the gateway takes, too.
const maxPassword = 1 << 10

// commands is what they share.
type commands struct{ *cli.Env }

// Commands lists the commands; env is read when one runs.
func Commands(env *cli.Env) []*cobra.Command {
	r := &commands{env}
	return []*cobra.Command{
		cli.Group("operator", "Say who may operate the gateway", r.add(), r.list(), r.rights(), r.passwd(), r.remove(), r.log()),
		cli.Group("token", "Keep tokens for programs that call the API", r.create(), r.tokens(), r.revoke()),
	}
}

// rightsOf reads the names of rights.
func rightsOf(names []string) (route.Rights, error) {
	var s route.Rights
	for _, name := range names {
		var right route.Right
		if err := right.UnmarshalText([]byte(name)); err != nil {
			return 0, cli.ExitError{Code: cli.ExitUsage, Err: err}
		}
		s |= route.RightsOf(right)
	}
	return s, nil
}

// words names what a set of rights was made of.
func words(s route.Rights) string {
	if s.Has(route.Admin) {
		return "admin"
	}
	list := s.List()
	if len(list) > 1 { // every other right includes this one
		list = slices.DeleteFunc(list, func(r route.Right) bool { return r == route.Viewer })
	}
	text := make([]string, len(list))
	for i, r := range list {
		text[i] = r.String()
	}
	return cli.OrDash(strings.Join(text, ", "))
}

func (r *commands) add() *cobra.Command {
	var names []string
	cmd := &cobra.Command{
		Use:     "add NAME",
		Short:   "Make a local operator; the password is read from a prompt or from stdin",
		Example: "  sallyport operator add ana --right admin\n  sallyport operator add bo@acme.dev --right approver",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rights, err := rightsOf(names)
			if err != nil {
				return cli.Usage("--right: %w", err)
			}
			password, err := cli.ReadSecret(cmd, "password of "+args[0], maxPassword)
			if err != nil {
				return err
			}
			var o account.Operator
			in := door.NewOperator{Name: args[0], Password: string(password), Rights: rights}
			if err := r.Client().Call(cmd.Context(), http.MethodPost, "/api/v1/operators", in, &o); err != nil {
				return err
			}
			return r.Print(cmd, o, func(io.Writer) error {
				cli.Say(cmd, "Operator %s is made.", o.Name)
				if len(rights.List()) == 0 {
					cli.Say(cmd, "They may do what the operators block of the configuration gives them, and nothing else;\nsay with --right what else.")
				}
				return nil
			})
		},
	}
	cmd.Flags().StringSliceVar(&names, "right", nil, "what they may do: `RIGHT` is admin, editor, approver or viewer (default: what the configuration says)")
	return cmd
}

func (r *commands) list() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the operators, local ones and those whom the configuration names",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all door.Operators
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/operators", nil, &all); err != nil {
				return err
			}
			return r.Print(cmd, all, func(w io.Writer) error { return write(cmd, w, all) })
		},
	}
}

func write(cmd *cobra.Command, w io.Writer, all door.Operators) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tRIGHTS\tBY\tPROVEN BY")
	rows := 0
	for _, o := range all.Local {
		var proof []string
		if o.Password {
			proof = append(proof, "password")
		}
		if n := len(o.Passkeys); n > 0 {
			proof = append(proof, cli.Count(n, "passkey"))
		}
		cli.Printf(t, "%s\t%s\tsallyport operator\t%s\n", o.Name, words(o.Rights), cli.OrDash(strings.Join(proof, ", ")))
		rows++
	}
	for _, right := range []string{"admin", "editor", "approver", "viewer"} {
		for _, name := range all.Config[right] {
			cli.Printf(t, "%s\t%s\tconfiguration\t-\n", name, right)
			rows++
		}
	}
	if rows == 0 {
		cli.Say(cmd, "There is no operator but the host itself; make one with `sallyport operator add NAME --right admin`.")
		return nil
	}
	return t.Flush()
}

func (r *commands) rights() *cobra.Command {
	return &cobra.Command{
		Use:   "rights NAME [RIGHT]...",
		Short: "Change what a local operator may do beside what the configuration gives",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rights, err := rightsOf(args[1:])
			if err != nil {
				return err
			}
			var o account.Operator
			path := "/api/v1/operators/" + url.PathEscape(args[0]) + "/rights"
			if err := r.Client().Call(cmd.Context(), http.MethodPut, path, door.NewRights{Rights: rights}, &o); err != nil {
				return err
			}
			return r.Tell(cmd, o, "Operator %s has the rights: %s.", o.Name, words(o.Rights))
		},
	}
}

func (r *commands) passwd() *cobra.Command {
	return &cobra.Command{
		Use:   "passwd NAME",
		Short: "Give a local operator another password, and end their sessions",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := cli.ReadSecret(cmd, "new password of "+args[0], maxPassword)
			if err != nil {
				return err
			}
			path := "/api/v1/operators/" + url.PathEscape(args[0]) + "/password"
			if err := r.Client().Call(cmd.Context(), http.MethodPut, path, door.NewPassword{Password: string(password)}, nil); err != nil {
				return err
			}
			return r.Tell(cmd, cli.Deed{Kind: "operator", Name: args[0], Done: "password changed"},
				"The password of %s is changed, and they are logged out everywhere.", args[0])
		},
	}
}

func (r *commands) remove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a local operator, with their sessions and tokens",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.Client().Call(cmd.Context(), http.MethodDelete, "/api/v1/operators/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			return r.Tell(cmd, cli.Deed{Kind: "operator", Name: args[0], Done: "removed"}, "Operator %s is removed.", args[0])
		},
	}
}
