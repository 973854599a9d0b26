package main

import (
	"strings"
	"testing"
)

const green = `
{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestOne"}
{"Action":"output","Package":"m/a","Test":"TestOne","Output":"=== RUN   TestOne\n"}
{"Action":"pass","Package":"m/a","Test":"TestOne","Elapsed":0.1}
{"Action":"output","Package":"m/a","Output":"PASS\n"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t1.500s\n"}
{"Action":"pass","Package":"m/a","Elapsed":1.5}
{"Action":"output","Package":"m/none","Output":"?   \tm/none\t[no test files]\n"}
{"Action":"skip","Package":"m/none","Elapsed":0}
`

const red = `
{"Action":"output","Package":"m/b","Test":"TestBad","Output":"    b_test.go:7: got 1, want 2\n"}
{"Action":"fail","Package":"m/b","Test":"TestBad","Elapsed":0.1}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b\t0.200s\n"}
{"Action":"fail","Package":"m/b","Elapsed":0.2}
`

const died = `
{"Action":"output","Package":"m/c","Test":"TestDies","Output":"panic: test timed out\n"}
{"Action":"output","Package":"m/c","Output":"FAIL\tm/c\t9.000s\n"}
{"Action":"fail","Package":"m/c","Elapsed":9}
`

const skipped = `
{"Action":"output","Package":"m/d","Test":"TestTun","Output":"=== RUN   TestTun\n"}
{"Action":"output","Package":"m/d","Test":"TestTun","Output":"    d_test.go:9: no tun device\n"}
{"Action":"output","Package":"m/d","Test":"TestTun","Output":"--- SKIP: TestTun (0.00s)\n"}
{"Action":"skip","Package":"m/d","Test":"TestTun","Elapsed":0}
{"Action":"output","Package":"m/d","Output":"ok  \tm/d\t0.100s\n"}
{"Action":"pass","Package":"m/d","Elapsed":0.1}
`

const broken = `
{"ImportPath":"m/e","Action":"build-output","Output":"e/e.go:3:1: syntax error\n"}
{"ImportPath":"m/e","Action":"build-fail"}
{"Action":"output","Package":"m/e","Output":"FAIL\tm/e [build failed]\n"}
{"Action":"fail","Package":"m/e","Elapsed":0,"FailedBuild":"m/e"}
`

func TestReport(t *testing.T) {
	tests := []struct {
		name, in string
		ci       bool
		err      string
		want     []string
	}{
		{"green", green, true, "", []string{"    1.5s  m/a\n", "Every test ran.", "\n1 tests passed, 0 failed, 0 did not run:\nok  \tm/a\t1.500s\n?   \tm/none\t[no test files]\n"}},
		{"red", green + red, false, "1 packages failed", []string{"b_test.go:7: got 1, want 2", "Failed:\n  m/b TestBad\n", "FAIL\tm/b\t0.200s\n"}},
		{"died", died, false, "1 packages failed", []string{"panic: test timed out"}},
		{"skipped", green + skipped, false, "", []string{"Did not run on this machine:\n  m/d TestTun: d_test.go:9: no tun device\n"}},
		{"skipped under CI", green + skipped, true, "1 tests did not run, and CI=true demands all", nil},
		{"does not build", broken, false, "1 packages failed", []string{"e/e.go:3:1: syntax error\n", "FAIL\tm/e [build failed]"}},
		{"cut short", green + strings.Split(red, "\n")[1] + "\n", false, "1 packages were not finished", nil},
		{"nothing", "", false, "no package was tested", nil},
		{"no event", "go: no such tool\n" + green, false, "", []string{"go: no such tool\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			err := r.read(strings.NewReader(tt.in))
			if err == nil {
				err = r.finish(tt.ci)
			}
			if got := errText(err); got != tt.err {
				t.Errorf("error %q, want %q", got, tt.err)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}

// TestRetry has what failed run again: a program that passes makes it unsteady, and
// nothing else makes it pass.
func TestRetry(t *testing.T) {
	raced := strings.Replace(red, `"    b_test.go:7: got 1, want 2\n"`, `"WARNING: DATA RACE\n"`, 1)
	sub := strings.Replace(red, "\n{", "\n"+`{"Action":"fail","Package":"m/b","Test":"TestBad/one","Elapsed":0.1}`+"\n{", 1)
	many := red
	for _, name := range []string{"TestB", "TestC", "TestD"} {
		many = strings.Replace(many, "\n{", "\n"+`{"Action":"fail","Package":"m/b","Test":"`+name+`","Elapsed":0.1}`+"\n{", 1)
	}
	tests := []struct {
		name, in string
		passes   bool
		asked    string
		err      string
		want     []string
	}{
		{"passes", green + red, true, "m/b TestBad", "", []string{"b_test.go:7: got 1, want 2", "Unsteady: failed above", "  m/b TestBad\n", ", 0 failed,", "unsteady\tm/b"}},
		{"fails again", green + red, false, "m/b TestBad", "1 packages failed", []string{"Failed:\n  m/b TestBad\n", "FAIL\tm/b"}},
		{"a part", green + sub, true, "m/b TestBad", "", []string{", 0 failed,"}},
		{"a part fails again", green + sub, false, "m/b TestBad", "1 packages failed", []string{", 2 failed,"}},
		{"a race", green + raced, true, "", "1 packages failed", nil},
		{"a panic", green + died, true, "", "1 packages failed", nil},
		{"a panic beside", red + died, true, "", "2 packages failed", nil},
		{"does not build", red + broken, true, "", "2 packages failed", nil},
		{"too many", many, true, "", "1 packages failed", nil},
		{"go test failed for itself", green + `{"Action":"refused"}` + "\n", true, "", "go test failed, and no package says why", nil},
		{"go test failed with it", red + `{"Action":"refused"}` + "\n", true, "m/b TestBad", "", nil},
		{"a test that did not run", red + skipped, true, "m/b TestBad", "1 tests did not run, and CI=true demands all", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, asked strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(tt.in)); err != nil {
				t.Fatal(err)
			}
			r.retry(func(pkg, test string) bool {
				asked.WriteString(pkg + " " + test)
				return tt.passes
			})
			if got := errText(r.finish(true)); got != tt.err || asked.String() != tt.asked {
				t.Errorf("error %q, want %q; ran again %q, want %q", got, tt.err, asked.String(), tt.asked)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
