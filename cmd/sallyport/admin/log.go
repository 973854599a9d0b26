package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
)

const maxEvent = 4 << 20

func (r *commands) logCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "log [QUERY]",
		Short: "Show recorded actions",
		Long:  "Shows recorded actions, newest last. A query is made of terms that must all hold:\n\n  sallyport log agent:ci verdict:deny,ask '!service:github' since:2h some text\n\nFields: " + strings.Join(audit.Fields(), ", ") + ", since, until, before, limit.",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := strings.Join(args, " ")
			if _, err := audit.ParseQuery(query); err != nil {
				return cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("query: %w", err)}
			}
			if err := r.showActions(cmd, query); err != nil || !follow {
				return err
			}
			return r.followActions(cmd, query)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new actions as they end")
	return cmd
}

func (r *commands) showActions(cmd *cobra.Command, query string) error {
	var list []audit.Record
	if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/actions?q="+url.QueryEscape(query), nil, &list); err != nil {
		return err
	}
	slices.Reverse(list)
	for i := range list {
		if err := r.showAction(cmd, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *commands) followActions(cmd *cobra.Command, query string) error {
	resp, err := r.Client().Do(cmd.Context(), http.MethodGet, "/api/v1/events?q="+url.QueryEscape(query), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var rec audit.Record
		if err := json.Unmarshal([]byte(data), &rec); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if err := r.showAction(cmd, &rec); err != nil {
			return err
		}
	}
	if context.Cause(cmd.Context()) != nil {
		return nil
	}
	return cli.ExitError{Code: cli.ExitUnreachable, Err: fmt.Errorf("the gateway ended the stream: %w", lines.Err())}
}

// showAction prints a record: a line, or with --json the record as a line.
func (r *commands) showAction(cmd *cobra.Command, rec *audit.Record) error {
	w := cmd.OutOrStdout()
	if r.JSON {
		return json.NewEncoder(w).Encode(rec)
	}
	v, _ := action.ParseVerdict(rec.Verdict)
	_, err := fmt.Fprintf(w, "%s  %s  %-12s %-12s %s%s\n", rec.Time.Local().Format("15:04:05.000"), cli.VerdictText(w, v),
		rec.Agent.Name, cli.OrDash(rec.Service), cli.Printable(rec.Summary), outcome(rec))
	return err
}

// outcome says how it ended, or why it did not begin.
func outcome(rec *audit.Record) string {
	switch {
	case rec.Kind == audit.KindGap:
		return fmt.Sprintf("%d records are missing here", rec.Missing)
	case rec.Verdict == action.Allow.String() && rec.Error != "":
		return "  -> " + cli.Printable(rec.Error)
	case rec.Verdict == action.Allow.String():
		text := "  -> " + cli.Printable(rec.Status) + " in " + rec.Duration.Round(10*time.Microsecond).String()
		if rec.Injected {
			text += ", secret injected"
		}
		return text
	}
	return "  -- " + cli.Printable(rec.Reason)
}

func (r *commands) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Prove that the record is whole"}
	cmd.AddCommand(&cobra.Command{
		Use:   "verify",
		Short: "Check the hash chain of every record and the signed heads",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var report audit.Report
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/audit/verify", nil, &report); err != nil {
				return err
			}
			if err := r.Print(cmd, report, func(w io.Writer) error { return writeReport(w, report) }); err != nil {
				return err
			}
			if !report.OK() {
				return cli.ExitError{Code: cli.ExitFailed, Quiet: true}
			}
			return nil
		},
	})
	return cmd
}

func writeReport(w io.Writer, report audit.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Records:\t%d, numbers %d to %d, in %s\n", report.Records, report.First, report.Last, cli.OrDash(strings.Join(report.Months, ", ")))
	if len(report.Dropped) > 0 {
		fmt.Fprintf(t, "Dropped:\t%s, by age; their last hash is kept\n", strings.Join(report.Dropped, ", "))
	}
	if !report.SignedAt.IsZero() {
		fmt.Fprintf(t, "Signed:\tup to number %d, %s\n", report.Signed, cli.Ago(report.SignedAt))
	}
	for _, p := range report.Problems {
		fmt.Fprintf(t, "PROBLEM:\tat number %d: %s\n", p.Seq, p.What)
	}
	if report.OK() {
		fmt.Fprintln(t, "Verdict:\twhole; nothing was changed, removed or put in")
	}
	return t.Flush()
}
