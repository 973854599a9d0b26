package edit

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/policy/hclconf/shape"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (r *commands) ruleCommand() *cobra.Command {
	return cli.Group("rule", "Add, replace and remove rules, through the checks of every edit",
		r.ruleList(), r.ruleShow(),
		r.ruleWrite("add", "Add a rule, from flags or from HCL"),
		r.ruleWrite("replace", "Put a rule in the place of the one of its name, from flags or from HCL"),
		r.ruleRemove(),
	)
}

// ruleWrite makes add and replace. Every attribute of a rule is a flag, as the
// table of the language has it.
func (r *commands) ruleWrite(op, short string) *cobra.Command {
	var w wish
	var from, into string
	cmd := &cobra.Command{
		Use:   op + " [NAME]",
		Short: short,
		Long: short + ".\n\nThe rule is what the flags say, or one rule block in HCL, read from --from or from stdin.\n" +
			"What it would change is shown before it is taken.",
		Example: "  sallyport rule " + op + " \"no deletions\" --on github --methods DELETE --verdict deny\n" +
			"  sallyport rule " + op + " --from rule.hcl --note \"as agreed on Monday\" --yes",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e := action.Edit{Op: op, Kind: "rule", File: into}
			if len(args) > 0 {
				e.Name = args[0]
			}
			b, err := fromFlags(cmd.Flags())
			switch {
			case err != nil:
			case b != nil && from != "":
				err = errors.New("the rule comes from flags or from --from, not from both")
			case b != nil && e.Name == "":
				err = errors.New("name the rule")
			case b != nil:
				e.Block = b
			default:
				err = ruleFrom(cmd, from, &e)
			}
			if err != nil {
				return cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			return r.propose(cmd, action.Draft{Edits: []action.Edit{e}}, w)
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&from, "from", "", "`FILE` that holds the rule; - is stdin")
	if op == "add" {
		cmd.Flags().StringVar(&into, "file", "", "`FILE` of the configuration to put it in (default: the one that holds most rules)")
	}
	for _, a := range shape.Language().Blocks["rule"].Attrs {
		if isList(a) {
			cmd.Flags().StringSlice(a.Name, nil, strings.ReplaceAll(a.Doc, "`", "'"))
		} else {
			cmd.Flags().String(a.Name, "", strings.ReplaceAll(a.Doc, "`", "'"))
		}
	}
	return cmd
}

func isList(a shape.Attr) bool { return strings.HasPrefix(a.Type, "list of ") }

// fromFlags gives the rule that the flags say; nil if they say none.
func fromFlags(flags *pflag.FlagSet) (*action.Block, error) {
	b := &action.Block{Attributes: map[string]any{}}
	for _, a := range shape.Language().Blocks["rule"].Attrs {
		f := flags.Lookup(a.Name)
		if f == nil || !f.Changed {
			continue
		}
		list, isSlice := f.Value.(pflag.SliceValue)
		switch {
		case isSlice && isReference(a):
			refs, err := references(a, list.GetSlice())
			if err != nil {
				return nil, err
			}
			b.Attributes[a.Name] = refs
		case isSlice:
			b.Attributes[a.Name] = list.GetSlice()
		case a.Type == "condition":
			b.Attributes[a.Name] = map[string]any{"expr": f.Value.String()}
		default:
			b.Attributes[a.Name] = f.Value.String()
		}
	}
	if len(b.Attributes) == 0 {
		return nil, nil
	}
	return b, nil
}

func isReference(a shape.Attr) bool { return strings.Contains(a.Type, " reference") }

// references gives a list of references; a name alone is of the kind that the
// attribute takes, if that is one, and "*" is everything.
func references(a shape.Attr, names []string) (any, error) {
	var kinds []string
	for _, word := range strings.Fields(a.Type) {
		if b := shape.Language().Blocks[word]; b != nil && b.Labelled {
			kinds = append(kinds, word)
		}
	}
	list := make([]any, len(names))
	for i, name := range names {
		switch {
		case name == "*" && len(names) == 1:
			return "*", nil
		case strings.Contains(name, "."):
		case len(kinds) != 1:
			return nil, fmt.Errorf("--%s %s may be several things; write %s", a.Name, name, strings.Join(kinds, "."+name+" or ")+"."+name)
		default:
			name = kinds[0] + "." + name
		}
		list[i] = map[string]any{"ref": name}
	}
	return list, nil
}

// ruleFrom reads one rule from a file or from stdin, and its name.
func ruleFrom(cmd *cobra.Command, from string, e *action.Edit) error {
	if from == "" && interactive(cmd) {
		return errors.New("say with flags what the rule is, or give it as HCL with --from FILE or on stdin")
	}
	text, body, err := readHCL(cmd, from)
	if err != nil {
		return err
	}
	if len(body.Blocks) != 1 || body.Blocks[0].Type != "rule" || len(body.Blocks[0].Labels) != 1 {
		return errors.New(`this is not one block: rule "NAME" { … }`)
	}
	name := body.Blocks[0].Labels[0]
	if e.Name != "" && e.Name != name {
		return fmt.Errorf("this is rule %q and not %q", name, e.Name)
	}
	e.Name, e.HCL = name, text
	return nil
}

func (r *commands) ruleRemove() *cobra.Command {
	var w wish
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "Take a rule out, with the comments right above it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.propose(cmd, action.Draft{Edits: []action.Edit{{Op: "remove", Kind: "rule", Name: args[0]}}}, w)
		},
	}
	w.flags(cmd)
	return cmd
}

func (r *commands) ruleList() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the rules, and where they stand",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []action.Declared
			if err := r.Client().Call(cmd.Context(), http.MethodGet, where+"/blocks?kind=rule", nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "RULE\tFILE\tLINE")
				for _, d := range list {
					cli.Printf(t, "%s\t%s\t%d\n", d.Name, d.File, d.Line)
				}
				return t.Flush()
			})
		},
	}
}

func (r *commands) ruleShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print a rule as it stands in its file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var d book.Standing
			if err := r.Client().Call(cmd.Context(), http.MethodGet, where+"/blocks/rule/"+url.PathEscape(args[0]), nil, &d); err != nil {
				return err
			}
			return r.Print(cmd, d, func(w io.Writer) error { return writeText(w, d.HCL) })
		},
	}
}

// writeText prints text of a file so that no terminal is steered by it.
func writeText(w io.Writer, text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(w, cli.PrintableTabs(strings.TrimRight(line, "\r\n"))); err != nil {
			return err
		}
	}
	return nil
}
