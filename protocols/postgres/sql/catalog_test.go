package sql

import (
	"encoding/json"
	"slices"
	"testing"

	"sallyport.dev/sallyport/action"
)

func TestFactsByNameNeedTheirCatalog(t *testing.T) {
	shape := &Shape{Verb: "select", Verbs: []string{"select"}, Tables: []string{"app.v", "app.t"}, Reads: []string{"app.v", "app.t"}}
	base := []string{"app.t"}
	for _, c := range []struct {
		name             string
		facts            Facts
		tables, expanded action.State
	}{
		{"no catalog", Facts{Shape: shape}, action.Known, action.Unknown},
		{"known", Facts{Shape: shape, Catalog: CatalogKnown, Expanded: base}, action.Known, action.Known},
		{"unknown", Facts{Shape: shape, Catalog: CatalogUnknown}, action.Unknown, action.Unknown},
		{"no table", Facts{Shape: &Shape{Verb: "select"}}, action.Known, action.Known},
		{"code", Facts{Shape: &Shape{Verb: "do", Opaque: true}, Catalog: CatalogKnown}, action.Unknown, action.Unknown},
		{"nothing read", Facts{}, action.Unknown, action.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, err := json.Marshal(c.facts)
			if err != nil {
				t.Fatal(err)
			}
			again := new(Facts)
			if err := json.Unmarshal(raw, again); err != nil {
				t.Fatal(err)
			}
			for _, f := range []*Facts{&c.facts, again} {
				for name, want := range map[string]action.State{"sql.tables": c.tables, "sql.reads": c.tables, "sql.tables_expanded": c.expanded} {
					if _, state := listFact(t, name)(f); state != want {
						t.Errorf("%s is %d, want %d", name, state, want)
					}
				}
				if got, _ := listFact(t, "sql.tables_expanded")(f); c.name == "known" && !slices.Equal(got, base) {
					t.Errorf("%v", got)
				}
			}
		})
	}
}

func listFact(t *testing.T, name string) func(action.Facts) ([]string, action.State) {
	t.Helper()
	for _, spec := range FactTable().Facts {
		if spec.Name == name {
			return spec.List
		}
	}
	t.Fatalf("no fact %s", name)
	return nil
}

func TestUnexpandedPartsKeepTheirEffects(t *testing.T) {
	parts := []action.Part{
		{Facts: &Facts{Shape: &Shape{Verb: "select", Tables: []string{"t"}}}, Effects: action.EffectRead},
		{Facts: &Facts{Shape: &Shape{Verb: "select"}}, Effects: action.EffectRead},
	}
	got := Unexpanded(parts)
	for i, want := range []Catalog{CatalogUnknown, ""} {
		if f := got[i].Facts.(*Facts); f.Catalog != want || got[i].Effects != action.EffectRead {
			t.Errorf("part %d: %q, %s", i, f.Catalog, got[i].Effects)
		}
		if parts[i].Facts.(*Facts).Catalog != "" {
			t.Error("the parts given were changed")
		}
	}
}
