package cli

import (
	"context"
	"fmt"
	"slices"
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
			return Unknown(cmd, args[0])
		},
	}
	Add(cmd, children...)
	return cmd
}

// order is the annotation that keeps commands in the order in which they were added.
const order = "order"

// Add adds commands, which help shows in this order.
func Add(cmd *cobra.Command, children ...*cobra.Command) {
	for i, c := range children {
		if c.Annotations == nil {
			c.Annotations = make(map[string]string)
		}
		c.Annotations[order] = fmt.Sprintf("%03d", i)
	}
	cmd.AddCommand(children...)
}

// inOrder lists the commands that people use, in the order in which they were added.
func inOrder(cmd *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *cobra.Command) int { return strings.Compare(a.Annotations[order], b.Annotations[order]) })
	return list
}

// Unknown says that a command holds none of a name, and what it holds.
func Unknown(cmd *cobra.Command, name string) error {
	cmd.SuggestionsMinimumDistance = 2
	has, cure := called(cmd)+" has", "; `sallyport --help` lists what there is"
	if !cmd.HasParent() {
		has = "there is"
	}
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		cure = "; did you mean " + strings.Join(near, " or ") + "?"
	} else if cmd.HasParent() {
		var names []string
		for _, c := range inOrder(cmd) {
			names = append(names, c.Name())
		}
		cure = "; there are " + strings.Join(names, ", ")
	}
	return ExitError{Code: ExitUsage, Err: fmt.Errorf("%s no command %q%s", has, name, cure)}
}

// Plain makes a command, and what stands below it, refuse --json: what it prints
// is in a form of its own.
func Plain(cmd *cobra.Command, form string) *cobra.Command {
	for _, c := range cmd.Commands() {
		Plain(c, form)
	}
	inner := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if wantsJSON(cmd) {
			return fmt.Errorf("%s knows no --json: it prints %s", called(cmd), form)
		}
		if inner == nil {
			return nil
		}
		return inner(cmd, args)
	}
	return cmd
}

// ShowUsage makes every wrong call of cmd, and of what stands below it, end with
// how it is meant.
func ShowUsage(cmd *cobra.Command) {
	wrong := func(cmd *cobra.Command, err error) error {
		return ExitError{Code: ExitUsage, Usage: cmd.UseLine(), Err: err}
	}
	cmd.SetFlagErrorFunc(wrong)
	for _, c := range cmd.Commands() {
		if check := c.Args; check != nil {
			c.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return wrong(cmd, miscounted(cmd, args, err))
				}
				return nil
			}
		}
		ShowUsage(c)
	}
}

// miscounted says in plain words what the library says of the number of arguments.
func miscounted(cmd *cobra.Command, args []string, err error) error {
	said, name := err.Error(), called(cmd)
	var want int
	fmt.Sscanf(strings.TrimPrefix(said, "accepts at most"), "accepts %d", &want) //nolint:errcheck // 0 is good then
	switch {
	case strings.HasPrefix(said, "unknown command "):
		return fmt.Errorf("%s takes no argument, and was given %q", name, args[0])
	case strings.HasPrefix(said, "requires at least "), strings.HasPrefix(said, "accepts ") && len(args) < want:
		return fmt.Errorf("%s lacks an argument", name)
	case strings.HasPrefix(said, "accepts "):
		return fmt.Errorf("%s takes fewer arguments than the %d it was given", name, len(args))
	}
	return err
}

// called is what a command is called without the name of the program.
func called(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
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
