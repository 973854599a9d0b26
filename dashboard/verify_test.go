package dashboard_test

import (
	"context"
	"strings"
	"testing"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/internal/lab"
)

// What is summed up beside the records is a part of what audit verify looks at.
func TestVerifyLooksAtTheSums(t *testing.T) {
	l := lab.New(t, rules)
	verified := func() string { return text(t, ask(t, l, "GET", "/api/v1/audit/verify", "")) }
	if found, err := l.API.Sums(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("%v: %v", found, err)
	}
	if got := verified(); strings.Contains(got, "counted") {
		t.Error(got)
	}
	l.API.Sums = func(context.Context) ([]audit.Problem, error) {
		return []audit.Problem{{Seq: 7, What: "its usage is not counted"}}, nil
	}
	if got := verified(); !strings.Contains(got, `{"seq":7,"what":"its usage is not counted"}`) {
		t.Error(got)
	}
}
