package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/presets"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"
)

// load reads the configuration and shows what is to be said about it.
func (r *root) load(cmd *cobra.Command) (*policy.Policy, error) {
	p, _, err := r.report(cmd)
	return p, err
}

// find takes the configuration of the gateway that runs, as far as it is on this
// machine, where none was named and none stands where it should.
func (r *root) find(cmd *cobra.Command) {
	if cmd.Flags().Changed("config") || r.HasConfig() == nil {
		return
	}
	ctx, stop := context.WithTimeout(cmd.Context(), inquiry)
	defer stop()
	var s dashboard.Status
	if r.Client().Call(ctx, http.MethodGet, "/api/v1/status", nil, &s) != nil || !same(s.Config, s.Config) {
		return // which load says
	}
	r.Config = s.Config
	cli.Say(cmd, "By %s, the configuration of the gateway that runs.", s.Config)
}

// loadFrom is load of a configuration that stands elsewhere.
func (r *root) loadFrom(cmd *cobra.Command, path string) (*policy.Policy, error) {
	other := root{Env: r.Env}
	other.Config = path
	return other.load(cmd)
}

// report is load that gives the diagnostics, too. With --json those of a
// configuration that does not load are the data.
func (r *root) report(cmd *cobra.Command) (*policy.Policy, hcl.Diagnostics, error) {
	if err := r.HasConfig(); err != nil {
		return nil, nil, err
	}
	p, files, diags := policy.Load(r.Config, build().Policy)
	if p == nil && r.JSON {
		if err := r.Print(cmd, map[string]any{"ok": false, "diagnostics": problems(diags)}, nil); err != nil {
			return nil, nil, err
		}
		return nil, diags, cli.ExitError{Code: failure(diags), Quiet: true}
	}
	if r.JSON { // check has them in what it prints
		return p, diags, nil
	}
	if err := policy.WriteDiagnostics(cmd.ErrOrStderr(), files, diags, cli.Colours(cmd.ErrOrStderr())); err != nil {
		return nil, nil, fmt.Errorf("report on %s: %w", r.Config, err)
	}
	if p == nil {
		err := fmt.Errorf("%s does not load", r.Config)
		if failure(diags) == cli.ExitFailed {
			err = fmt.Errorf("a test of %s fails, so it is not taken", r.Config)
		}
		return nil, diags, cli.ExitError{Code: failure(diags), Err: err}
	}
	return p, diags, nil
}

// testFailed is the summary of a diagnostic that tells of a test block.
const testFailed = "Test failed"

// failure tells a configuration with errors from one whose tests fail.
func failure(diags hcl.Diagnostics) int {
	for _, d := range diags {
		if d.Severity == hcl.DiagError && d.Summary != testFailed {
			return cli.ExitUsage
		}
	}
	return cli.ExitFailed
}

// A problem is one diagnostic for programs.
type problem struct {
	ID       string `json:"id,omitempty"` // of a finding, see the reference
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
}

func problems(diags hcl.Diagnostics) []problem {
	list := []problem{}
	for _, d := range diags {
		p := problem{ID: string(finding.Of(d)), Severity: "error", Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			p.Severity = "warning"
		}
		if d.Subject != nil {
			p.File, p.Line, p.Column = d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column
		}
		list = append(list, p)
	}
	return list
}

func (r *root) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and run its tests",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, diags, err := r.report(cmd)
			if err != nil {
				return err
			}
			accounts := r.accounts(cmd.Context(), p)
			services, roles, rules, tests := len(p.Services()), len(p.RoleNames()), p.RuleCount(), len(p.Tests())
			if r.JSON {
				return r.Print(cmd, map[string]any{
					"ok": true, "services": services, "roles": roles, "rules": rules, "tests": tests, "diagnostics": problems(diags),
					"account_warnings": accounts,
				}, nil)
			}
			for _, warning := range accounts {
				cli.Say(cmd, "Warning: %s.", warning)
			}
			cli.Say(cmd, "%s is good: %s, %s, %s, %s passed.", r.Config,
				cli.Count(services, "service"), cli.Count(roles, "role"), cli.Count(rules, "rule"), cli.Count(tests, "test"))
			return nil
		},
	}
}

// inquiry bounds the question to a gateway that may not be there.
const inquiry = 2 * time.Second

// accounts asks the gateway that runs this configuration, if one does, what is
// wrong with the accounts and secrets of its services: no file tells.
func (r *root) accounts(ctx context.Context, p *policy.Policy) []string {
	ctx, stop := context.WithTimeout(ctx, inquiry)
	defer stop()
	var s dashboard.Status
	list := []string{}
	if r.Client().Call(ctx, http.MethodGet, "/api/v1/status", nil, &s) != nil || !same(s.Config, r.Config) {
		return list
	}
	for _, svc := range p.Services() {
		list = append(list, s.Accounts[svc.Name]...)
	}
	for _, warning := range s.Warnings {
		if strings.HasPrefix(warning, "secret ") { // that it has no value; no file tells that either
			list = append(list, warning)
		}
	}
	return list
}

// same reports whether two paths lead to one file.
func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func (r *root) fmtCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt [FILE…]",
		Short: "Put configuration files into the canonical layout",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				var err error
				if args, err = r.hclFiles(); err != nil {
					return err
				}
			}
			changed := []string{}
			for _, path := range args {
				did, err := format(path, !check)
				if err != nil {
					return err
				}
				if did {
					changed = append(changed, path)
				}
			}
			if err := r.Print(cmd, changed, lines(changed)); err != nil {
				return err
			}
			if check && len(changed) > 0 {
				return cli.ExitError{Code: cli.ExitFailed, Quiet: true}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; list the files that would change and exit 1 if there are any")
	return cmd
}

// lines prints each text on a line of its own.
func lines(list []string) func(io.Writer) error {
	return func(w io.Writer) error {
		for _, s := range list {
			if _, err := fmt.Fprintln(w, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// hclFiles lists the files of the configuration.
func (r *root) hclFiles() ([]string, error) {
	if err := r.HasConfig(); err != nil {
		return nil, err
	}
	info, err := os.Stat(r.Config)
	if err != nil {
		return nil, cli.FileError("read", r.Config, err)
	}
	if !info.IsDir() {
		return []string{r.Config}, nil
	}
	return filepath.Glob(filepath.Join(r.Config, "*.hcl"))
}

// format reports whether the layout of a file differs from the canonical one,
// and writes it if asked to.
func format(path string, write bool) (bool, error) {
	old, err := os.ReadFile(path)
	if err != nil {
		return false, cli.FileError("read", path, err)
	}
	if _, diags := hclsyntax.ParseConfig(old, path, hcl.InitialPos); diags.HasErrors() {
		return false, cli.Usage("%s is no HCL: %w", path, diags)
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
		return cli.FileError("write", path, err)
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
	return cli.Group("presets", "Show the services that Sallyport knows already",
		&cobra.Command{
			Use: "ls", Short: "List the presets", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return r.Print(cmd, presets.List(), func(w io.Writer) error {
					t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
					for _, name := range presets.List() {
						cli.Printf(t, "%s\t%s\n", name, presets.Description(name))
					}
					return t.Flush()
				})
			},
		},
		&cobra.Command{
			Use: "show NAME", Short: "Print a preset as HCL", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				text, ok := presets.Get(args[0])
				if !ok {
					return cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("no preset is called %q; there are %s", args[0], strings.Join(presets.List(), ", "))}
				}
				return r.Print(cmd, map[string]string{"name": args[0], "hcl": string(text)}, func(w io.Writer) error {
					_, err := w.Write(text)
					return err
				})
			},
		},
	)
}
