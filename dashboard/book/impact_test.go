package book_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/lab"
)

// A draft is held against what agents did, before it is taken.
func TestImpactOfADraft(t *testing.T) {
	h := &house{t, lab.New(t, rules)}
	h.Secret("shop", "sesame")
	h.HTTPS("shop.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "sold") }))
	c := h.Agent("laptop").HTTP()
	for _, target := range []string{"GET /prices", "GET /orders", "DELETE /orders"} {
		method, path, _ := strings.Cut(target, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, "https://shop.example.com"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	h.Records("service:shop", 3)

	draft := `{"edits":[{"op":"add","kind":"rule","name":"no prices","hcl":"rule \"no prices\" {\n  on = [service.shop]\n  paths = [\"/prices\"]\n  verdict = \"deny\"\n}"}]`
	var got action.Impact
	h.as("editor", "POST", "/impact", "", draft+"}").into(t, &got)
	if got.Replayed != 3 || got.Untold != 0 || len(got.Changes) != 1 || got.Groups[0].Count != 1 {
		t.Fatalf("%+v", got)
	}
	if ch := got.Changes[0]; ch.Old != action.Allow || ch.New != action.Deny || ch.Rule != "no prices" || ch.Agent != "laptop" {
		t.Errorf("%+v", ch)
	}
	if h.Rules.Current().RuleCount() != 1 {
		t.Error("the draft is in force")
	}
	h.as("editor", "POST", "/impact", "", draft+`,"since":"2020-01-01"}`).into(t, &got)
	if got.Replayed != 3 {
		t.Errorf("%+v", got)
	}
	for body, status := range map[string]int{
		draft + `,"since":"yesterday"}`:                                                           400,
		`{"edits":[{"op":"remove","kind":"rule","name":"nothing"}]}`:                              404,
		`{"edits":[{"op":"add","kind":"rule","name":"x","hcl":"rule \"x\" {\n  on = \"*\"\n}"}]}`: 422,
	} {
		if a := h.as("editor", "POST", "/impact", "", body); a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := h.as("viewer", "POST", "/impact", "", draft+"}"); a.status != 403 {
		t.Errorf("a viewer: %d", a.status)
	}
}
