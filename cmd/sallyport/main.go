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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if err == nil {
		return
	}
	var exit cli.ExitError
	switch {
	case errors.As(err, &exit):
	case interrupted:
		exit.Code = cli.ExitInterrupted
	default:
		exit.Code = cli.ExitUsage
	}
	if !exit.Quiet {
		fmt.Fprintln(os.Stderr, "sallyport: "+err.Error())
	}
	os.Exit(exit.Code)
}
