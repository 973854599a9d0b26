package book_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/internal/lab"
)

// Somebody writes a draft with what helps them, and edits a rule by its values.
func TestWritingIsHelped(t *testing.T) {
	h := &house{t, lab.New(t, rules)}
	ask := func(path string, body any, v any) {
		t.Helper()
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		h.as("editor", "POST", path, "", string(b)).into(t, v)
	}
	odd := strings.Replace(rules, `verdict = "deny"`, `verdict   =   "deny"`, 1)
	var laid book.Sheets
	ask("/format", book.Sheets{Files: map[string]string{"lab.hcl": odd}}, &laid)
	if laid.Files["lab.hcl"] != rules {
		t.Errorf("the layout is\n%s", laid.Files["lab.hcl"])
	}
	if got := h.as("editor", "POST", "/format", "", `{"files":{"lab.hcl":"rule {"}}`); got.status != 400 {
		t.Errorf("no HCL: %d %s", got.status, got.body)
	}
	var c book.Completion
	ask("/complete", book.Place{Sheets: book.Sheets{Files: map[string]string{"more.hcl": "rule \"x\" {\n  on = [ser\n"}}, File: "more.hcl", Line: 1, Column: 11}, &c)
	if c.Before != 3 || len(c.Items) != 1 || c.Items[0].Label != "service.shop" {
		t.Errorf("%+v", c)
	}
	for _, path := range []string{"/format", "/complete"} {
		if got := h.as("viewer", "POST", path, "", `{"files":{}}`); got.status != 403 {
			t.Errorf("a viewer at %s: %d", path, got.status)
		}
	}

	var was book.Standing
	h.as("viewer", "GET", "/blocks/rule/no%20deletions", "", "").into(t, &was)
	if was.Block == nil || was.Block.Attributes["verdict"] != "deny" {
		t.Fatalf("%+v", was)
	}
	was.Block.Attributes["verdict"] = "ask"
	body, err := json.Marshal(book.Content{Block: was.Block})
	if err != nil {
		t.Fatal(err)
	}
	var taken book.Taken
	h.as("editor", "PUT", "/blocks/rule/no%20deletions", h.etag(), string(body)).into(t, &taken)
	if d := taken.Preview.Diff; strings.Count(d, "\n-") != 1 || strings.Count(d, "\n+ ") != 1 || !strings.Contains(d, `+  verdict = "ask"`) {
		t.Errorf("more than the verdict has changed:\n%s", d)
	}
	var host []book.Standing
	h.as("viewer", "GET", "/blocks?kind=gateway", "", "").into(t, &host)
	if len(host) != 1 || host[0].Block != nil {
		t.Errorf("a block of the host: %+v", host)
	}
}
