package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy"

	"github.com/spf13/cobra"
)

// page is how many records are fetched at a time.
const page = 1000

// A change is a recorded action on which two configurations differ.
type change struct {
	ID      string         `json:"id"`
	Time    time.Time      `json:"time"`
	Agent   string         `json:"agent"`
	Service string         `json:"service"`
	Summary string         `json:"summary"`
	Old     action.Verdict `json:"old"`
	New     action.Verdict `json:"new"`
	Rule    string         `json:"rule,omitempty"` // that decides now
	Reason  string         `json:"reason,omitempty"`
}

// A comparison is what replaying recorded actions came to.
type comparison struct {
	Replayed int      `json:"replayed"`
	Changes  []change `json:"changes"`
	// Untold are actions whose verdict depends on something that is not recorded.
	Untold int `json:"cannot_tell"`
}

func (r *root) diffCommand() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Replay recorded actions against a changed configuration",
		Long:  "Judges every action that the gateway has recorded since then by two configurations\nand prints those whose verdict differs. It exits with 1 if one does.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			policies := make([]*policy.Policy, len(args))
			for i, path := range args {
				other := root{Env: r.Env}
				other.Config = path
				var err error
				if policies[i], err = other.load(cmd); err != nil {
					return err
				}
			}
			query := "since:" + strconv.Quote(since)
			if _, err := audit.ParseQuery(query); err != nil {
				return cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("--since: %w", err)}
			}
			got, err := r.compare(cmd.Context(), policies[0], policies[1], query)
			if err != nil {
				return err
			}
			return r.tell(cmd, got)
		},
	}
	cmd.Flags().StringVar(&since, "since", "24h", "`AGE` or time of the oldest action")
	return cmd
}

// compare replays what the gateway has recorded, newest first.
func (r *root) compare(ctx context.Context, was, is *policy.Policy, query string) (*comparison, error) {
	got := &comparison{Changes: []change{}}
	tables := build().Policy.Tables
	var before uint64
	for {
		q := query + " limit:" + strconv.Itoa(page)
		if before > 0 {
			q += " before:" + strconv.FormatUint(before, 10)
		}
		var list []audit.Record
		if err := r.Client().Call(ctx, http.MethodGet, "/api/v1/actions?q="+url.QueryEscape(q), nil, &list); err != nil {
			return nil, err
		}
		for i := range list {
			got.add(was, is, &list[i], tables)
			before = list[i].Seq
		}
		if len(list) < page {
			return got, nil
		}
	}
}

// add replays one record by both.
func (c *comparison) add(was, is *policy.Policy, rec *audit.Record, tables []action.FactTable) {
	if rec.Kind == record.KindGap {
		return
	}
	c.Replayed++
	a, err := rec.Action(tables)
	if err != nil {
		c.Untold++
		return
	}
	before, known := was.Replay(a, rec.Time)
	after, told := is.Replay(a, rec.Time)
	switch {
	case !known || !told:
		c.Untold++
	case before.Verdict != after.Verdict:
		c.Changes = append(c.Changes, change{
			ID: rec.ID, Time: rec.Time, Agent: rec.Agent.Name, Service: rec.Service, Summary: rec.Summary,
			Old: before.Verdict, New: after.Verdict, Rule: after.Rule, Reason: after.Reason,
		})
	}
}

// tell prints a comparison, oldest change first.
func (r *root) tell(cmd *cobra.Command, got *comparison) error {
	if err := r.Print(cmd, got, func(w io.Writer) error {
		for i := len(got.Changes) - 1; i >= 0; i-- {
			c := &got.Changes[i]
			_, err := fmt.Fprintf(w, "%s  %s -> %s  %-12s %-12s %s  -- %s  (%s)\n", c.Time.Local().Format("2006-01-02 15:04:05"),
				cli.VerdictText(w, c.Old), cli.VerdictText(w, c.New), cli.Printable(c.Agent), cli.OrDash(cli.Printable(c.Service)),
				cli.Printable(c.Summary), cli.OrDash(cli.Printable(c.Reason)), cli.Printable(c.ID))
			if err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	cli.Say(cmd, "%s replayed: %s, %d cannot be told.", cli.Count(got.Replayed, "action"), cli.Count(len(got.Changes), "change"), got.Untold)
	if len(got.Changes) > 0 {
		return cli.ExitError{Code: cli.ExitFailed, Quiet: true}
	}
	return nil
}
