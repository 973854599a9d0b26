package operator

import (
	"maps"
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
		if !strings.HasPrefix(tried(words), "tried to ") {
			t.Errorf("%q is not said of who is refused", words)
		}
	}
	_, table, _ = strings.Cut(string(page), "const doing")
	table, _, _ = strings.Cut(table, "\n}\n")
	pages := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^  (\w+): '(\w+)',$`).FindAllStringSubmatch(table, -1) {
		pages[row[1]] = row[2]
	}
	if !maps.Equal(pages, doing()) {
		t.Errorf("the page says of who is refused %v, the command %v", pages, doing())
	}
}

func TestLine(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
	for _, tt := range []struct {
		e    deeds.Entry
		want string
	}{
		{deeds.Entry{What: "POST /api/v1/agents/{name}/freeze", On: map[string]string{"name": "ci"}}, "root from admin.sock: froze an agent, name ci"},
		{deeds.Entry{What: "login", Notes: map[string]string{"by": "passkey", "note": ""}}, "root from admin.sock: logged in, by passkey"},
		{deeds.Entry{What: "PUT /api/v1/none/{name}", On: map[string]string{"name": "x"}}, "root from admin.sock: PUT /api/v1/none/x"},
		{deeds.Entry{What: "login", Err: "no\x1b[2J"}, "root from admin.sock: tried to log in: refused: no·[2J"},
		{deeds.Entry{What: "step-up with a passkey"}, "root from admin.sock: proved who they are with a passkey"},
		{deeds.Entry{What: "DELETE /api/v1/sessions", Status: 503, Err: "the disk is full"}, "root from admin.sock: tried DELETE /api/v1/sessions: failed (503): the disk is full"},
		{deeds.Entry{What: "POST /api/v1/approvals/{id}/approve", On: map[string]string{"id": "7"}, Status: 404, Err: "approval 7: no such approval is pending"}, "root from admin.sock: tried to approve an action, id 7: refused (404): approval 7: no such approval is pending"},
		{deeds.Entry{What: "GET /api/v1/actions.jsonl", Notes: map[string]string{"bodies": "true", "query": `since:"7d"`}}, `root from admin.sock: exported recorded actions with bodies, query since:"7d"`},
		{deeds.Entry{What: "PUT /api/v1/none/{name}", On: map[string]string{"name": "x"}, Status: 403}, "root from admin.sock: tried PUT /api/v1/none/x: refused (403): Forbidden"},
	} {
		tt.e.Time, tt.e.Who, tt.e.From = at, "root", "admin.sock"
		if got := line(tt.e); got != "2026-05-01 12:00:00  "+tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
