package dashboard_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sallyport.dev/sallyport/dashboard/openapi"
	"sallyport.dev/sallyport/internal/lab"
)

// committed is the document that clients are made from.
const committed = "../docs/openapi.json"

// With UPDATE=1 the document is written anew.
func TestTheDocumentOfTheAPIIsFresh(t *testing.T) {
	l := lab.New(t, rules)
	got, err := openapi.Document(l.API.Routes(), "1")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(committed, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		a, b := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("line %d is %q, and committed is %q; run: UPDATE=1 go test ./dashboard -run TestTheDocument", i+1, a[i], b[i])
			}
		}
		t.Fatal("one is longer; run: UPDATE=1 go test ./dashboard -run TestTheDocument")
	}
}

func TestTheDocumentOfTheAPIHolds(t *testing.T) {
	l := lab.New(t, rules)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
			Right       string `json:"x-right"`
			Parameters  []struct{ Name, In string }
			Responses   map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	raw := text(t, ask(t, l, "GET", "/api/v1/openapi.json", ""))
	if err := json.Unmarshal([]byte(raw), &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%v in %.300s", err, raw)
	}
	operations, ids := 0, make(map[string]string)
	for path, item := range doc.Paths {
		for method, op := range item {
			operations++
			if ids[op.OperationID] != "" {
				t.Errorf("%s %s and %s have one id", method, path, ids[op.OperationID])
			}
			ids[op.OperationID] = method + " " + path
			if op.Right == "" || op.Summary == "" || len(op.Responses) != 2 {
				t.Errorf("%s %s says too little: %+v", method, path, op)
			}
			in := 0
			for _, p := range op.Parameters {
				if p.In == "path" {
					in++
				}
			}
			if in != strings.Count(path, "{") {
				t.Errorf("%s %s has %d parameters in its path", method, path, in)
			}
		}
	}
	if operations != len(l.API.Routes()) {
		t.Errorf("%d operations for %d routes", operations, len(l.API.Routes()))
	}
	for _, piece := range strings.Split(raw, `"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(piece, `"`)
		if _, ok := doc.Components.Schemas[name]; !ok {
			t.Errorf("no schema is called %s", name)
		}
	}
	agent, _ := json.Marshal(doc.Components.Schemas["dashboard.Agent"])
	for _, want := range []string{`"name":{"type":"string"}`, `"format":"date-time"`, `"required":[`, `"$ref":"#/components/schemas/dashboard.Link"`} {
		if !strings.Contains(string(agent), want) {
			t.Errorf("the schema of an agent lacks %s: %s", want, agent)
		}
	}
}
