package edit

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"

	"github.com/spf13/cobra"
)

// A Proposer has drafts of other commands checked, shown and taken as those of its own
// are.
type Proposer struct {
	commands
	wish
}

// NewProposer makes one whose flags cmd has.
func NewProposer(env *cli.Env, cmd *cobra.Command) *Proposer {
	p := &Proposer{commands: commands{env}}
	p.flags(cmd)
	return p
}

// Propose has a draft checked, shows it, and has it taken if that is wanted. It reports
// whether it was.
func (p *Proposer) Propose(cmd *cobra.Command, d action.Draft) (taken bool, err error) {
	err = p.propose(cmd, d, p.wish)
	return err == nil && !p.dryRun, err
}
