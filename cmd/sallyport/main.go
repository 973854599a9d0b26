// Command sallyport is a security gateway for AI agents: it stands between them
// and what matters, judges every request and every statement, and adds secrets
// that they never see. This package lists what the build contains, wires it
// together, and has no logic of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // hours in rules work where the system has no zone files

	"sallyport.dev/sallyport/cmd/sallyport/cli"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, newRoot())
	stop()
	os.Exit(code)
}

// run executes a command and gives the exit code of the program.
func run(ctx context.Context, cmd *cobra.Command) int {
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit cli.ExitError
	switch {
	case errors.As(err, &exit):
	case ctx.Err() != nil:
		exit.Code, exit.Quiet = cli.ExitInterrupted, true // who pressed Ctrl-C knows
	default:
		exit.Code = cli.ExitUsage
	}
	if !exit.Quiet {
		fmt.Fprintln(cmd.ErrOrStderr(), "sallyport: "+err.Error())
	}
	return exit.Code
}
