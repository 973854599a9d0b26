package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/cmd/sallyport/usage"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/policy/rules/trace"

	"github.com/spf13/cobra"
)

func (r *commands) logCommand() *cobra.Command {
	var follow bool
	var since string
	var limit int
	cmd := &cobra.Command{
		Use:     "log [QUERY]",
		Short:   "Show recorded actions",
		Example: "  sallyport log -f\n  sallyport log agent:ci asked:yes '!service:github' since:2h some text\n  sallyport log --why verdict:deny limit:1",
		Long:    "Shows recorded actions, newest last. A query is made of terms that must all hold.\nFields: " + strings.Join(audit.Fields(), ", ") + ", since, until, before, limit.",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := strings.Join(args, " ")
			if since != "" {
				query += " since:" + strconv.Quote(since)
			}
			if limit != 0 {
				query += " limit:" + strconv.Itoa(limit)
			}
			if _, err := audit.ParseQuery(query); err != nil {
				return cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("query: %w", err)}
			}
			if follow {
				return r.followActions(cmd, query)
			}
			last, err := r.showActions(cmd, query)
			if err == nil && last == 0 {
				cli.Say(cmd, "%s", none(query))
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new actions as they end")
	cmd.Flags().StringVar(&since, "since", "", "`AGE` or time of the oldest action, as since:AGE in the query")
	cmd.Flags().IntVarP(&limit, "limit", "n", 0, "how `many` actions, as limit:N in the query")
	cmd.Flags().BoolVar(&r.why, "why", false, "tell how the rules came to what they did not allow")
	return cmd
}

// none says that nothing is recorded, or nothing that a query asks for.
func none(query string) string {
	if query == "" {
		return "No action is recorded yet."
	}
	return "No recorded action meets that."
}

// showActions prints what is recorded, oldest first, and gives the number of the
// last record.
func (r *commands) showActions(cmd *cobra.Command, query string) (last uint64, err error) {
	var list []audit.Record
	if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/actions?q="+url.QueryEscape(query), nil, &list); err != nil {
		return 0, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if err := r.showAction(cmd, &list[i]); err != nil {
			return 0, err
		}
		last = max(last, list[i].Seq)
	}
	return last, nil
}

// showAction prints a record: a line, or with --json the record as a line.
func (r *commands) showAction(cmd *cobra.Command, rec *audit.Record) error {
	w := cmd.OutOrStdout()
	if r.JSON {
		return cli.Line(w, rec)
	}
	at := rec.Time.Local().Format("15:04:05.000")
	if rec.Kind == record.KindGap {
		_, err := fmt.Fprintf(w, "%s  %-5s  %s missing here\n", at, "gap", cli.Count(int(rec.Missing), "record"))
		return err
	}
	v, _ := action.ParseVerdict(rec.Verdict)
	_, err := fmt.Fprintf(w, "%s  %s  %-12s %-12s %s%s  (%s)\n", at, cli.VerdictText(w, v),
		cli.Printable(rec.Agent.Name), cli.OrDash(cli.Printable(rec.Service)), cli.Printable(rec.Summary), outcome(rec), cli.Printable(rec.ID))
	if err != nil || !r.why || len(rec.Trace) == 0 {
		return err
	}
	var parts []trace.Part
	if err := json.Unmarshal(rec.Trace, &parts); err != nil {
		return fmt.Errorf("trace of %s: %w", rec.ID, err)
	}
	cli.WriteTrace(w, parts)
	return nil
}

// outcome says how it ended, or why it did not begin.
func outcome(rec *audit.Record) string {
	switch {
	case rec.Verdict == action.Allow.String() && rec.Error != "":
		return "  -> FAILED: " + cli.Printable(rec.Error)
	case rec.Verdict == action.Allow.String():
		text := "  -> " + cli.Printable(rec.Status) + " in " + rec.Duration.Round(10*time.Microsecond).String()
		if rec.Injected {
			text += ", secret injected"
		}
		if rec.Usage != nil {
			text += ", " + usage.Took(rec.Usage)
		}
		if len(rec.Asks) > 0 { // somebody said yes
			text += ", asked: " + cli.Printable(rec.Reason)
		}
		return text
	}
	return "  -- " + cli.Printable(rec.Reason)
}

