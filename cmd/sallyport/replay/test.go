package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/internal/past"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/coverage"
	"sallyport.dev/sallyport/policy/replay"

	"github.com/spf13/cobra"
)

// A block is the outcome of one test block.
type block struct {
	Name    string         `json:"name"`
	Verdict action.Verdict `json:"verdict"`
	Rule    string         `json:"rule,omitempty"`
	Failure string         `json:"failure,omitempty"`
	At      string         `json:"at"` // file:line
}

// A difference is a recorded action on which the rules do not come to what is
// expected.
type difference struct {
	File string `json:"file"`
	replay.Finding
}

// An outcome is what all tests came to.
type outcome struct {
	Passed      int             `json:"passed"`
	Failed      int             `json:"failed"`
	Untold      int             `json:"cannot_tell"`
	Tests       []block         `json:"tests"`
	Differences []difference    `json:"differences"`
	Coverage    []coverage.Rule `json:"coverage,omitempty"`

	suites []suite // for JUnit; nil: nobody wants it
}

func (b *Bench) testCommand() *cobra.Command {
	var junit string
	var cover bool
	cmd := &cobra.Command{
		Use:   "test [FILE.jsonl…]",
		Short: "Run the test blocks of the configuration, and recorded actions",
		Long: "Runs the test blocks of the configuration, and the recorded actions of files: one a\nline, as `sallyport log --json` prints them. Each is expected to come to the verdict\n" +
			"that it has there (ask, if somebody was asked), or to what stands in \"expect\".\nIt prints a line for each difference and exits with 1 if there is one. An action whose\n" +
			"verdict hangs on what is not recorded is told as such, and counts as one.",
		Example: "  sallyport test -c ./gateway --cover\n  sallyport log --json since:24h > seen.jsonl && sallyport test -c ./gateway seen.jsonl",
		RunE: func(cmd *cobra.Command, files []string) error {
			p, err := b.draft(cmd)
			if err != nil {
				return err
			}
			got := &outcome{Tests: []block{}, Differences: []difference{}}
			if junit != "" {
				got.suites = []suite{}
			}
			var report *coverage.Report
			if cover {
				report = reportOf(p)
			}
			got.blocks(p, report)
			for _, name := range files {
				if err := b.file(cmd.Context(), p, name, got, report); err != nil {
					return err
				}
			}
			if report != nil {
				got.Coverage = report.Rules()
			}
			if junit != "" {
				if err := writeJUnit(junit, got.suites); err != nil {
					return err
				}
			}
			return b.show(cmd, got)
		},
	}
	cmd.Flags().StringVar(&junit, "junit", "", "write the results to `FILE`, too, as JUnit XML")
	cmd.Flags().BoolVar(&cover, "cover", false, "say which rules and conditions the tests have reached")
	return cmd
}

// draft reads the configuration without insisting on its tests.
func (b *Bench) draft(cmd *cobra.Command) (*policy.Policy, error) {
	if err := b.HasConfig(); err != nil {
		return nil, err
	}
	if p, _, _ := policy.Draft(b.Config, b.Options); p != nil {
		return p, nil
	}
	p, err := b.Load(cmd, b.Config) // which says why it does not load
	if err == nil && p == nil {
		err = errors.New("the configuration changed meanwhile")
	}
	return p, err
}

// reportOf is a report on the rules of a policy, of which nothing is reached.
func reportOf(p *policy.Policy) *coverage.Report {
	var rules []coverage.Rule
	for _, info := range p.RuleInfos() {
		r := coverage.Rule{Name: info.Name, File: info.File, Line: info.Line}
		if info.When {
			r.When = new(coverage.Condition)
		}
		if info.Unless {
			r.Unless = new(coverage.Condition)
		}
		rules = append(rules, r)
	}
	return coverage.New(rules)
}

