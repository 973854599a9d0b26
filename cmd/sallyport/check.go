package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/presets"
)

// load reads the configuration and shows what is to be said about it.
func (r *root) load(cmd *cobra.Command) (*policy.Policy, error) {
	p, files, diags := policy.Load(r.Config, build().Policy)
	if err := policy.WriteDiagnostics(cmd.ErrOrStderr(), files, diags, cli.Colours(cmd.ErrOrStderr())); err != nil {
		return nil, fmt.Errorf("report on %s: %w", r.Config, err)
	}
	if p == nil {
		return nil, cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("%s does not load", r.Config)}
	}
	return p, nil
}

func (r *root) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and run its tests",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := r.load(cmd)
			if err != nil {
				return err
			}
			cli.Say(cmd, "%s is good: %d services, %d roles, %d rules, %d tests passed.",
				r.Config, len(p.Services()), len(p.RoleNames()), p.RuleCount(), len(p.Tests()))
			return nil
		},
	}
}

func (r *root) fmtCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt [FILE…]",
		Short: "Put configuration files into the canonical layout",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				var err error
				if args, err = hclFiles(r.Config); err != nil {
					return err
				}
			}
			changed := false
			for _, path := range args {
				did, err := format(path, !check)
				if err != nil {
					return err
				}
				if did {
					changed = true
					fmt.Fprintln(cmd.OutOrStdout(), path)
				}
			}
			if check && changed {
				return cli.ExitError{Code: cli.ExitFailed, Quiet: true}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; list the files that would change and exit 1 if there are any")
	return cmd
}

// hclFiles lists the files of a configuration.
func hclFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	return filepath.Glob(filepath.Join(path, "*.hcl"))
}

// format reports whether the layout of a file differs from the canonical one,
// and writes it if asked to.
func format(path string, write bool) (bool, error) {
	old, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	if _, diags := hclsyntax.ParseConfig(old, path, hcl.InitialPos); diags.HasErrors() {
		return false, fmt.Errorf("%s is no HCL: %w", path, diags)
	}
	formatted := hclwrite.Format(old)
	if bytes.Equal(old, formatted) {
		return false, nil
	}
	if !write {
		return true, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return true, replaceFile(path, formatted, info.Mode().Perm())
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".sallyport-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name()) //nolint:errcheck // the first error is the one to tell
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (r *root) presetsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "presets", Short: "Services that Sallyport knows already"}
	cmd.AddCommand(
		&cobra.Command{
			Use: "ls", Short: "List the presets", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(presets.List(), "\n"))
				return err
			},
		},
		&cobra.Command{
			Use: "show NAME", Short: "Print a preset as HCL", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				text, ok := presets.Get(args[0])
				if !ok {
					return cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("no preset is called %q; there are %s", args[0], strings.Join(presets.List(), ", "))}
				}
				_, err := cmd.OutOrStdout().Write(text)
				return err
			},
		},
	)
	return cmd
}
