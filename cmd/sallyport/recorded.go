package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/internal/node/recorded"
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
	rec, err := r.record(cmd, id)
	if err != nil {
		return err
	}
	got := past{ID: rec.ID, Summary: rec.Summary, Verdict: rec.Verdict, Rule: rec.Rule, Reason: rec.Reason}
	if len(rec.Trace) > 0 {
		if err := json.Unmarshal(rec.Trace, &got.Trace); err != nil {
			return fmt.Errorf("trace of %s: %w", id, err)
		}
	}
	if err := r.again(cmd, rec, &got); err != nil {
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

// record finds a recorded action: of the gateway, or where none answers and none
// was named, of the state directory that the configuration says.
func (r *root) record(cmd *cobra.Command, id string) (*audit.Record, error) {
	var rec audit.Record
	err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/actions/"+url.PathEscape(id), nil, &rec)
	var exit cli.ExitError
	if err == nil || r.Gateway != "" || os.Getenv("SALLYPORT_URL") != "" || !errors.As(err, &exit) || exit.Code != cli.ExitUnreachable {
		return &rec, err
	}
	kept, wrong := recorded.Open(cmd.Context(), r.State())
	if errors.Is(wrong, recorded.ErrNoRecords) {
		return nil, err
	}
	if wrong != nil {
		return nil, cli.ExitError{Code: cli.ExitUnreachable, Err: fmt.Errorf("no gateway answers, and its records cannot be read: %w", wrong)}
	}
	defer kept.Close()
	return keptRecord(cmd.Context(), kept, id)
}

// keptRecord finds a record by its id.
func keptRecord(ctx context.Context, kept *recorded.Log, id string) (*audit.Record, error) {
	q, err := audit.ParseQuery("id:" + strconv.Quote(id))
	if err != nil {
		return nil, cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("%q is no id: %w", id, err)}
	}
	var found *audit.Record
	err = kept.Export(ctx, q, func(line []byte) error {
		found = new(audit.Record)
		return json.Unmarshal(line, found)
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the records: %w", err)
	case found == nil || found.ID != id:
		return nil, cli.ExitError{Code: cli.ExitFailed, Err: fmt.Errorf("no action has the id %s", id)}
	}
	return found, nil
}

// again judges a recorded action by the rules of now: those of -c, or of the usual
// place, else those in force at the gateway.
func (r *root) again(cmd *cobra.Command, rec *audit.Record, got *past) error {
	if !cmd.Flags().Changed("config") && r.HasConfig() != nil {
		var why struct {
			Now policy.Explanation `json:"now"`
		}
		if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/actions/"+url.PathEscape(rec.ID)+"/why", nil, &why); err != nil {
			got.Untold = err.Error()
			return nil
		}
		got.Now, got.Config = &why.Now, "the rules in force"
		return nil
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
	got.Now = &e
	return nil
}

// write tells a past for people.
func (g *past) write(w io.Writer) error {
	verdict, _ := action.ParseVerdict(g.Verdict)
	fmt.Fprintf(w, "%s\nthen: %s\n", cli.Printable(g.Summary), verdictLine(w, verdict, g.Reason))
	cli.WriteTrace(w, g.Trace)
	if g.Now == nil {
		fmt.Fprintf(w, "now:  %s\n", cli.Printable(g.Untold))
		return nil
	}
	fmt.Fprintf(w, "now, by %s: ", g.Config)
	return writeExplanation(w, *g.Now)
}
