package operator

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/door"

	"github.com/spf13/cobra"
)

// defaultLife is how long a token holds if nobody says.
const defaultLife = 30 * 24 * time.Hour

func (r *commands) create() *cobra.Command {
	var scope []string
	var life time.Duration
	cmd := &cobra.Command{
		Use:     "create NAME --right RIGHT",
		Short:   "Make a token; it is printed this once",
		Example: "  export SALLYPORT_TOKEN=$(sallyport token create ci --right viewer)\n  sallyport token create bot --right approver --expires 8h",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rights, err := rightsOf(scope)
			if err != nil {
				return cli.Usage("--right: %w", err)
			}
			if len(scope) == 0 {
				return cli.Usage("say with --right what the token may do: viewer, approver, editor or admin")
			}
			var out door.Issued
			in := door.NewToken{Name: args[0], Scope: rights, Expires: life.String()}
			if err := r.Client().Call(cmd.Context(), http.MethodPost, "/api/v1/tokens", in, &out); err != nil {
				return cli.Hinted(err, map[string]string{"is no duration": "--expires takes one"})
			}
			cli.Say(cmd, "The token of %s holds until %s and is shown this once. Use it as SALLYPORT_TOKEN, with SALLYPORT_URL.",
				out.Token.Name, out.Token.Expires.Local().Format(time.DateTime))
			return r.Print(cmd, out, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, out.Secret)
				return err
			})
		},
	}
	cmd.Flags().StringSliceVar(&scope, "right", nil, "what it may do: `RIGHT` is admin, editor, approver or viewer; never more than its owner")
	cmd.Flags().DurationVar(&life, "expires", defaultLife, "`DURATION` for which it holds, at most a year")
	return cmd
}

func (r *commands) tokens() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the tokens that hold, never their values",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []account.Token
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/tokens", nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				if len(list) == 0 {
					cli.Say(cmd, "There is no token; make one with `sallyport token create NAME --right viewer`.")
					return nil
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "NAME\tRIGHTS\tOWNER\tEXPIRES")
				for _, k := range list {
					owner := strings.TrimSpace(k.Owner.Name + " (" + k.Owner.Via + ")")
					cli.Printf(t, "%s\t%s\t%s\t%s\n", k.Name, words(k.Scope), owner, k.Expires.Local().Format(time.DateTime))
				}
				return t.Flush()
			})
		},
	}
}

func (r *commands) revoke() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "End a token",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.Client().Call(cmd.Context(), http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			return r.Tell(cmd, cli.Deed{Kind: "token", Name: args[0], Done: "ended"}, "Token %s is ended.", args[0])
		},
	}
}
