// Package admin holds the commands that talk to a running gateway: agents,
// secrets, the log and how it all stands. Each is one call of the API;
// what an operator may do is decided there.
package admin

import (
	"sallyport.dev/sallyport/cmd/sallyport/cli"

	"github.com/spf13/cobra"
)

// commands is what they share.
type commands struct {
	*cli.Env
	why bool // log: tell how the rules came to a refusal
}

// Watching lists the commands that show what happens; env is read when one runs.
func Watching(env *cli.Env) []*cobra.Command {
	r := &commands{Env: env}
	return []*cobra.Command{r.statusCommand(), r.logCommand(), r.auditCommand()}
}

// Enrolling lists the commands for agents and what they must trust.
func Enrolling(env *cli.Env) []*cobra.Command {
	r := &commands{Env: env}
	return []*cobra.Command{r.agentCommand(), r.caCommand()}
}
