// Package edit holds the commands that change the configuration of a running
// gateway, and show what it was. Each is a draft that the gateway checks; what it
// would do is shown before it is taken.
package edit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/book"

	"github.com/spf13/cobra"
)

// where the API keeps the configuration.
const where = "/api/v1/policy"

// commands is what they share.
type commands struct{ *cli.Env }

// Commands lists the commands; env is read when one runs.
func Commands(env *cli.Env) []*cobra.Command {
	r := &commands{env}
	return []*cobra.Command{r.ruleCommand(), r.policyCommand()}
}

// A wish is how somebody wants a draft to be taken.
type wish struct {
	note   string
	yes    bool
	dryRun bool
}

func (w *wish) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.note, "note", "", "why, a `SENTENCE` for the history")
	cmd.Flags().BoolVarP(&w.yes, "yes", "y", false, "take it without asking")
	cmd.Flags().BoolVar(&w.dryRun, "dry-run", false, "show what it would do and change nothing")
}

// text reads the configuration that is in force.
func (r *commands) text(ctx context.Context) (action.SourceText, error) {
	var t action.SourceText
	return t, r.Client().Call(ctx, http.MethodGet, where, nil, &t)
}

// propose has a draft checked, shows it, and has it taken if that is wanted.
func (r *commands) propose(cmd *cobra.Command, d action.Draft, w wish) error {
	var p action.Preview
	if err := r.Client().Call(cmd.Context(), http.MethodPost, where+"/check", d, &p); err != nil {
		return err
	}
	if done, err := r.ask(cmd, p, w); done || err != nil {
		return err
	}
	var taken book.Taken
	err := r.Client().For(p.Base).Call(cmd.Context(), http.MethodPost, where+"/apply", book.Proposal{Draft: d, Note: w.note}, &taken)
	if err != nil {
		return err
	}
	return r.said(cmd, taken)
}

// ask shows what a draft would do, and asks whether to go on; done means that there
// is nothing more to do.
func (r *commands) ask(cmd *cobra.Command, p action.Preview, w wish) (done bool, err error) {
	if err := r.show(cmd, p, w); err != nil {
		return true, err
	}
	switch {
	case !p.OK:
		return true, cli.ExitError{Code: failure(p.Findings), Err: errors.New("the configuration would not load, so nothing is changed")}
	case len(p.Files) == 0:
		cli.Say(cmd, "Nothing would change.")
		return true, nil
	case w.dryRun:
		return true, nil
	case !w.yes:
		return false, confirm(cmd)
	}
	return false, nil
}

// said tells what became of a draft.
func (r *commands) said(cmd *cobra.Command, taken book.Taken) error {
	if r.JSON {
		return r.Print(cmd, taken, nil)
	}
	if taken.Waits != nil {
		cli.Say(cmd, "It takes two people, so it waits. Another editor applies it: sallyport policy approve %s", taken.Waits.ID)
		return nil
	}
	cli.Say(cmd, "Revision %d is in force.", taken.Revision.Number)
	if taken.Revision.BreakGlass {
		cli.Warn(cmd, "You did alone what takes two people; that stands in the history and the operators' audit.")
	}
	return nil
}

// failure tells a configuration with errors from one whose tests fail.
func failure(list []action.Finding) int {
	for _, f := range list {
		if f.Severity == "error" && f.Summary != "Test failed" {
			return cli.ExitUsage
		}
	}
	return cli.ExitFailed
}

// show prints what a draft would do: the diff is data, the rest is said. With
// --json it is printed only if nothing comes after it.
func (r *commands) show(cmd *cobra.Command, p action.Preview, w wish) error {
	if r.JSON {
		if p.OK && !w.dryRun && len(p.Files) > 0 {
			if !w.yes {
				return cli.ExitError{Code: cli.ExitUsage, Err: errors.New("with --json say --yes to take it, or --dry-run to look at it")}
			}
			return nil
		}
		return r.Print(cmd, p, nil)
	}
	if err := writeDiff(cmd.OutOrStdout(), p.Diff); err != nil {
		return err
	}
	for _, b := range p.Placed {
		if b.Op == "add" {
			cli.Say(cmd, "New: %s %q in %s, line %d.", b.Kind, b.Name, b.File, b.Line)
		}
	}
	for _, f := range p.Findings {
		if !f.New {
			continue
		}
		at := ""
		if f.Start != nil {
			at = fmt.Sprintf("%s:%d:%d: ", f.File, f.Start.Line, f.Start.Column)
		}
		cli.Say(cmd, "%s: %s%s: %s", strings.ToUpper(f.Severity[:1])+f.Severity[1:], at, f.Summary, f.Detail)
	}
	for _, g := range p.Guarded {
		cli.Say(cmd, "Guarded, for admins only: %s %q %s.", g.Kind, g.Name, g.What)
	}
	if p.OK && p.Tests > 0 {
		cli.Say(cmd, "%s passed.", cli.Count(p.Tests, "test"))
	}
	return nil
}

// writeDiff prints a unified diff, coloured where that is wanted.
func writeDiff(w io.Writer, diff string) error {
	colours := cli.Colours(w)
	for line := range strings.Lines(diff) {
		text := cli.PrintableTabs(strings.TrimRight(line, "\r\n"))
		code := ""
		switch {
		case strings.HasPrefix(text, "+"):
			code = "32"
		case strings.HasPrefix(text, "-"):
			code = "31"
		case strings.HasPrefix(text, "@@"):
			code = "36"
		case strings.HasPrefix(text, "#"):
			code = "1;33"
		}
		if colours && code != "" {
			text = "\x1b[" + code + "m" + text + "\x1b[0m"
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}

// confirm asks the person at the terminal; without one, the answer is no.
func confirm(cmd *cobra.Command) error {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !cli.Terminal(in) {
		return cli.ExitError{Code: cli.ExitUsage, Err: errors.New("nothing is changed: say --yes to take it, or --dry-run to look at it")}
	}
	cli.Printf(cmd.ErrOrStderr(), "Take it? [y/N] ")
	var answer string
	err := cli.Await(cmd.Context(), func() error {
		line, err := bufio.NewReader(in).ReadString('\n')
		answer = strings.ToLower(strings.TrimSpace(line))
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if answer != "y" && answer != "yes" {
		return cli.ExitError{Code: cli.ExitFailed, Err: errors.New("nothing is changed")}
	}
	return nil
}
