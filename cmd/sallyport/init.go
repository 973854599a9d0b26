package main

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy/presets"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"
)

//go:embed starter.hcl.tmpl
var starter string

// answers fill the starter configuration.
type answers struct {
	Endpoint string
	Services []string
	Database string
	User     string
}

func (r *root) initCommand() *cobra.Command {
	var a answers
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first configuration",
		Long:  "Asks three questions, or takes flags, and writes a commented configuration that\npasses `sallyport check`.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := r.Config
			if len(args) == 1 {
				dir = args[0]
			}
			if err := a.ask(cmd); err != nil {
				return err
			}
			return r.writeStarter(cmd, dir, a)
		},
	}
	cmd.Flags().StringVar(&a.Endpoint, "endpoint", "", "`HOST:PORT` at which agents reach this gateway")
	cmd.Flags().StringSliceVar(&a.Services, "service", nil, "`PRESET,…` to use (see sallyport presets ls)")
	cmd.Flags().StringVar(&a.Database, "database", "", "`HOST:PORT` of a PostgreSQL server")
	cmd.Flags().StringVar(&a.User, "database-user", "agent", "`USER` to log in to it as")
	return cmd
}

// ask puts the questions that no flag answered; without a terminal or a pipe to
// read from, what is left open stays at its default.
func (a *answers) ask(cmd *cobra.Command) error {
	in := bufio.NewReader(cmd.InOrStdin())
	prompt := func(flag, question string, set func(string)) {
		if cmd.Flags().Changed(flag) || cmd.Context().Err() != nil {
			return
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s ", question)
		var line string
		err := cli.Await(cmd.Context(), func() (err error) {
			line, err = in.ReadString('\n')
			return err
		})
		if f, ok := cmd.InOrStdin().(*os.File); err != nil || !ok || !cli.Terminal(f) {
			fmt.Fprintln(cmd.ErrOrStderr()) // nobody has pressed Enter there
		}
		if cmd.Context().Err() != nil {
			return
		}
		if line = strings.TrimSpace(line); line != "" {
			set(line)
		}
	}
	prompt("endpoint", "1/3 Where do agents reach this gateway (host:port)? [this host, port 51820]", func(s string) { a.Endpoint = s })
	prompt("service", "2/3 Which services first ("+strings.Join(offered(), ", ")+")? [github]", func(s string) { a.Services = strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) })
	prompt("database", "3/3 A PostgreSQL server to guard (host:port)? [none]", func(s string) { a.Database = s })
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	if len(a.Services) == 0 && !cmd.Flags().Changed("service") {
		a.Services = []string{"github"}
	}
	for _, s := range a.Services {
		if !slices.Contains(offered(), s) {
			return cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("no preset is called %q; there are %s", s, strings.Join(offered(), ", "))}
		}
	}
	return nil
}

// offered are the presets that work without further parameters.
func offered() []string {
	return slices.DeleteFunc(presets.List(), func(p string) bool { return p == "http" || p == "postgres" })
}

// secrets lists what must be set for the answers to work.
func (a *answers) secrets() []string {
	names := slices.DeleteFunc(slices.Clone(a.Services), func(s string) bool { return s == "internet" })
	if a.Database != "" {
		names = append(names, "database")
	}
	return names
}

func (r *root) writeStarter(cmd *cobra.Command, dir string, a answers) error {
	path := filepath.Join(dir, "sallyport.hcl")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("%s exists already; remove it first, or name another directory", path)}
	}
	var text strings.Builder
	if err := template.Must(template.New("starter").Parse(starter)).Execute(&text, a); err != nil {
		return fmt.Errorf("make the configuration: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	if err := os.WriteFile(path, hclwrite.Format([]byte(text.String())), 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	r.Config = dir
	if _, err := r.load(cmd); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	cli.Say(cmd, "Wrote %s. Next:\n\n  sallyport serve -c %s\n", path, dir)
	cli.Say(cmd, "And in another terminal:\n")
	for _, name := range a.secrets() {
		cli.Say(cmd, "  sallyport secret set %s", name)
	}
	cli.Say(cmd, "  sallyport agent add NAME")
	return nil
}
