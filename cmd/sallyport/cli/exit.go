// Package cli is what every command shares: the flags that find a gateway and a
// configuration, the client that talks to a running one, exit codes and the way
// things are printed. It holds no command.
package cli

import "fmt"

// Exit codes of every command.
const (
	ExitFailed      = 1 // a check failed
	ExitUsage       = 2 // usage or configuration error
	ExitDenied      = 3 // denied by policy
	ExitTimeout     = 4 // approval timed out
	ExitUnreachable = 5 // the gateway does not answer
	ExitInterrupted = 130
)

// An ExitError ends the program with a code; Quiet means that all has been said.
type ExitError struct {
	Code  int
	Quiet bool
	Err   error
}

func (e ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit %d", e.Code)
	}
	return e.Err.Error()
}

func (e ExitError) Unwrap() error { return e.Err }
