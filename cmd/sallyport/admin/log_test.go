package admin

import (
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard"
)

// TestAVerdictIsNoMoreThanWasProven: the last line of audit verify says that nothing
// was changed only where signatures covered everything.
func TestAVerdictIsNoMoreThanWasProven(t *testing.T) {
	for name, c := range map[string]struct {
		gaps             []audit.Gap
		missing, verdict string
	}{
		"whole":    {nil, "", "whole; nothing was changed, removed or put in\n"},
		"a gap":    {[]audit.Gap{{From: 10, To: 12, At: time.Now()}}, "numbers 10 to 12, accepted just now\n", "  nothing was changed or put in; what is missing was accepted"},
		"unproven": {[]audit.Gap{{From: 10, To: 12, At: time.Now(), Unproven: 4}}, "accepted just now; no signature covered the records 4 to 9 before them\n", "  nothing that a signature covered was changed or put in;"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			report := dashboard.Verified{}
			report.Records, report.First, report.Last, report.Accepted = 20, 1, 23, c.gaps
			if err := writeReport(&out, report); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{c.missing, c.verdict} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it does not say %q:\n%s", want, out.String())
				}
			}
		})
	}
}
