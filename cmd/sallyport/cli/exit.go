// Package cli is what every command shares: the flags that find a gateway and a
// configuration, the client that talks to a running one, exit codes and the way
// things are printed. It holds no command.
package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes of every command.
const (
	ExitFailed      = 1 // a check failed, or it was refused, not found or not possible
	ExitUsage       = 2 // usage or configuration error
	ExitDenied      = 3 // denied by policy
	ExitTimeout     = 4 // approval timed out
	ExitUnreachable = 5 // the gateway does not answer
	ExitInterrupted = 130
)

// ExitCodes tells them to people.
const ExitCodes = `0  done, and every check passed
1  a check failed; or it was refused, not found or not possible
2  the command or the configuration is wrong
3  denied by policy
4  nobody answered the approval in time
5  the gateway does not answer`

// An ExitError ends the program with a code; Quiet means that all has been said.
type ExitError struct {
	Code  int
	Quiet bool
	Usage string // how the command is meant, if it was called wrongly
	// Status is what a gateway answered; 0: it was not its answer.
	Status int
	Err    error
}

func (e ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit %d", e.Code)
	}
	return e.Err.Error()
}

func (e ExitError) Unwrap() error { return e.Err }

// Usage is an error of whoever typed the command.
func Usage(format string, args ...any) error {
	return ExitError{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}

// Complain tells of an error on stderr: in a sentence, or with --json as one
// object.
func Complain(w io.Writer, e ExitError, asJSON bool) {
	if !asJSON {
		fmt.Fprintln(w, "sallyport: "+e.Error())
		if e.Usage != "" {
			fmt.Fprintln(w, "Usage: "+e.Usage)
		}
		return
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(struct { //nolint:errcheck // there is nowhere else to tell it
		Error string `json:"error"`
		Code  int    `json:"code"`
		Usage string `json:"usage,omitempty"`
	}{e.Error(), e.Code, e.Usage})
}

// Hinted adds to what a gateway answers to a request how that is said at the command
// line: the API knows no flags. hints are by words of the answer.
func Hinted(err error, hints map[string]string) error {
	var e ExitError
	if !errors.As(err, &e) || e.Status == 0 {
		return err
	}
	for words, hint := range hints {
		if strings.Contains(e.Error(), words) {
			e.Err = fmt.Errorf("%w; %s", e.Err, hint)
		}
	}
	return e
}

// wantsJSON reports whether a command was called with --json.
func wantsJSON(cmd *cobra.Command) bool {
	f := cmd.Flags().Lookup("json")
	return f != nil && f.Value.String() == "true"
}
