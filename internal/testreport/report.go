package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// slowest is how many packages the report names.
const slowest = 10

// event is one line of go test -json, or of contrib/dev/test: "refused" is for an
// exit status other than 0.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// run is one package, tested once; the race run and the plain run of a package
// are two.
type run struct {
	pkg     string
	line    string                      // go test's own words
	said    strings.Builder             // by no test
	tests   map[string]*strings.Builder // said by tests that are not over
	elapsed float64
	failed  bool
	// failures are the names of tests that failed; dead is a run that did not end
	// by itself, or in which the race detector spoke.
	failures []string
	dead     bool
}

// report collects events and prints what cannot wait.
type report struct {
	out     io.Writer
	open    map[string]*run // by package
	runs    []*run
	passed  int
	skipped []string
	failed  []string
	// unsteady tests failed, and then passed by themselves.
	unsteady []string
	refused  bool // go test itself said no
}

func newReport(out io.Writer) *report {
	return &report{out: out, open: make(map[string]*run)}
}

// read takes events until the end of in. Lines that are no event are passed on.
func (r *report) read(in io.Reader) error {
	br := bufio.NewReader(in)
	for {
		line, err := br.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.take(e)
			} else {
				fmt.Fprintf(r.out, "%s\n", strings.TrimRight(string(line), "\n"))
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}

func (r *report) take(e event) {
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.out, e.Output)
	case e.Action == "refused":
		r.refused = true
	case e.Package == "":
	case e.Action == "output":
		r.output(r.of(e.Package), e)
	case e.Test != "":
		r.test(r.of(e.Package), e)
	case e.Action == "pass", e.Action == "fail", e.Action == "skip":
		r.close(r.of(e.Package), e)
	}
}

// of gives the open run of a package.
func (r *report) of(pkg string) *run {
	if r.open[pkg] == nil {
		r.open[pkg] = &run{pkg: pkg, tests: make(map[string]*strings.Builder)}
	}
	return r.open[pkg]
}

func (r *report) output(p *run, e event) {
	p.dead = p.dead || slices.ContainsFunc(fatal(), func(words string) bool { return strings.HasPrefix(strings.TrimSpace(e.Output), words) })
	if e.Test == "" {
		if strings.Contains(e.Output, "\t"+p.pkg) && !strings.HasPrefix(e.Output, "\t") {
			p.line = strings.TrimSpace(e.Output)
			return
		}
		p.said.WriteString(e.Output)
		return
	}
	if p.tests[e.Test] == nil {
		p.tests[e.Test] = new(strings.Builder)
	}
	p.tests[e.Test].WriteString(e.Output)
}

// test notes how a test ended.
func (r *report) test(p *run, e event) {
	said := p.tests[e.Test]
	if said == nil {
		said = new(strings.Builder)
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped = append(r.skipped, fmt.Sprintf("%s %s: %s", p.pkg, e.Test, reason(said.String())))
	case "fail":
		r.failed = append(r.failed, p.pkg+" "+e.Test)
		p.failures = append(p.failures, e.Test)
		fmt.Fprint(r.out, said.String())
	default:
		return
	}
	delete(p.tests, e.Test)
}

// reason is what a skipped test said, on one line.
func reason(said string) string {
	var words []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

// close ends a run and shows at once how it went.
func (r *report) close(p *run, e event) {
	delete(r.open, p.pkg)
	r.runs = append(r.runs, p)
	p.elapsed = e.Elapsed
	if p.line == "" {
		p.line = strings.ToUpper(e.Action) + "\t" + p.pkg
	}
	if e.Action == "fail" {
		p.failed, p.dead = true, p.dead || len(p.tests) > 0
		for _, name := range slices.Sorted(maps.Keys(p.tests)) {
			fmt.Fprint(r.out, p.tests[name])
		}
		fmt.Fprint(r.out, p.said.String())
	}
	fmt.Fprintln(r.out, p.line)
}

// finish prints the summary. complete demands that every test ran.
func (r *report) finish(complete bool) error {
	byTime := slices.SortedStableFunc(slices.Values(r.runs), func(a, b *run) int { return cmp.Compare(b.elapsed, a.elapsed) })
	fmt.Fprintf(r.out, "\nThe slowest packages:\n")
	for _, p := range byTime[:min(slowest, len(byTime))] {
		fmt.Fprintf(r.out, "  %7.1fs  %s\n", p.elapsed, p.pkg)
	}
	if len(r.skipped) == 0 {
		fmt.Fprintf(r.out, "\nEvery test ran.\n")
	} else {
		fmt.Fprintf(r.out, "\nDid not run on this machine:\n  %s\n", strings.Join(r.skipped, "\n  "))
	}
	if len(r.failed) > 0 {
		fmt.Fprintf(r.out, "\nFailed:\n  %s\n", strings.Join(r.failed, "\n  "))
	}
	if len(r.unsteady) > 0 {
		fmt.Fprintf(r.out, "\nUnsteady: failed above, then passed by itself every time. Each is a defect, of the test or of the\nprogram; please open an issue with what it said:\n  %s\n", strings.Join(r.unsteady, "\n  "))
	}
	fmt.Fprintf(r.out, "\n%d tests passed, %d failed, %d did not run:\n", r.passed, len(r.failed), len(r.skipped))
	bad := 0
	for _, p := range r.runs {
		fmt.Fprintln(r.out, p.line)
		if p.failed {
			bad++
		}
	}
	switch {
	case len(r.runs) == 0:
		return errors.New("no package was tested")
	case len(r.open) > 0:
		return fmt.Errorf("%d packages were not finished", len(r.open))
	case r.refused && bad+len(r.unsteady) == 0:
		return errors.New("go test failed, and no package says why")
	case bad > 0:
		return fmt.Errorf("%d packages failed", bad)
	case complete && len(r.skipped) > 0:
		return fmt.Errorf("%d tests did not run, and CI=true demands all", len(r.skipped))
	}
	return nil
}