func (r *commands) auditCommand() *cobra.Command {
	return cli.Group("audit", "Prove that the record is whole", &cobra.Command{
		Use:   "verify",
		Short: "Check the hash chain of every record and the signed heads",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var report dashboard.Verified
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
	}, r.accept())
}

// accept signs for what is missing.
func (r *commands) accept() *cobra.Command {
	var why dashboard.Acceptance
	cmd := &cobra.Command{
		Use:   "accept --note TEXT",
		Short: "Sign that the records which are missing are known to be",
		Long: "Signs that the records which audit verify misses are known to be missing, as after a\nrestore without the files of the audit log, and why. They stay missing: verify lists\nthem, and the operators' audit has who accepted it. Records that were changed are\n" +
			"not accepted. Which of those before the gap no signature covers, so that nothing tells\nwhether they were changed, is said here and by verify.",
		Example: "  sallyport audit accept --note 'restored from monday.age; the audit files were lost'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(why.Note) == "" {
				return cli.ExitError{Code: cli.ExitUsage, Err: errors.New("say why they are missing: --note TEXT")}
			}
			var gaps []audit.Gap
			if err := r.Client().Call(cmd.Context(), http.MethodPost, "/api/v1/audit/accept", why, &gaps); err != nil {
				return err
			}
			return r.Print(cmd, gaps, func(w io.Writer) error {
				for _, g := range gaps {
					cli.Printf(w, "Accepted: the records %d to %d are missing%s.\n", g.From, g.To, doubted(g))
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&why.Note, "note", "", "`TEXT` that says why they are missing")
	return cmd
}

// doubted says, behind a gap, what was not proven when it was accepted.
func doubted(g audit.Gap) string {
	if doubt := g.Doubt(); doubt != "" {
		return "; " + doubt
	}
	return ""
}

func writeReport(w io.Writer, report dashboard.Verified) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if report.Records == 0 {
		fmt.Fprintln(t, "Records:\tnone yet")
	} else {
		cli.Printf(t, "Records:\t%d, numbers %d to %d, in %s\n", report.Records, report.First, report.Last, strings.Join(report.Months, ", "))
	}
	if len(report.Dropped) > 0 {
		cli.Printf(t, "Dropped:\t%s, by age; their last hash is kept\n", strings.Join(report.Dropped, ", "))
	}
	if !report.SignedAt.IsZero() {
		cli.Printf(t, "Signed:\tup to number %d, %s\n", report.Signed, cli.Ago(report.SignedAt))
	}
	for _, f := range report.Found {
		cli.Printf(t, "Found:\tnumbers up to %d had no signature of this gateway at a start, %s; they were taken as they were\n", f.To, cli.Ago(f.At))
	}
	for _, g := range report.Accepted {
		cli.Printf(t, "Missing:\tnumbers %d to %d, accepted %s%s\n", g.From, g.To, cli.Ago(g.At), doubted(g))
	}
	for _, p := range report.Problems {
		cli.Printf(t, "PROBLEM:\tat number %d: %s\n", p.Seq, p.What)
	}
	cli.Printf(t, "Operators:\t%d entries, signed up to number %d\n", report.Operators.Entries, report.Operators.Signed)
	for _, p := range report.Operators.Problems {
		cli.Printf(t, "PROBLEM:\tof the operators: %s\n", p)
	}
	switch {
	case report.OK() && slices.ContainsFunc(report.Accepted, func(g audit.Gap) bool { return g.Unproven != 0 }):
		fmt.Fprintln(t, "Verdict:\tnothing that a signature covered was changed or put in; what is missing was accepted, see sallyport operator log")
	case report.OK() && len(report.Accepted) > 0:
		fmt.Fprintln(t, "Verdict:\tnothing was changed or put in; what is missing was accepted, see sallyport operator log")
	case report.OK() && len(report.Found) > 0:
		fmt.Fprintln(t, "Verdict:\twhole since the last start without a signature; nothing tells what was changed before")
	case report.OK():
		fmt.Fprintln(t, "Verdict:\twhole; nothing was changed, removed or put in")
	}
	return t.Flush()
}
