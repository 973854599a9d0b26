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
)

// Exit codes of every command.
const (
	exitFailed      = 1 // a check failed
	exitUsage       = 2 // usage or configuration error
	exitDenied      = 3 // denied by policy
	exitTimeout     = 4 // approval timed out
	exitUnreachable = 5 // the gateway does not answer
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if err == nil {
		return
	}
	var exit exitError
	switch {
	case errors.As(err, &exit):
	case interrupted:
		exit.code = exitInterrupted
	default:
		exit.code = exitUsage
	}
	if !exit.quiet {
		fmt.Fprintln(os.Stderr, "sallyport: "+err.Error())
	}
	os.Exit(exit.code)
}

// An exitError ends the program with a code; quiet means that all has been said.
type exitError struct {
	code  int
	quiet bool
	err   error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }
