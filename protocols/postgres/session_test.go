package postgres

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

func TestPsqlRunsASimpleQuery(t *testing.T) {
	l := newLine(t)
	out, err := l.psql("", "SELECT current_user, count(*) FROM users;")
	if err != nil || out != "scram_ro|1000" {
		t.Fatalf("%v: %s", err, out)
	}
	got := l.find("query")
	if len(got) != 1 || got[0].result.Status != "SELECT 1" || got[0].result.Rows != 1 {
		t.Errorf("records: %+v", got)
	}
}

func TestADeniedStatementLeavesTheSessionUsable(t *testing.T) {
	l := newLine(t, dropsDenied)
	out, err := l.psql("", "DROP TABLE doomed;\nSELECT 'still here';\n")
	if err != nil || !strings.Contains(out, "still here") || !strings.Contains(out, "Tables stay.") {
		t.Fatalf("%v: %s", err, out)
	}
	denied := l.find("query")[0]
	if denied.decision.Verdict != action.Deny {
		t.Errorf("%+v", denied)
	}
	if !strings.Contains(out, "rule: no-drop, action id: "+denied.act.ID) {
		t.Errorf("the detail is missing: %s", out)
	}
}
