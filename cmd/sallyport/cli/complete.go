package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// Completion makes the command that prints what completes commands in a shell.
func Completion() *cobra.Command {
	shell := func(name, example string, write func(root *cobra.Command, w io.Writer) error) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: "Print what completes commands in " + name, Example: example, Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
			RunE: func(cmd *cobra.Command, _ []string) error { return write(cmd.Root(), cmd.OutOrStdout()) },
		}
	}
	return Plain(Group("completion", "Complete commands in your shell",
		shell("bash", "  source <(sallyport completion bash)    # needs the package bash-completion\n  sallyport completion bash > /etc/bash_completion.d/sallyport",
			func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) }),
		shell("zsh", "  source <(sallyport completion zsh)\n  sallyport completion zsh > \"${fpath[1]}/_sallyport\"",
			func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) }),
		shell("fish", "  sallyport completion fish > ~/.config/fish/completions/sallyport.fish",
			func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) }),
		shell("powershell", "  sallyport completion powershell | Out-String | Invoke-Expression",
			func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) }),
	), "a script for a shell")
}
