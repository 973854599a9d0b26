package replay

import (
	"fmt"
	"io"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/replay"

	"github.com/spf13/cobra"
)

func (b *Bench) diffCommand() *cobra.Command {
	var when string
	cmd := &cobra.Command{
		Use:     "diff OLD NEW",
		Short:   "Replay recorded actions against a changed configuration",
		Long:    "Judges every action that the gateway has recorded since then by two configurations\nand prints those whose verdict differs. It exits with 1 if one does.",
		Example: "  sallyport diff ./gateway ./changed --since 7d",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			policies := make([]*policy.Policy, len(args))
			for i, path := range args {
				var err error
				if policies[i], err = b.Load(cmd, path); err != nil {
					return err
				}
			}
			query, err := since(when)
			if err != nil {
				return err
			}
			source, done, err := b.recorded(cmd.Context(), policies[0], query)
			if err != nil {
				return err
			}
			defer done()
			got, err := replay.Diff(cmd.Context(), source, policies[0], policies[1], replay.Bounds{})
			if err != nil {
				return broke(err)
			}
			return b.tell(cmd, got)
		},
	}
	cmd.Flags().StringVar(&when, "since", "24h", "`AGE` or time of the oldest action")
	return cmd
}

// tell prints a comparison, oldest change first.
func (b *Bench) tell(cmd *cobra.Command, got *action.Impact) error {
	if err := b.Print(cmd, got, func(w io.Writer) error {
		for i := range got.Changes {
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
	text := cli.Count(got.Replayed, "action") + " replayed: " + cli.Count(got.Changed(), "change")
	if len(got.Groups) > 0 {
		text += " (" + groups(got.Groups) + ")"
	}
	cli.Say(cmd, "%s, %d cannot be told.", text, got.Untold)
	if got.Changed() > 0 {
		return failed()
	}
	return nil
}

// groups says "3 allow->deny, 1 ask->allow".
func groups(list []action.ImpactGroup) string {
	words := make([]string, len(list))
	for i, g := range list {
		words[i] = fmt.Sprintf("%d %s->%s", g.Count, g.Old, g.New)
	}
	return strings.Join(words, ", ")
}
