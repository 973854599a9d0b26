package approvals

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/cmd/sallyport/cli"

	"github.com/spf13/cobra"
)

func (r commands) show() *cobra.Command {
	var body bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one ask with what would be sent",
		Long: "Show one ask with what would be sent. Of what is long the middle or the end is left\n" +
			"out, and it is said how much; --body prints all of it, every character visible.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var a approval.Request
			if err := r.Client().Call(cmd.Context(), http.MethodGet, api+"/"+url.PathEscape(args[0]), nil, &a); err != nil {
				return err
			}
			return r.Print(cmd, a, func(w io.Writer) error {
				if !body {
					return errors.Join(card(w, a), cli.PrintLines(w, "  ", a.Sample))
				}
				return errors.Join(card(w, a), r.whole(cmd, w, a))
			})
		},
	}
	cmd.Flags().BoolVar(&body, "body", false, "print all that would be sent, however long it is; that is kept in the operators' audit")
	return cmd
}

// card prints everything that is known of an ask but what would be sent.
func card(w io.Writer, a approval.Request) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	cli.Printf(t, "ID:\t%s (%s)\nAgent:\t%s\n", a.ID, a.State, a.Agent)
	if a.User != "" {
		cli.Printf(t, "Whose:\t%s, who may not answer\n", a.User)
	}
	cli.Printf(t, "Service:\t%s\nAction:\t%s\n", cli.OrDash(a.Service), a.Summary)
	cli.Printf(t, "Asked:\t%s\n", cli.Ago(a.Created))
	if a.State == approval.Pending {
		waits := "the agent was told to come back"
		if a.Waiting > 0 {
			waits = "the agent waits"
		}
		cli.Printf(t, "Left:\t%s; %s\n", left(a.Expires), waits)
	}
	why(t, a)
	if a.Alike != "" {
		cli.Printf(t, "Similar is:\t%s\n", a.Alike)
	}
	if a.Digest != "" {
		cli.Printf(t, "SHA-256:\t%s\n", a.Digest)
	}
	if a.Hidden > 0 {
		cli.Printf(t, "NOT SHOWN:\t%s of it; approve only what you can see%s\n", cli.Size(uint64(a.Hidden)), all(a))
	}
	return t.Flush()
}

// all says how the rest can be seen.
func all(a approval.Request) string {
	if !a.Whole {
		return ""
	}
	return " (--body shows all)"
}

// why tells which rules ask whom, and who answered.
func why(w io.Writer, a approval.Request) {
	for i, rule := range a.Rules {
		reason := ""
		if i < len(a.Reasons) {
			reason = a.Reasons[i]
		}
		switch {
		case rule == "": // the posture of the service asks
			cli.Printf(w, "Why:\t%s\n", cli.OrDash(reason))
		case reason == "":
			cli.Printf(w, "Rule:\t%s\n", rule)
		default:
			cli.Printf(w, "Rule:\t%s: %s\n", rule, reason)
		}
	}
	for _, said := range a.Judges {
		cli.Printf(w, "Judge:\t%s\n", said)
	}
	for _, n := range a.Needs {
		have := ""
		if len(n.Have) > 0 {
			have = " " + strings.Join(n.Have, ", ")
		}
		cli.Printf(w, "Needs:\t%s: %d of %d%s\n", approver(n), len(n.Have), n.Require, have)
	}
	if a.StepUp {
		cli.Printf(w, "Takes:\ta fresh proof of who says yes\n")
	}
	if !a.Fulfilled.IsZero() {
		cli.Printf(w, "Done:\t%s, the agent has such a service\n", cli.Ago(a.Fulfilled))
	}
	if a.By == "" {
		return
	}
	glass := ""
	if a.BreakGlass {
		glass = ", who was not asked and broke the glass"
	}
	cli.Printf(w, "Answered:\t%s by %s%s  %s\n", cli.Ago(a.Answered), a.By, glass, a.Note)
	if a.Grant != nil {
		cli.Printf(w, "Covers:\t%s, for %s more\n", covers(a), left(a.Grant.Until))
	}
}

func approver(n approval.Need) string {
	if n.Approver == "" {
		return "any operator who may approve"
	}
	return n.Approver
}
