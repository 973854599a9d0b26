package notrun

import (
	"fmt"
	"runtime"
	"testing"
)

// probe is a test that notes how it ends.
type probe struct {
	testing.TB
	skipped, failed string
}

func (p *probe) Helper() {}

func (p *probe) Skipf(format string, args ...any) {
	p.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (p *probe) Fatalf(format string, args ...any) {
	p.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestSkip(t *testing.T) {
	const said = "cannot run on this machine: no tun device"
	for _, tt := range []struct{ ci, skipped, failed string }{
		{"", said, ""},
		{"false", said, ""},
		{"true", "", said},
	} {
		t.Setenv("CI", tt.ci)
		p := &probe{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			Skip(p, "no tun device")
			t.Error("the test goes on")
		}()
		<-done
		if p.skipped != tt.skipped || p.failed != tt.failed {
			t.Errorf("CI=%s: skipped %q, failed %q", tt.ci, p.skipped, p.failed)
		}
	}
}
