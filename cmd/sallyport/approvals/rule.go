package approvals

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/cmd/sallyport/edit"
	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/inbox"
	"sallyport.dev/sallyport/dashboard/route"

	"github.com/spf13/cobra"
)

// rule drafts what would answer an ask for good, and has it taken.
func (r commands) rule() *cobra.Command {
	var approve bool
	var p *edit.Proposer
	cmd := &cobra.Command{
		Use:   "rule ID",
		Short: "Answer the likes of an ask for good, by an edit of the policy",
		Long: "Draft the edit that would let the likes of an action pass from now on: a rule of the\n" +
			"same operation, path or tables for the agent's role, and an exception in the rules that\n" +
			"ask; of a proposed service, the service. It is checked and shown like every edit, and\n" +
			"only an editor takes it. The ask itself stays as it is, unless --approve says yes to it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var s action.Sketch
			if err := r.Client().Call(cmd.Context(), http.MethodGet, api+"/"+url.PathEscape(args[0])+"/draft", nil, &s); err != nil {
				return err
			}
			for _, note := range s.Notes {
				cli.Say(cmd, "%s", note)
			}
			if len(s.Draft.Edits) == 0 {
				return cli.ExitError{Code: cli.ExitFailed, Err: errors.New("there is nothing to take")}
			}
			if !r.edits(cmd) {
				return r.forAnEditor(cmd, s)
			}
			taken, err := p.Propose(cmd, s.Draft)
			if err != nil || !taken || !approve {
				return err
			}
			return r.answer(cmd, args[0], "approve", inbox.Answer{})
		},
	}
	p = edit.NewProposer(r.Env, cmd)
	cmd.Flags().BoolVar(&approve, "approve", false, "once it is taken, say yes to this ask, too")
	return cmd
}

// edits reports whether whoever asks may edit the policy. Where that cannot be told the
// gateway says it.
func (r commands) edits(cmd *cobra.Command) bool {
	var at door.Standing
	if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/session", nil, &at); err != nil || at.Caller == nil {
		return true
	}
	return at.Caller.Rights.Has(route.Editor)
}

// forAnEditor prints a draft for somebody else to take.
func (r commands) forAnEditor(cmd *cobra.Command, s action.Sketch) error {
	if err := r.Print(cmd, s, func(w io.Writer) error {
		_, err := io.WriteString(w, s.HCL)
		return err
	}); err != nil {
		return err
	}
	return cli.ExitError{Code: cli.ExitFailed, Err: errors.New("you may answer this ask, and only an editor changes the policy: hand them this draft, or the command")}
}

// whole prints all that would be sent, piece by piece, and ends with its length.
func (r commands) whole(cmd *cobra.Command, w io.Writer, a approval.Request) error {
	rest := ""
	for at, end := int64(0), int64(1); at < end; {
		var p inbox.Passage
		path := api + "/" + url.PathEscape(a.ID) + "/whole?limit=1048576&offset=" + strconv.FormatInt(at, 10)
		if err := r.Client().Call(cmd.Context(), http.MethodGet, path, nil, &p); err != nil {
			return err
		}
		text := rest + p.Text
		cut := len(text)
		if p.Next < p.Total {
			cut = lastLine(text)
		}
		if err := cli.PrintLines(w, "  ", text[:cut]); err != nil {
			return err
		}
		rest, at, end = text[cut:], p.Next, p.Total
		if p.Next <= p.Offset && p.Total > 0 {
			break // there is nothing behind it
		}
	}
	return nil
}

// lastLine is where the last line that has an end ends.
func lastLine(text string) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '\n' {
			return i + 1
		}
	}
	return 0
}
