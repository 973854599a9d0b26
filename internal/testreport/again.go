package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// mostUnsteady is how many tests may be unsteady in one run. More are no chance
// any more: the change, or the machine, is at fault.
const mostUnsteady = 3

// fatal are words of a run that cannot be forgiven by a later one: what a race
// broke stays broken, however often it goes well.
func fatal() []string {
	return []string{"WARNING: DATA RACE", "panic: ", "fatal error: "}
}

// again runs one test a few times by itself and says whether it passed each time.
type again func(pkg, test string) bool

// command runs the tests again by a program that takes a package and a test, as
// contrib/dev/again does. Without a program no test is run again.
func command(args []string) again {
	if len(args) == 0 {
		return func(string, string) bool { return false }
	}
	return func(pkg, test string) bool {
		cmd := exec.Command(args[0], append(slices.Clone(args[1:]), pkg, test)...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		return cmd.Run() == nil
	}
}

// retry runs again what failed, where chance is possible: a few tests of packages
// that came to their end without a race or a panic. What passes is unsteady, and
// no longer counted as failed; the report names it apart.
func (r *report) retry(once again) {
	n := 0
	for _, p := range r.runs {
		if p.failed && (p.dead || len(p.failures) == 0) {
			return
		}
		n += len(p.topmost())
	}
	if n > mostUnsteady {
		return
	}
	for _, p := range r.runs {
		if p.failed && !slices.ContainsFunc(p.topmost(), func(test string) bool { return !r.passes(p.pkg, test, once) }) {
			p.failed, p.line = false, strings.Replace(p.line, "FAIL", "unsteady", 1)
		}
	}
}

// passes runs one test again and moves it to its place in the report.
func (r *report) passes(pkg, test string, once again) bool {
	name := pkg + " " + test
	fmt.Fprintf(r.out, "\nAgain, by itself: %s\n", name)
	if !once(pkg, test) {
		return false
	}
	r.unsteady = append(r.unsteady, name)
	r.failed = slices.DeleteFunc(r.failed, func(f string) bool { return f == name || strings.HasPrefix(f, name+"/") })
	return true
}

// topmost is the failed tests that can be run by themselves: a subtest is run by
// the test it is part of.
func (p *run) topmost() []string {
	var out []string
	for _, name := range p.failures {
		top, _, _ := strings.Cut(name, "/")
		if !slices.Contains(out, top) {
			out = append(out, top)
		}
	}
	return out
}
