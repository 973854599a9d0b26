package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"

	"github.com/spf13/cobra"
)

// watchEvery is how often watch looks at the desk.
const watchEvery = 500 * time.Millisecond

func (r *commands) approvalsCommand() *cobra.Command {
	cmd := cli.Group("approvals", "Answer what agents ask for",
		r.approvalsList(), r.approvalsShow(),
		r.vote("approve", "Let an action go on"), r.vote("deny", "Refuse an action"), r.approvalsWatch(),
	)
	cmd.Aliases = []string{"approval"}
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
					cli.Printf(t, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.Agent, a.Service,
						time.Until(a.Expires).Round(time.Second), a.Summary)
				}
				return t.Flush()
			})
		},
	}
}

// approvalsWatch prints asks as they come.
func (r *commands) approvalsWatch() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Print each ask as it comes, until Ctrl-C",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tick := time.NewTicker(watchEvery)
			defer tick.Stop()
			seen := map[string]bool{}
			for {
				var list []approval.Request
				err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/approvals", nil, &list)
				if cmd.Context().Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
				if seen, err = r.showNew(cmd, list, seen); err != nil {
					return err
				}
				select {
				case <-tick.C:
				case <-cmd.Context().Done():
					return nil
				}
			}
		},
	}
}

// showNew prints the asks that were not seen yet, and gives those that are now.
func (r *commands) showNew(cmd *cobra.Command, list []approval.Request, seen map[string]bool) (map[string]bool, error) {
	now := make(map[string]bool, len(list))
	for _, a := range list {
		now[a.ID] = true
		if seen[a.ID] {
			continue
		}
		w := cmd.OutOrStdout()
		if r.JSON {
			if err := json.NewEncoder(w).Encode(a); err != nil {
				return now, err
			}
			continue
		}
		if _, err := fmt.Fprintf(w, "%s  %s  %-12s %-12s %s\n", a.Created.Local().Format(time.TimeOnly), cli.Printable(a.ID),
			cli.Printable(a.Agent), cli.Printable(a.Service), cli.Printable(a.Summary)); err != nil {
			return now, err
		}
	}
	return now, nil
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
				cli.Printf(t, "ID:\t%s (%s)\nAgent:\t%s\nService:\t%s\nAction:\t%s\n", a.ID, a.State, a.Agent, a.Service, a.Summary)
				cli.Printf(t, "Asked:\t%s\n", cli.Ago(a.Created))
				writeWhy(t, a)
				if a.Hidden > 0 {
					cli.Printf(t, "NOT SHOWN:\t%s of it; approve only what you can see\n", cli.Size(uint64(a.Hidden)))
				}
				if err := t.Flush(); err != nil {
					return err
				}
				return cli.PrintLines(w, "  ", a.Sample)
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
			path := "/api/v1/approvals/" + url.PathEscape(args[0])
			if err := r.Client().Call(cmd.Context(), http.MethodPost, path+"/"+verb, v, &a); err != nil {
				return r.tooLate(cmd.Context(), path, err)
			}
			cli.Say(cmd, "%s: %s", a.State, a.Summary)
			return nil
		},
	}
	cmd.Flags().StringVar(&v.Note, "note", "", "a `SENTENCE` for the agent and the record")
	return cmd
}

// tooLate tells an ask that nobody answered in time from what else may be wrong.
func (r *commands) tooLate(ctx context.Context, path string, err error) error {
	var a approval.Request
	if r.Client().Call(ctx, http.MethodGet, path, nil, &a) == nil && a.State == approval.TimedOut {
		return cli.ExitError{Code: cli.ExitTimeout, Err: errors.New("nobody answered in time, so it was denied " + cli.Ago(a.Answered))}
	}
	return err
}

// writeWhy tells which rules ask, who answered, and of what exactly.
func writeWhy(w io.Writer, a approval.Request) {
	for i, rule := range a.Rules {
		cli.Printf(w, "Rule:\t%s", cli.OrDash(rule))
		if i < len(a.Reasons) && a.Reasons[i] != "" {
			cli.Printf(w, ": %s", a.Reasons[i])
		}
		fmt.Fprintln(w)
	}
	if a.By != "" {
		cli.Printf(w, "Answered:\t%s by %s  %s\n", cli.Ago(a.Answered), a.By, a.Note)
	}
	if a.Digest != "" {
		cli.Printf(w, "SHA-256:\t%s\n", a.Digest)
	}
}
