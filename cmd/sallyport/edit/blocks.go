package edit

import (
	"errors"
	"fmt"
	"io"
	"os"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/spf13/cobra"
)

// maxHCL bounds what is read of blocks.
const maxHCL = 1 << 20

// interactive reports whether stdin is a person.
func interactive(cmd *cobra.Command) bool {
	in, ok := cmd.InOrStdin().(*os.File)
	return ok && cli.Terminal(in)
}

// readHCL reads blocks from a file, or from stdin for "" and "-".
func readHCL(cmd *cobra.Command, from string) (string, *hclsyntax.Body, error) {
	src := cmd.InOrStdin()
	if from != "" && from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return "", nil, cli.FileError("read --from", from, err)
		}
		defer f.Close()
		src = f
	}
	text, err := io.ReadAll(io.LimitReader(src, maxHCL+1))
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("read the blocks: %w", err)
	case len(text) > maxHCL:
		return "", nil, fmt.Errorf("they are longer than %d bytes", maxHCL)
	}
	files := &source.Files{HCL: map[string]*hcl.File{}}
	body, diags := files.Parse(text, "what was given")
	if body == nil || diags.HasErrors() {
		return "", nil, fmt.Errorf("this is no HCL: %w", diags)
	}
	return string(text), body, nil
}

func (r *commands) policyPut() *cobra.Command {
	var w wish
	var from string
	cmd := &cobra.Command{
		Use:   "put",
		Short: "Add or replace policy blocks of any kind, all of a file at once",
		Long: "Reads services, roles, rules, approvers, judges, tests and vault secrets as HCL, from --from or\n" +
			"from stdin, and adds each, or puts it in the place of the one of its name. All of them are taken,\nor none.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := putFrom(cmd, from)
			if err != nil {
				return cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			return r.propose(cmd, d, w)
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&from, "from", "", "`FILE` that holds the blocks; - is stdin")
	return cmd
}

// putFrom makes a draft of the blocks that are read, each with its comments.
func putFrom(cmd *cobra.Command, from string) (action.Draft, error) {
	var d action.Draft
	if from == "" && interactive(cmd) {
		return d, errors.New("give the blocks as HCL with --from FILE or on stdin")
	}
	text, body, err := readHCL(cmd, from)
	if err != nil {
		return d, err
	}
	if len(body.Blocks) == 0 || len(body.Attributes) > 0 {
		return d, errors.New("this is no list of blocks")
	}
	begin := 0
	for _, b := range body.Blocks {
		name := ""
		if len(b.Labels) > 0 {
			name = b.Labels[0]
		}
		end := b.Range().End.Byte
		d.Edits = append(d.Edits, action.Edit{Op: "put", Kind: b.Type, Name: name, HCL: text[begin:end]})
		begin = end
	}
	return d, nil
}

func (r *commands) policyRemove() *cobra.Command {
	var w wish
	cmd := &cobra.Command{
		Use:     "rm KIND NAME",
		Short:   "Take a policy block of any kind out",
		Example: "  sallyport policy rm role ci",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.propose(cmd, action.Draft{Edits: []action.Edit{{Op: "remove", Kind: args[0], Name: args[1]}}}, w)
		},
	}
	w.flags(cmd)
	return cmd
}
