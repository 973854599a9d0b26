package manual

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/docs"
)

func ask(t *testing.T, m *Manual, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	w := httptest.NewRecorder()
	m.Routes().Handler(slog.New(slog.DiscardHandler), nil).ServeHTTP(w, r.WithContext(route.WithCaller(r.Context(), route.Host("ana"))))
	return w
}

func TestManual(t *testing.T) {
	m, err := New(fstest.MapFS{
		"operations.md": {Data: []byte("# Running it\n\nFirst words.\n\n## Backup\n\nTake one a day.\n\n```sh\n# not a heading\nsallyport backup x\n```\n\n## Backup\n\nOnce more.\n")},
		"agents.md":     {Data: []byte("# Agents\n\n## `run`, and its exit code\n\nIt passes the code through.\n")},
		"img/a.png":     {Data: []byte("png")},
		"secret.txt":    {Data: []byte("no")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		path   string
		status int
		want   string
	}{
		{"/api/v1/docs", 200, `[{"name":"agents","title":"Agents","sections":[{"title":"Agents","anchor":"","level":1},{"title":"run, and its exit code","anchor":"run-and-its-exit-code","level":2}]},{"name":"operations","title":"Running it","sections":[{"title":"Running it","anchor":"","level":1},{"title":"Backup","anchor":"backup","level":2},{"title":"Backup","anchor":"backup-1","level":2}]}]`},
		{"/api/v1/docs?q=DAY+take", 200, `[{"name":"operations","title":"Running it","sections":[{"title":"Backup","anchor":"backup","level":2,"says":"Take one a day."}]}]`},
		{"/api/v1/docs?q=nowhere", 200, `[]`},
		{"/api/v1/docs/agents", 200, `"text":"# Agents\n\n## ` + "`run`" + `, and`},
		{"/api/v1/docs/secret", 404, "no page"},
		{"/api/v1/docs/secret.txt", 404, "no page"},
		{"/api/v1/docs/img/a.png", 200, "png"},
		{"/api/v1/docs/img/..%2Fsecret.txt", 404, "no picture"},
		{"/api/v1/docs/img/..%2Fimg%2Fa.png", 404, "no picture"},
		{"/api/v1/docs/img/b.png", 404, "no picture"},
	} {
		if w := ask(t, m, row.path); w.Code != row.status || !strings.Contains(w.Body.String(), row.want) {
			t.Errorf("%s: %d %s, want %d %s", row.path, w.Code, w.Body, row.status, row.want)
		}
	}
	none, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(t, none, "/api/v1/docs"); w.Body.String() != "[]\n" {
		t.Errorf("a build without documentation says %s", w.Body)
	}
}

// Every link between the pages of the documentation leads somewhere.
func TestLinks(t *testing.T) {
	m, err := New(docs.Files())
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string][]string{}
	for _, p := range m.pages {
		for _, s := range p.Sections {
			anchors[p.Name] = append(anchors[p.Name], s.Anchor)
		}
	}
	links := regexp.MustCompile(`\]\(([^):]*)\)`)
	count := 0
	for _, text := range m.texts {
		for _, l := range links.FindAllStringSubmatch(text.Text, -1) {
			page, at, _ := strings.Cut(l[1], "#")
			switch {
			case strings.HasSuffix(page, ".md") && !strings.HasPrefix(page, "../"), page == "":
				count++
				name := strings.TrimSuffix(page, ".md")
				if page == "" {
					name = text.Name
				}
				if list, ok := anchors[name]; !ok || at != "" && !slices.Contains(list, at) {
					t.Errorf("%s.md links to %s, which is not there", text.Name, l[1])
				}
			case strings.HasSuffix(page, ".png"):
				count++
				if w := ask(t, m, "/api/v1/docs/"+page); w.Code != 200 {
					t.Errorf("%s.md shows %s, which is not there", text.Name, page)
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d links were looked at", count)
	}
}

func FuzzSections(f *testing.F) {
	f.Add("# a\n## b\n```\n# c\n```\n## b\n")
	f.Fuzz(func(t *testing.T, text string) {
		seen := map[string]bool{}
		for i, s := range sections(text) {
			if _, err := json.Marshal(s); err != nil {
				t.Fatal(err)
			}
			if i > 0 && s.Anchor != "" && seen[s.Anchor] && !strings.Contains(s.Anchor, "-") {
				t.Errorf("two sections are %q", s.Anchor)
			}
			seen[s.Anchor] = true
		}
	})
}
