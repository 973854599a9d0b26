// Package lsp holds the command that an editor starts to have configurations
// checked and completed while somebody writes them. What it knows is policy/lsp's.
package lsp

import (
	"fmt"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/lsp"

	"github.com/spf13/cobra"
)

// Command is the language server for configurations of this build; env is read
// when it runs.
func Command(env *cli.Env, options policy.Options, version string) *cobra.Command {
	return &cobra.Command{
		Use:   "lsp",
		Short: "Serve an editor: diagnostics, completion, hover and formatting of configurations",
		Long: "Speaks the language server protocol on stdin and stdout; an editor starts it.\n\n" +
			"The *.hcl files of a directory are one configuration. Where each file is one by itself,\n" +
			"say with -c which one is meant.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := &lsp.Server{Options: options, Version: version}
			if cmd.Flags().Changed("config") {
				s.Config = env.Config
			}
			if err := s.Run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout()); err != nil && cmd.Context().Err() == nil {
				return cli.ExitError{Code: cli.ExitFailed, Err: fmt.Errorf("language server: %w", err)}
			}
			return nil
		},
	}
}
