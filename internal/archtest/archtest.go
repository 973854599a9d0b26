// Package archtest is the architecture as a test: which package may import
// which, where a dial may stand, how long a function may be. It parses the
// sources that it is given and never runs a command. It judges form only; what
// the code does is for the other tests.
package archtest

import (
	"cmp"
	"fmt"
	"go/token"
	"io/fs"
	"slices"
)

// A Finding is one place that breaks a rule.
type Finding struct {
	Pos  token.Position
	Text string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s", f.Pos.Filename, f.Pos.Line, f.Text)
}

// Check holds every package of the module in fsys against every rule, and gives
// what breaks one, by file and line. An error means that it could not look.
func Check(fsys fs.FS) ([]Finding, error) {
	t, err := load(fsys)
	if err != nil {
		return nil, err
	}
	for _, p := range t.packages {
		t.checkArrows(p)
		t.checkPackageDoc(p)
		t.checkPackageSize(p)
		for _, f := range p.files {
			t.checkLibraries(p, f)
			t.checkReach(p, f)
			t.checkSize(f)
			t.checkComments(f)
			t.checkVars(p, f)
			t.checkWrites(p, f)
		}
	}
	slices.SortStableFunc(t.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	return slices.Compact(t.findings), nil
}

// report adds a finding.
func (t *tree) report(pos token.Pos, format string, args ...any) {
	t.findings = append(t.findings, Finding{Pos: t.fset.Position(pos), Text: fmt.Sprintf(format, args...)})
}
