// Command sallyport is a security gateway for AI agents: it stands between them
// and what matters, judges every request and every statement, and adds secrets
// that they never see. This package lists what the build contains, wires it
// together, and has no logic of its own.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
	_ "time/tzdata" // hours in rules work where the system has no zone files

	"sallyport.dev/sallyport/cmd/sallyport/cli"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, newRoot(), os.Args[1:]...)
	stop()
	os.Exit(code)
}

// run executes a command with its arguments and gives the exit code of the program.
func run(ctx context.Context, cmd *cobra.Command, args ...string) int {
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit cli.ExitError
	switch {
	case errors.As(err, &exit):
		exit.Err = err
	case ctx.Err() != nil:
		exit.Code, exit.Quiet = cli.ExitInterrupted, true // who pressed Ctrl-C knows
	default:
		exit.Code, exit.Err = cli.ExitFailed, err
	}
	if !exit.Quiet {
		cli.Complain(cmd.ErrOrStderr(), exit, wantsJSON(args))
	}
	return exit.Code
}

// wantsJSON reports whether --json is among the arguments, also where another of
// them is wrong.
func wantsJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}
