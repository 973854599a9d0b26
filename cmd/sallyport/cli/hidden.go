package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// ReadSecret reads what without showing it, at most limit bytes; from a pipe, one
// line end at the end is not part of it.
func ReadSecret(cmd *cobra.Command, what string, limit int) ([]byte, error) {
	var value []byte
	var err error
	if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		Printf(cmd.ErrOrStderr(), "%s: ", upper(what))
		value, err = readHidden(cmd.Context(), int(in.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
	} else {
		value, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), int64(limit)+1))
		value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the %s: %w", what, err)
	case len(value) == 0:
		return nil, Usage("the %s is empty; give it at the prompt or on stdin", what)
	case len(value) > limit:
		return nil, Usage("the %s is longer than %d bytes", what, limit)
	}
	return value, nil
}

// ReadNewSecret is ReadSecret for one line that is made up now: at a terminal it is
// typed twice. What good says of it is told before the second time.
func ReadNewSecret(cmd *cobra.Command, what string, limit int, good func(string) error) ([]byte, error) {
	value, err := ReadSecret(cmd, what, limit)
	if err == nil && bytes.ContainsAny(value, "\r\n") {
		err = Usage("the %s has more than one line", what)
	}
	if err == nil {
		if wrong := good(string(value)); wrong != nil {
			err = Usage("%w", wrong)
		}
	}
	if in, ok := cmd.InOrStdin().(*os.File); err != nil || !ok || !term.IsTerminal(int(in.Fd())) {
		return value, err
	}
	again, err := ReadSecret(cmd, what+" again", limit)
	if err == nil && !bytes.Equal(value, again) {
		err = Usage("the two differ; nothing is changed")
	}
	return value, err
}

func upper(s string) string { return string(bytes.ToUpper([]byte(s[:1]))) + s[1:] }

// readHidden reads a line that the terminal does not show. When ctx ends, it
// gives the terminal back as it was.
func readHidden(ctx context.Context, fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	var value []byte
	err = Await(ctx, func() (err error) {
		value, err = term.ReadPassword(fd)
		return err
	})
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), term.Restore(fd, before))
	}
	return value, err
}
