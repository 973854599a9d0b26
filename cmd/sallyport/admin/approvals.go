package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
)

func (r *commands) approvalsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "approvals", Aliases: []string{"approval"}, Short: "Answer what agents ask for"}
	cmd.AddCommand(
		r.approvalsList(), r.approvalsShow(),
		r.vote("approve", "Let an action go on"), r.vote("deny", "Refuse an action"),
	)
	return cmd
}

func (r *commands) approvalsList() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List what waits for an answer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []approval.Request
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/approvals", nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				if len(list) == 0 {
					cli.Say(cmd, "Nothing waits for an answer.")
					return nil
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "ID\tAGENT\tSERVICE\tLEFT\tACTION")
				for _, a := range list {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.Agent, a.Service,
						time.Until(a.Expires).Round(time.Second), cli.Printable(a.Summary))
				}
				return t.Flush()
			})
		},
	}
}

func (r *commands) approvalsShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one ask with what would be sent",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var a approval.Request
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/approvals/"+url.PathEscape(args[0]), nil, &a); err != nil {
				return err
			}
			return r.Print(cmd, a, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintf(t, "ID:\t%s (%s)\nAgent:\t%s\nService:\t%s\nAction:\t%s\n", a.ID, a.State, a.Agent, a.Service, cli.Printable(a.Summary))
				fmt.Fprintf(t, "Rules:\t%s\nAsked:\t%s\nSHA-256:\t%s\n", strings.Join(a.Rules, ", "), cli.Ago(a.Created), a.Digest)
				if err := t.Flush(); err != nil {
					return err
				}
				for line := range strings.Lines(a.Sample) {
					fmt.Fprintln(w, "  "+cli.Printable(strings.TrimRight(line, "\r\n")))
				}
				return nil
			})
		},
	}
}

func (r *commands) vote(verb, short string) *cobra.Command {
	var v dashboard.Vote
	cmd := &cobra.Command{
		Use:   verb + " ID",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var a approval.Request
			path := "/api/v1/approvals/" + url.PathEscape(args[0]) + "/" + verb
			if err := r.Client().Call(cmd.Context(), http.MethodPost, path, v, &a); err != nil {
				return err
			}
			cli.Say(cmd, "%s: %s", a.State, cli.Printable(a.Summary))
			return nil
		},
	}
	cmd.Flags().StringVar(&v.Note, "note", "", "a `SENTENCE` for the agent and the record")
	return cmd
}
