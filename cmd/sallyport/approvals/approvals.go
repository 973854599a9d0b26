// Package approvals holds the commands that answer what agents ask for. Each is a
// call of the API; who may answer is decided there.
package approvals

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/inbox"

	"github.com/spf13/cobra"
)

// watchEvery is how often watch looks at the desk.
const watchEvery = 500 * time.Millisecond

const api = "/api/v1/approvals"

// commands is what they share.
type commands struct{ *cli.Env }

// Command makes the approvals command; env is read when one of it runs.
func Command(env *cli.Env) *cobra.Command {
	r := commands{env}
	cmd := cli.Group("approvals", "Answer what agents ask for",
		r.list(), r.show(), r.approve(), r.deny(), r.rule(), r.watch(), r.grants(), r.revoke(),
	)
	cmd.Aliases = []string{"approval"}
	return cmd
}

func (r commands) list() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List what waits for an answer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := r.waiting(cmd.Context())
			if err != nil {
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
					cli.Printf(t, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.Agent, cli.OrDash(a.Service), left(a.Expires), a.Summary)
				}
				return t.Flush()
			})
		},
	}
}

// waiting gives what waits for an answer.
func (r commands) waiting(ctx context.Context) ([]approval.Request, error) {
	var list []approval.Request
	err := r.Client().Call(ctx, http.MethodGet, api+"?past=0&limit=10000", nil, &list)
	return list, err
}

func left(t time.Time) string { return time.Until(t).Round(time.Second).String() }

// watch prints asks as they come.
func (r commands) watch() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Print each ask as it comes, until Ctrl-C",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tick := time.NewTicker(watchEvery)
			defer tick.Stop()
			seen := map[string]bool{}
			for {
				list, err := r.waiting(cmd.Context())
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
func (r commands) showNew(cmd *cobra.Command, list []approval.Request, seen map[string]bool) (map[string]bool, error) {
	now := make(map[string]bool, len(list))
	for _, a := range list {
		now[a.ID] = true
		if seen[a.ID] {
			continue
		}
		w := cmd.OutOrStdout()
		if r.JSON {
			if err := cli.Line(w, a); err != nil {
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

// approve says yes; a yes for longer says for what and until when.
func (r commands) approve() *cobra.Command {
	var a inbox.Answer
	var lasts time.Duration
	var exact bool
	cmd := &cobra.Command{
		Example: "  sallyport approvals approve 0PGI096KHQF0O2UJVP2DD9IT --note \"as we said\"\n  sallyport approvals approve 0PGI096KHQF0O2UJVP2DD9IT --for 15m --times 5",
		Use:     "approve ID",
		Short:   "Let an action go on",
		Long: "Let an action go on: once, or for longer.\n\n" +
			"--for 15m answers what is similar, too: the same operation, or the same verbs on the\n" +
			"same tables, by the same agent, as long as the same rules ask. --exact keeps that to\n" +
			"exactly this action, --times to so many of them. `sallyport approvals grants` lists\n" +
			"what is in force, and `revoke` ends it. `sallyport approvals rule` makes it a rule.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case lasts == 0 && (exact || a.Times > 0):
				return cli.ExitError{Code: cli.ExitUsage, Err: errors.New("--exact and --times say how far a yes for longer goes; say how long with --for")}
			case lasts != 0:
				a.Scope, a.For = string(approval.Similar), lasts.String()
				if exact {
					a.Scope = string(approval.Exact)
				}
			}
			return r.answer(cmd, args[0], "approve", a)
		},
	}
	cmd.Flags().StringVar(&a.Note, "note", "", "a `SENTENCE` for the agent and the record")
	cmd.Flags().DurationVar(&lasts, "for", 0, "answer what is similar for so `LONG`, such as 15m; without it once")
	cmd.Flags().BoolVar(&exact, "exact", false, "with --for: exactly this action again, and nothing else")
	cmd.Flags().IntVar(&a.Times, "times", 0, "with --for: `N` actions at most, this one included")
	return cmd
}

func (r commands) deny() *cobra.Command {
	var a inbox.Answer
	cmd := &cobra.Command{
		Use:   "deny ID",
		Short: "Refuse an action",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return r.answer(cmd, args[0], "deny", a) },
	}
	cmd.Flags().StringVar(&a.Note, "note", "", "a `SENTENCE` for the agent and the record")
	return cmd
}

func (r commands) answer(cmd *cobra.Command, id, verb string, a inbox.Answer) error {
	var got approval.Request
	path := api + "/" + url.PathEscape(id)
	if err := r.Client().Call(cmd.Context(), http.MethodPost, path+"/"+verb, a, &got); err != nil {
		return r.tooLate(cmd.Context(), path, err)
	}
	return r.Print(cmd, got, func(io.Writer) error {
		cli.Say(cmd, "%s: %s", got.State, got.Summary)
		switch {
		case got.BreakGlass:
			cli.Say(cmd, "You were not asked; it is recorded that you broke the glass.")
		case got.State == approval.Pending:
			for _, n := range got.Needs {
				cli.Say(cmd, "%s has %d of %d.", approver(n), len(n.Have), n.Require)
			}
		case got.Grant != nil:
			cli.Say(cmd, "What it covers goes on until %s: %s", got.Grant.Until.Local().Format(time.DateTime), covers(got))
		case got.State == approval.Approved && got.Again:
			cli.Say(cmd, "The agent was told to come back; the same action, sent again, passes once.")
		}
		return nil
	})
}

// tooLate tells an ask that nobody answered in time from what else may be wrong.
func (r commands) tooLate(ctx context.Context, path string, err error) error {
	var a approval.Request
	if r.Client().Call(ctx, http.MethodGet, path, nil, &a) == nil && a.State == approval.TimedOut {
		return cli.ExitError{Code: cli.ExitTimeout, Err: errors.New("nobody answered in time, so it was denied " + cli.Ago(a.Answered))}
	}
	return err
}

// grants lists the yeses for longer.
func (r commands) grants() *cobra.Command {
	return &cobra.Command{
		Use:   "grants",
		Short: "List the yeses for longer that are in force",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []approval.Request
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/grants", nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				if len(list) == 0 {
					cli.Say(cmd, "No yes goes beyond what it answered.")
					return nil
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "ID\tAGENT\tSERVICE\tLEFT\tUSES\tBY\tCOVERS")
				for _, a := range list {
					uses := "any"
					if a.Grant.Counted {
						uses = fmt.Sprint(a.Grant.Left)
					}
					cli.Printf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.ID, a.Agent, a.Service, left(a.Grant.Until), uses, a.By, covers(a))
				}
				return t.Flush()
			})
		},
	}
}

// covers says what a yes for longer is for.
func covers(a approval.Request) string {
	if a.Grant.Kind == approval.Exact {
		return "exactly " + a.Summary
	}
	return a.Alike
}

func (r commands) revoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End a yes for longer",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var got approval.Request
			if err := r.Client().Call(cmd.Context(), http.MethodDelete, "/api/v1/grants/"+url.PathEscape(args[0]), nil, &got); err != nil {
				return err
			}
			return r.Print(cmd, got, func(io.Writer) error {
				cli.Say(cmd, "Revoked: %s", covers(got))
				return nil
			})
		},
	}
}
