package operator

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard/deeds"
)

// The pages and the command say the same of the same deed.
func TestDeedsAreInTheWordsOfThePages(t *testing.T) {
	page, err := os.ReadFile("../../../dashboard/web/src/pages/audit.tsx")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "const known")
	table, _, _ = strings.Cut(table, "const words")
	rows := regexp.MustCompile(`(?m)^ +'?([^'\n]+?)'?: ['"](.+)['"],$`).FindAllStringSubmatch(table, -1)
	if len(rows) < 40 || len(rows) != strings.Count(table, "',\n")+strings.Count(table, "\",\n") {
		t.Fatalf("%d rows of the page's table are understood", len(rows))
	}
	for _, row := range rows {
		words, _ := inWords(deeds.Entry{What: row[1]})
		if words != row[2] {
			t.Errorf("%s: %q, the page says %q", row[1], words, row[2])
		}
		if words != "log-in" && tried(words) == words {
			t.Errorf("%q is not said of who is refused", words)
		}
	}
}

func TestLine(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
	for _, tt := range []struct {
		e    deeds.Entry
		want string
	}{
		{deeds.Entry{What: "POST /api/v1/agents/{name}/freeze", On: map[string]string{"name": "ci"}}, "root from admin.sock: froze an agent, name ci"},
		{deeds.Entry{What: "login", Notes: map[string]string{"by": "passkey", "note": ""}}, "root from admin.sock: log-in, by passkey"},
		{deeds.Entry{What: "PUT /api/v1/none/{name}", On: map[string]string{"name": "x"}}, "root from admin.sock: PUT /api/v1/none/x"},
		{deeds.Entry{What: "login", Status: 401, Err: "no\x1b[2J"}, "root from admin.sock: log-in: refused: no·[2J"},
		{deeds.Entry{What: "POST /api/v1/approvals/{id}/approve", On: map[string]string{"id": "7"}, Status: 404, Err: "approval 7: no such approval is pending"}, "root from admin.sock: tried to approve an action, id 7: refused: approval 7: no such approval is pending"},
		{deeds.Entry{What: "GET /api/v1/actions.jsonl", Notes: map[string]string{"bodies": "true", "query": `since:"7d"`}}, `root from admin.sock: exported recorded actions with bodies, query since:"7d"`},
		{deeds.Entry{What: "PUT /api/v1/none/{name}", On: map[string]string{"name": "x"}, Status: 403}, "root from admin.sock: tried PUT /api/v1/none/x: refused: Forbidden"},
	} {
		tt.e.Time, tt.e.Who, tt.e.From = at, "root", "admin.sock"
		if got := line(tt.e); got != "2026-05-01 12:00:00  "+tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
