// Package session holds the commands about sessions: one run of an agent each. They
// are calls of the API; who may end one is decided there.
package session

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/session"

	"github.com/spf13/cobra"
)

const api = "/api/v1/sessions"

// commands is what they share.
type commands struct{ *cli.Env }

// Command makes the session command; env is read when one of it runs.
func Command(env *cli.Env) *cobra.Command {
	r := commands{env}
	return cli.Group("session", "See and end the runs of agents", r.list(), r.show(), r.end())
}

func (r commands) list() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [QUERY]",
		Short: "List the newest sessions",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var list []session.Session
			path := api + "?q=" + url.QueryEscape(strings.Join(args, " "))
			if err := r.Client().Call(cmd.Context(), http.MethodGet, path, nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				if len(list) == 0 {
					cli.Say(cmd, "No agent has done anything yet.")
					return nil
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "ID\tAGENT\tBEGAN\tLAST\tACTIONS\tDENIED\tASKED\tSERVICES")
				for _, s := range list {
					last := cli.Ago(s.To)
					if s.Live {
						last += ", goes on"
					}
					cli.Printf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", s.ID, s.Agent, s.From.Local().Format("2006-01-02 15:04:05"), last,
						s.Actions, s.Denied, s.Asked, cli.OrDash(strings.Join(s.Services, " ")))
				}
				return t.Flush()
			})
		},
	}
}

func (r commands) show() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show what an agent did in a session, oldest first",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var list []audit.Record
			query := "session:" + strconv.Quote(args[0]) + " limit:" + strconv.Itoa(audit.MaxLimit)
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/actions?q="+url.QueryEscape(query), nil, &list); err != nil {
				return err
			}
			if len(list) == 0 {
				return cli.ExitError{Code: cli.ExitFailed, Err: fmt.Errorf("nothing is recorded of a session %s", args[0])}
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for i := len(list) - 1; i >= 0; i-- {
					rec := &list[i]
					v, _ := action.ParseVerdict(rec.Verdict)
					cli.Printf(t, "%s\t", rec.Time.Local().Format("15:04:05.000"))
					fmt.Fprintf(t, "%s\t", cli.VerdictText(w, v))
					cli.Printf(t, "%s\t%s\t%s\n", cli.OrDash(rec.Service), rec.Summary, cli.OrDash(rec.Status))
				}
				return t.Flush()
			})
		},
	}
}

func (r commands) end() *cobra.Command {
	return &cobra.Command{
		Use:     "kill ID",
		Aliases: []string{"end"},
		Short:   "End a session that goes on: the agent's connections are closed",
		Long:    "Closes every connection of the agent that is in the session. The agent may come back, in another session: to keep it out, freeze it.",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var ended session.Ended
			if err := r.Client().Call(cmd.Context(), http.MethodPost, api+"/"+url.PathEscape(args[0])+"/end", nil, &ended); err != nil {
				return err
			}
			return r.Print(cmd, ended, func(io.Writer) error {
				cli.Say(cmd, "The session is over; %s closed.", cli.Count(ended.Connections, "connection"))
				return nil
			})
		},
	}
}
