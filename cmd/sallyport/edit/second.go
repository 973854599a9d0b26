package edit

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/dashboard/pair"

	"github.com/spf13/cobra"
)

func (r *commands) policyProposals() *cobra.Command {
	return &cobra.Command{
		Use:   "proposals",
		Short: "List the edits that wait for a second person",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []pair.Proposal
			if err := r.Client().Call(cmd.Context(), http.MethodGet, where+"/proposals", nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				if len(list) == 0 {
					cli.Say(cmd, "No edit waits.")
					return nil
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "ID\tWHEN\tBY\tNOTE")
				for _, p := range list {
					cli.Printf(t, "%s\t%s\t%s\t%s\n", p.ID, p.Time.Local().Format("2006-01-02 15:04:05"), p.By.Name, cli.OrDash(p.Note))
				}
				return t.Flush()
			})
		},
	}
}

// policyApprove applies what somebody else wrote. It shows first what that does to
// the configuration as it is now.
func (r *commands) policyApprove() *cobra.Command {
	var w wish
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "Apply an edit that somebody else wrote, as the second person",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := where + "/proposals/" + url.PathEscape(args[0])
			var p book.Pending
			if err := r.Client().Call(cmd.Context(), http.MethodGet, path, nil, &p); err != nil {
				return err
			}
			if !r.JSON {
				cli.Say(cmd, "Written by %s, %s: %s", cli.Printable(p.Proposal.By.Name), cli.Ago(p.Proposal.Time), cli.OrDash(cli.Printable(p.Proposal.Note)))
			}
			if done, err := r.ask(cmd, p.Preview, w); done || err != nil {
				return err
			}
			var taken book.Taken
			if err := r.Client().For(p.Preview.Base).Call(cmd.Context(), http.MethodPost, path+"/apply", nil, &taken); err != nil {
				return err
			}
			return r.said(cmd, taken)
		},
	}
	w.flags(cmd)
	cmd.Flags().Lookup("note").Hidden = true // the author's stands
	return cmd
}

func (r *commands) policyReject() *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   "reject ID",
		Short: "Take an edit that waits away",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := where + "/proposals/" + url.PathEscape(args[0])
			if err := r.Client().Call(cmd.Context(), http.MethodDelete, path, book.Reason{Note: note}, nil); err != nil {
				return err
			}
			return r.Tell(cmd, cli.Deed{Kind: "proposal", Name: args[0], Done: "rejected"}, "It waits no more.")
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, a `SENTENCE` for the operators' audit")
	return cmd
}
