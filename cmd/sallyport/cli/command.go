package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Group makes a command that only holds others: alone it shows its help, and
// with a word that none of them is called it fails.
func Group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			names := make([]string, 0, len(children))
			for _, c := range children {
				names = append(names, c.Name())
			}
			return ExitError{Code: ExitUsage, Err: fmt.Errorf("%s has no command %q; there are %s", cmd.CommandPath(), args[0], strings.Join(names, ", "))}
		},
	}
	cmd.AddCommand(children...)
	return cmd
}

// ShowUsage makes every wrong call of cmd, and of what stands below it, end with
// how it is meant.
func ShowUsage(cmd *cobra.Command) {
	wrong := func(cmd *cobra.Command, err error) error {
		return ExitError{Code: ExitUsage, Err: fmt.Errorf("%w\nUsage: %s", err, cmd.UseLine())}
	}
	cmd.SetFlagErrorFunc(wrong)
	for _, c := range cmd.Commands() {
		if check := c.Args; check != nil {
			c.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return wrong(cmd, err)
				}
				return nil
			}
		}
		ShowUsage(c)
	}
}

// Await runs read, which waits for a person and cannot be told to stop. It gives
// up when ctx ends; read is then left to the end of the program.
func Await(ctx context.Context, read func() error) error {
	done := make(chan error, 1)
	go func() { done <- read() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
