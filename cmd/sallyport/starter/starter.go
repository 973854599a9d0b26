// Package starter holds `sallyport init`: it asks three questions and writes a first
// configuration, commented and in the canonical layout, which is tried before it is
// kept.
package starter

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/presets"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

// A Load reads a configuration, and says what is wrong with it.
type Load func(cmd *cobra.Command, path string) (*policy.Policy, error)

// commands is what the command needs.
type commands struct {
	*cli.Env
	load Load
}

// Command is the command; env is read when it runs.
func Command(env *cli.Env, load Load) *cobra.Command {
	r := &commands{env, load}
	var a answers
	cmd := &cobra.Command{
		Use:     "init [DIR]",
		Short:   "Write a first configuration",
		Long:    "Asks three questions, or takes flags, and writes a commented configuration that\npasses `sallyport check`.",
		Example: "  sallyport init ./gateway\n  sallyport init ./gateway --endpoint gw.example.com:51820 --service github,slack --database none",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := r.Config
			if len(args) == 1 {
				dir = args[0]
			}
			if err := vacant(dir); err != nil { // before anything is asked
				return err
			}
			if err := a.ask(cmd); err != nil {
				return err
			}
			return r.write(cmd, dir, a)
		},
	}
	cmd.Flags().StringVar(&a.Endpoint, "endpoint", "", "`HOST[:PORT]` at which agents reach this gateway")
	cmd.Flags().StringSliceVar(&a.Services, "service", nil, "`PRESET,…` to use, or none (see sallyport presets ls)")
	cmd.Flags().StringVar(&a.Database, "database", "", "`HOST[:PORT]` of a PostgreSQL server, or none")
	cmd.Flags().StringVar(&a.User, "database-user", "agent", "`USER` to log in to it as")
	return cmd
}

// ask puts the questions that no flag answered; without a terminal or a pipe to
// read from, what is left open stays at its default.
func (a *answers) ask(cmd *cobra.Command) error {
	if err := a.fromFlags(cmd.Flags()); err != nil {
		return err
	}
	if !cmd.Flags().Changed("service") {
		a.Services = []string{"github"}
	}
	f, ok := cmd.InOrStdin().(*os.File)
	q := questions{cmd: cmd, in: bufio.NewReader(cmd.InOrStdin()), person: ok && cli.Terminal(f)}
	q.put("endpoint", "1/3 Where do agents reach this gateway (host:port)? [this host, port 51820]", a.setEndpoint)
	q.put("service", "2/3 Which services first ("+strings.Join(offered(), ", ")+", none)? [github]", a.setServices)
	q.put("database", "3/3 A PostgreSQL server to guard (host or host:port)? [none]", a.setDatabase)
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	if q.wrong != nil {
		return cli.ExitError{Code: cli.ExitUsage, Err: q.wrong}
	}
	return nil
}

// none is how a person says that there is nothing of the kind.
const none = "none"

func (a *answers) setEndpoint(s string) error {
	if _, _, err := net.SplitHostPort(s); err != nil && !strings.ContainsAny(s, " /\t") && strings.Trim(s, "[]") != "" {
		s = net.JoinHostPort(strings.Trim(s, "[]"), "51820") // the port that is meant
	}
	a.Endpoint = s
	return checkAddress(s)
}

func (a *answers) setServices(s string) error {
	a.Services = strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	if s == none {
		a.Services = nil
	}
	return checkPresets(a.Services)
}

func (a *answers) setDatabase(s string) error {
	a.Database = s
	if s == none {
		a.Database = ""
		return nil
	}
	if _, _, err := net.SplitHostPort(s); err != nil {
		s = net.JoinHostPort(strings.Trim(s, "[]"), "5432") // the port that is meant
	}
	return checkAddress(s)
}

// fromFlags checks what was answered by flags, before anything is asked.
func (a *answers) fromFlags(flags *pflag.FlagSet) error {
	set := map[string]func(string) error{
		"endpoint": a.setEndpoint, "service": func(string) error { return a.setServices(strings.Join(a.Services, ",")) }, "database": a.setDatabase,
	}
	for _, name := range []string{"endpoint", "service", "database"} {
		f := flags.Lookup(name)
		if !f.Changed || f.Value.String() == "" {
			continue
		}
		if err := set[name](f.Value.String()); err != nil {
			return cli.Usage("--%s: %w", name, err)
		}
	}
	return nil
}

// questions are put to whoever started the program. A person who answers wrongly
// is asked again; a pipe is not.
type questions struct {
	cmd    *cobra.Command
	in     *bufio.Reader
	person bool
	wrong  error // the first answer of a pipe that was
}

// put asks one question, unless a flag has answered it. Enter keeps the default.
func (q *questions) put(flag, question string, set func(string) error) {
	if q.cmd.Flags().Changed(flag) || q.wrong != nil {
		return
	}
	for q.cmd.Context().Err() == nil {
		line, err := q.line(question)
		if line == "" || q.cmd.Context().Err() != nil {
			return
		}
		wrong := set(line)
		switch {
		case wrong == nil:
			return
		case err != nil || !q.person:
			q.wrong = wrong
			return
		}
		fmt.Fprintf(q.cmd.ErrOrStderr(), "    %v\n", wrong)
	}
}

func (q *questions) line(question string) (string, error) {
	fmt.Fprintf(q.cmd.ErrOrStderr(), "%s ", question)
	var line string
	err := cli.Await(q.cmd.Context(), func() (err error) {
		line, err = q.in.ReadString('\n')
		return err
	})
	if err != nil || !q.person {
		fmt.Fprintln(q.cmd.ErrOrStderr()) // nobody has pressed Enter there
	}
	if q.cmd.Context().Err() != nil { // the reader may still write to line
		return "", err
	}
	return strings.TrimSpace(line), err
}

func checkPresets(names []string) error {
	for _, s := range names {
		if !slices.Contains(offered(), s) {
			return fmt.Errorf("no preset is called %q; there are %s", s, strings.Join(offered(), ", "))
		}
	}
	return nil
}

func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || host == "" || bad != nil || n == 0 {
		return fmt.Errorf("%q is no address; write it like \"gw.example.com:51820\"", s)
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

// file is where the configuration of a directory is written to.
func file(dir string) string { return filepath.Join(dir, "sallyport.hcl") }

// vacant fails where a configuration stands already.
func vacant(dir string) error {
	if _, err := os.Stat(file(dir)); !errors.Is(err, fs.ErrNotExist) {
		return cli.Usage("%s exists already; remove it first, or name another directory", file(dir))
	}
	return nil
}

func (r *commands) write(cmd *cobra.Command, dir string, a answers) error {
	path := file(dir)
	var text strings.Builder
	if err := template.Must(template.New("starter").Parse(starter)).Execute(&text, a); err != nil {
		return fmt.Errorf("make the configuration: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cli.FileError("make", dir, err)
	}
	if err := os.WriteFile(path, hclwrite.Format([]byte(text.String())), 0o644); err != nil {
		return cli.FileError("write", path, err)
	}
	if _, err := r.load(cmd, dir); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	next := []string{"sallyport serve -c " + dir}
	for _, name := range a.secrets() {
		next = append(next, "sallyport secret set "+name)
	}
	next = append(next, "sallyport agent add NAME")
	return r.Print(cmd, map[string]any{"file": path, "next": next}, func(io.Writer) error {
		cli.Say(cmd, "Wrote %s. Next:\n\n  %s\n\nAnd in another terminal:\n", path, next[0])
		for _, command := range next[1:] {
			cli.Say(cmd, "  %s", command)
		}
		return nil
	})
}
