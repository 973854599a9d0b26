// Package replay holds the commands that judge again what was recorded, or stated:
// test, diff and suggest. They read the configuration and, where they are told to,
// the records of a gateway; they change nothing.
package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/internal/node/recorded"
	"sallyport.dev/sallyport/internal/past"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/replay"

	"github.com/spf13/cobra"
)

// A Bench is what the commands share.
type Bench struct {
	*cli.Env
	// Find takes the configuration of the gateway that runs where none was named and
	// none stands where it should.
	Find    func(*cobra.Command)
	Options policy.Options
	// Load reads a configuration, shows what is to be said about it, and fails with
	// the exit code if it does not load.
	Load func(cmd *cobra.Command, path string) (*policy.Policy, error)
}

// Offline lists the commands that need no gateway; the environment is read when one
// runs.
func (b *Bench) Offline() []*cobra.Command { return []*cobra.Command{b.testCommand()} }

// Online lists the commands that read what a gateway has recorded.
func (b *Bench) Online() []*cobra.Command {
	return []*cobra.Command{b.diffCommand(), b.suggestCommand()}
}

// usage is an error of whoever typed the command.
func usage(format string, args ...any) error {
	return cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf(format, args...)}
}

// since makes the query for what happened from then on.
func since(when string) (string, error) {
	query := "since:" + strconv.Quote(when)
	if _, err := audit.ParseQuery(query); err != nil {
		return "", usage("--since: %w", err)
	}
	return query, nil
}

// recorded is what the gateway has recorded, as a source; done ends it. Where no
// gateway answers, and none was named, it is read from the state directory of p.
func (b *Bench) recorded(ctx context.Context, p *policy.Policy, query string) (s replay.Source, done func(), err error) {
	s.Reader = past.Reader(b.Options.Tables)
	resp, err := b.Client().Do(ctx, http.MethodGet, "/api/v1/actions.jsonl?q="+url.QueryEscape(query), nil) //nolint:bodyclose // done closes it
	if err == nil {
		s.Records = past.Lines(resp.Body)
		return s, func() { resp.Body.Close() }, nil
	}
	var exit cli.ExitError
	if b.Gateway != "" || os.Getenv("SALLYPORT_URL") != "" || !errors.As(err, &exit) || exit.Code != cli.ExitUnreachable {
		return s, nil, err
	}
	q, wrong := audit.ParseQuery(query)
	if wrong != nil {
		return s, nil, usage("query: %w", wrong)
	}
	kept, wrong := recorded.Open(ctx, cmp.Or(p.Gateway().StateDir, cli.DefaultState()))
	if errors.Is(wrong, recorded.ErrNoRecords) {
		return s, nil, err
	}
	if wrong != nil {
		return s, nil, cli.ExitError{Code: cli.ExitUnreachable, Err: fmt.Errorf("no gateway answers, and its records cannot be read: %w", wrong)}
	}
	s.Records = past.Exported(func(f func([]byte) error) error { return kept.Export(ctx, q, f) })
	return s, func() { kept.Close() }, nil
}

// failed is the error of a command whose check failed, of which all was said.
func failed() error { return cli.ExitError{Code: cli.ExitFailed, Quiet: true} }

// broke is an error on the way of records.
func broke(err error) error {
	var exit cli.ExitError
	if errors.Is(err, context.Canceled) || errors.As(err, &exit) {
		return err
	}
	return cli.ExitError{Code: cli.ExitFailed, Err: err}
}
