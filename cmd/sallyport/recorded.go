package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/rules/trace"

	"github.com/spf13/cobra"
)

// A past is a recorded action: how it was judged then, and how it would be now.
type past struct {
	ID      string              `json:"id"`
	Summary string              `json:"summary"`
	Verdict string              `json:"verdict"`
	Rule    string              `json:"rule,omitempty"`
	Reason  string              `json:"reason,omitempty"`
	Trace   []trace.Part        `json:"trace,omitempty"` // none of an action that was allowed
	Config  string              `json:"config,omitempty"`
	Now     *policy.Explanation `json:"now,omitempty"`
	Untold  string              `json:"untold,omitempty"` // why it is not judged again
}

// explainRecorded tells how a recorded action was judged, and judges it again by
// the configuration of -c, else by that of the gateway.
func (r *root) explainRecorded(cmd *cobra.Command, id string) error {
	var rec audit.Record
	if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/actions/"+url.PathEscape(id), nil, &rec); err != nil {
		return err
	}
	got := past{ID: rec.ID, Summary: rec.Summary, Verdict: rec.Verdict, Rule: rec.Rule, Reason: rec.Reason}
	if len(rec.Trace) > 0 {
		if err := json.Unmarshal(rec.Trace, &got.Trace); err != nil {
			return fmt.Errorf("trace of %s: %w", id, err)
		}
	}
	if err := r.again(cmd, &rec, &got); err != nil {
		return err
	}
	if err := r.Print(cmd, got, got.write); err != nil {
		return err
	}
	if verdict, _ := action.ParseVerdict(rec.Verdict); got.Now != nil && got.Now.Decision.Verdict == action.Deny || got.Now == nil && verdict == action.Deny {
		return cli.ExitError{Code: cli.ExitDenied, Quiet: true}
	}
	return nil
}

// again judges a recorded action by the rules of now, where they can be had.
func (r *root) again(cmd *cobra.Command, rec *audit.Record, got *past) error {
	if !cmd.Flags().Changed("config") && r.HasConfig() != nil {
		var s dashboard.Status
		if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/status", nil, &s); err != nil {
			return err
		}
		if _, err := os.Stat(s.Config); err != nil {
			got.Untold = "the configuration of the gateway, " + s.Config + ", is not on this machine; name one with -c"
			return nil
		}
		r.Config = s.Config
	}
	p, err := r.load(cmd)
	if err != nil {
		return err
	}
	got.Config = r.Config
	a, err := rec.Action(build().Policy.Tables)
	if err != nil {
		got.Untold = "cannot tell: " + err.Error()
		return nil
	}
	e := p.ReplayExplain(a, rec.Time)
	if e.Decision.Need != 0 {
		got.Untold = "cannot tell: a rule reads what is not recorded"
		return nil
	}
	got.Now = &e
	return nil
}

// write tells a past for people.
func (g *past) write(w io.Writer) error {
	verdict, _ := action.ParseVerdict(g.Verdict)
	fmt.Fprintf(w, "%s\nthen: %s  %s\n", cli.Printable(g.Summary), cli.VerdictText(w, verdict), cli.OrDash(cli.Printable(g.Reason)))
	cli.WriteTrace(w, g.Trace)
	if g.Now == nil {
		fmt.Fprintf(w, "now:  %s\n", cli.Printable(g.Untold))
		return nil
	}
	fmt.Fprintf(w, "now, by %s: ", g.Config)
	return writeExplanation(w, *g.Now)
}