// blocks takes in the test blocks, which have run.
func (o *outcome) blocks(p *policy.Policy, report *coverage.Report) {
	cases := make([]testCase, 0, len(p.Tests()))
	for _, t := range p.Tests() {
		one := block{Name: t.Name, Verdict: t.Got, Rule: t.Rule, At: fmt.Sprintf("%s:%d", t.Range.Filename, t.Range.Start.Line)}
		if t.Passed {
			o.Passed++
		} else {
			o.Failed++
			one.Failure = t.Failure()
		}
		o.Tests = append(o.Tests, one)
		cases = append(cases, newCase("test blocks", t.Name, one.Failure))
	}
	if o.suites != nil {
		o.suites = append(o.suites, newSuite("test blocks", cases))
	}
	if report == nil {
		return
	}
	for _, e := range p.TryTests() {
		report.Add(e.Parts)
	}
}

// file judges the recorded actions of a file.
func (b *Bench) file(ctx context.Context, p *policy.Policy, name string, o *outcome, report *coverage.Report) error {
	f, err := os.Open(name)
	if err != nil {
		return cli.FileError("read recorded actions from", name, err)
	}
	defer f.Close()
	var cases []testCase
	var seen func(*action.Action, time.Time)
	if report != nil {
		seen = func(a *action.Action, at time.Time) { report.Add(p.ReplayExplain(a, at).Parts) }
	}
	source := replay.Source{Records: past.Lines(f), Reader: past.Expectations(b.Options.Tables)}
	err = replay.Check(ctx, source, p, seen, func(found replay.Finding) {
		failure := ""
		switch {
		case found.Same():
			o.Passed++
		case found.Untold:
			o.Untold++
			failure = untold(&found)
		default:
			o.Failed++
			failure = differs(&found)
		}
		if failure != "" {
			o.Differences = append(o.Differences, difference{name, found})
		}
		if o.suites != nil {
			cases = append(cases, newCase(name, found.Summary+" ("+found.ID+")", failure))
		}
	})
	if o.suites != nil {
		o.suites = append(o.suites, newSuite(name, cases))
	}
	if err != nil && ctx.Err() == nil {
		return usage("%s: %w", name, err)
	}
	return err
}

func untold(f *replay.Finding) string {
	return fmt.Sprintf("expects %s, cannot tell: %s", f.Want, f.Reason)
}

func differs(f *replay.Finding) string {
	return fmt.Sprintf("expects %s, got %s: %s", f.Want, f.Got, f.Reason)
}

// show prints what the tests came to.
func (b *Bench) show(cmd *cobra.Command, o *outcome) error {
	if err := b.Print(cmd, o, o.write); err != nil {
		return err
	}
	text := fmt.Sprintf("%d passed, %d failed", o.Passed, o.Failed)
	if o.Untold > 0 {
		text += fmt.Sprintf(", %d cannot be told", o.Untold)
	}
	if o.Passed+o.Failed+o.Untold == 0 {
		text = "Nothing was tested: the configuration has no test block."
	}
	cli.Say(cmd, "%s", text)
	if o.Failed+o.Untold > 0 {
		return failed()
	}
	return nil
}

// write prints a line for each test block, and one for each recorded action that
// differs.
func (o *outcome) write(w io.Writer) error {
	for _, t := range o.Tests {
		mark, text := "ok", t.Name
		if t.Failure != "" {
			mark, text = "FAIL", t.At+": "+t.Failure
		}
		if _, err := fmt.Fprintf(w, "%s  %s  %s\n", mark, cli.VerdictText(w, t.Verdict), cli.Printable(text)); err != nil {
			return err
		}
	}
	for i := range o.Differences {
		d := &o.Differences[i]
		text := differs(&d.Finding)
		if d.Untold {
			text = untold(&d.Finding)
		}
		_, err := fmt.Fprintf(w, "DIFF  %s  %s  %s  (%s)\n", cli.Printable(fmt.Sprintf("%s:%d", d.File, d.Line)), cli.Printable(d.Summary), cli.Printable(text), cli.Printable(d.ID))
		if err != nil {
			return err
		}
	}
	if o.Coverage == nil {
		return nil
	}
	return coverage.Write(w, o.Coverage)
}
