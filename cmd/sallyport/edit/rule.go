package edit

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// maxHCL bounds what is read of a block.
const maxHCL = 1 << 20

func (r *commands) ruleCommand() *cobra.Command {
	return cli.Group("rule", "Change the rules of a running gateway",
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
			b := fromFlags(cmd.Flags())
			var err error
			switch {
			case b != nil && from != "":
				err = errors.New("the rule comes from flags or from --from, not from both")
			case b != nil && e.Name == "":
				err = errors.New("name the rule")
			case b != nil:
				e.Block = b
			default:
				err = fromHCL(cmd, from, &e)
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
func fromFlags(flags *pflag.FlagSet) *action.Block {
	b := &action.Block{Attributes: map[string]any{}}
	for _, a := range shape.Language().Blocks["rule"].Attrs {
		f := flags.Lookup(a.Name)
		if f == nil || !f.Changed {
			continue
		}
		list, isSlice := f.Value.(pflag.SliceValue)
		switch {
		case isSlice && isReference(a):
			b.Attributes[a.Name] = references(a, list.GetSlice())
		case isSlice:
			b.Attributes[a.Name] = list.GetSlice()
		case a.Type == "condition":
			b.Attributes[a.Name] = map[string]any{"expr": f.Value.String()}
		default:
			b.Attributes[a.Name] = f.Value.String()
		}
	}
	if len(b.Attributes) == 0 {
		return nil
	}
	return b
}

func isReference(a shape.Attr) bool { return strings.Contains(a.Type, " reference") }

// references gives a list of references; a name alone is of the kind that the
// attribute takes, and "*" is everything.
func references(a shape.Attr, names []string) any {
	kind, _, _ := strings.Cut(strings.TrimPrefix(a.Type, "list of "), " ")
	list := make([]any, len(names))
	for i, name := range names {
		if name == "*" && len(names) == 1 {
			return "*"
		}
		if !strings.Contains(name, ".") {
			name = kind + "." + name
		}
		list[i] = map[string]any{"ref": name}
	}
	return list
}

// fromHCL reads one rule from a file or from stdin, and its name.
func fromHCL(cmd *cobra.Command, from string, e *action.Edit) error {
	in, isFile := cmd.InOrStdin().(*os.File)
	if from == "" && isFile && cli.Terminal(in) {
		return errors.New("say with flags what the rule is, or give it as HCL with --from FILE or on stdin")
	}
	src := cmd.InOrStdin()
	if from != "" && from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		src = f
	}
	text, err := io.ReadAll(io.LimitReader(src, maxHCL+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the rule: %w", err)
	case len(text) > maxHCL:
		return fmt.Errorf("the rule is longer than %d bytes", maxHCL)
	}
	files := &source.Files{HCL: map[string]*hcl.File{}}
	body, diags := files.Parse(text, "the rule")
	if body == nil || diags.HasErrors() {
		return fmt.Errorf("this is no HCL: %w", diags)
	}
	if len(body.Blocks) != 1 || body.Blocks[0].Type != "rule" || len(body.Blocks[0].Labels) != 1 {
		return errors.New(`this is not one block: rule "NAME" { … }`)
	}
	name := body.Blocks[0].Labels[0]
	if e.Name != "" && e.Name != name {
		return fmt.Errorf("this is rule %q and not %q", name, e.Name)
	}
	e.Name, e.HCL = name, string(text)
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
