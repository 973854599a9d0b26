package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how wide help is, for terminals that show no more.
const helpWidth = 100

// Explain gives root, and all below it, their help: for people, or with --json as an
// object.
func Explain(root *cobra.Command) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if wantsJSON(cmd) {
			Line(cmd.OutOrStdout(), pageOf(cmd)) //nolint:errcheck // whoever asked has left
			return
		}
		writeHelp(cmd.OutOrStdout(), cmd)
	})
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := fmt.Fprintln(cmd.OutOrStderr(), "Usage: "+usageLine(cmd))
		return err
	})
	root.SetHelpCommand(&cobra.Command{
		Use: "help [COMMAND]...", Short: "Show how a command is used",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			switch {
			case err != nil:
				return ExitError{Code: ExitUsage, Err: err}
			case len(rest) > 0 && of.HasAvailableSubCommands():
				return Unknown(of, rest[0])
			}
			of.InitDefaultHelpFlag()
			if wantsJSON(cmd) {
				return Line(cmd.OutOrStdout(), pageOf(of))
			}
			writeHelp(cmd.OutOrStdout(), of)
			return nil
		},
	})
}

// usageLine says how a command is called.
func usageLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " COMMAND [flags]"
	}
	return cmd.UseLine()
}

func writeHelp(w io.Writer, cmd *cobra.Command) {
	about := cmd.Long
	if about == "" {
		about = cmd.Short + "."
	}
	fmt.Fprintf(w, "%s\n\nUsage:\n  %s\n", about, usageLine(cmd))
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(w, "\nAlso called:\n  %s\n", strings.Join(cmd.Aliases, ", "))
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	for _, g := range cmd.Groups() {
		writeCommands(w, g.Title, cmd, g.ID)
	}
	title := "Commands:"
	if len(cmd.Groups()) > 0 {
		title = "Besides:"
	}
	writeCommands(w, title, cmd, "")
	writeFlags(w, "Flags:", cmd.LocalFlags())
	if !cmd.HasParent() {
		fmt.Fprintf(w, "\nExit codes:\n  %s\n", strings.ReplaceAll(ExitCodes, "\n", "\n  "))
	}
	writeInherited(w, cmd)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n`%s COMMAND --help` tells more about a command.\n", cmd.CommandPath())
	}
}

// writeCommands lists the commands of one group; "" are those of none.
func writeCommands(w io.Writer, title string, cmd *cobra.Command, group string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	first := true
	for _, c := range inOrder(cmd) {
		if c.GroupID != group {
			continue
		}
		if first {
			fmt.Fprintf(w, "\n%s\n", title)
			first = false
		}
		fmt.Fprintf(t, "  %s\t%s\n", c.Name(), c.Short)
	}
	t.Flush() //nolint:errcheck // as what is written directly
}

// writeInherited names the flags that every command has, which the help of the
// program tells of.
func writeInherited(w io.Writer, cmd *cobra.Command) {
	var list []string
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand
		}
		value, _ := pflag.UnquoteUsage(f)
		list = append(list, strings.TrimSpace(name+" "+value))
	})
	if len(list) > 0 {
		fmt.Fprintf(w, "\nAs for every command: %s (see `%s --help`).\n", strings.Join(list, ", "), cmd.Root().Name())
	}
}

func writeFlags(w io.Writer, title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		fmt.Fprintf(w, "\n%s\n%s", title, usages(flags))
	}
}

// usages lists flags. The library counts bytes where it aligns, so that what has more
// than one of them is put in afterwards.
func usages(flags *pflag.FlagSet) string {
	const dots, one = "…", "\x1a"
	plain := pflag.NewFlagSet("", pflag.ContinueOnError)
	plain.SortFlags = flags.SortFlags
	flags.VisitAll(func(f *pflag.Flag) {
		own := *f
		own.Usage = strings.ReplaceAll(own.Usage, dots, one)
		plain.AddFlag(&own)
	})
	return strings.ReplaceAll(plain.FlagUsagesWrapped(helpWidth), one, dots)
}

// A page is the help of one command for programs.
type page struct {
	Command  string `json:"command"`
	Short    string `json:"short"`
	Long     string `json:"long,omitempty"`
	Usage    string `json:"usage"`
	Example  string `json:"example,omitempty"`
	Commands []leaf `json:"commands,omitempty"`
	Flags    []knob `json:"flags"`
}

type leaf struct {
	Name  string `json:"name"`
	Short string `json:"short"`
}

type knob struct {
	Name    string `json:"name"`
	Short   string `json:"short,omitempty"`
	Default string `json:"default,omitempty"`
	Usage   string `json:"usage"`
}

func pageOf(cmd *cobra.Command) page {
	p := page{Command: cmd.CommandPath(), Short: cmd.Short, Long: cmd.Long, Usage: usageLine(cmd), Example: cmd.Example, Flags: []knob{}}
	for _, c := range inOrder(cmd) {
		p.Commands = append(p.Commands, leaf{c.Name(), c.Short})
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			p.Flags = append(p.Flags, knob{f.Name, f.Shorthand, f.DefValue, strings.ReplaceAll(f.Usage, "`", "")})
		}
	})
	return p
}
