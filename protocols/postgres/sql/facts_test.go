//go:build cgo

package sql

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
)

// TestRecordedFactsReadBack: what the record keeps is enough to decide again.
func TestRecordedFactsReadBack(t *testing.T) {
	a, table := New(0), FactTable()
	for _, text := range corpus(t) {
		parts, err := a.Parse(text, confirmed())
		if err != nil {
			continue
		}
		for _, p := range WithLiterals(parts) {
			raw, err := json.Marshal(p.Facts)
			if err != nil {
				t.Fatal(err)
			}
			back := table.New()
			if err := json.Unmarshal(raw, back); err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			for _, spec := range table.Facts {
				if got, want := value(spec, back), value(spec, p.Facts); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s is %v, was %v", text, spec.Name, got, want)
				}
			}
		}
	}
}

// TestFactsAreEncodedAsTheirFieldsSay: the short cut of AppendJSON gives what
// encoding/json gives, also of a shape that was changed after it was sealed.
func TestFactsAreEncodedAsTheirFieldsSay(t *testing.T) {
	a := New(0)
	encoded := func(v any) string {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, text := range append(corpus(t), "SELECT '\x01\t\"\\ \u2028 é <&>' FROM \"<é>\"") {
		s := confirmed()
		s.Protocol, s.Role = "extended", "ré\"der"
		parts, err := a.Parse(text, s)
		if err != nil {
			continue
		}
		for _, p := range parts {
			f := p.Facts.(*Facts)
			changed := *f.Shape
			changed.Tables = append(changed.Tables, "more")
			for _, f := range []*Facts{
				f,
				{Shape: &changed, seal: f.seal, Text: text, Params: []string{"", "a\nb"}, Catalog: CatalogKnown, Expanded: []string{"x.y"}},
				{Text: text},
				{Shape: f.Shape},
				{Conversation: s.Conversation},
			} {
				got, err := f.AppendJSON([]byte("x"))
				if want := "x" + encoded(f); err != nil || string(got)+"\n" != want {
					t.Fatalf("%s: %v\n got %s\nwant %s", text, err, got, want)
				}
			}
		}
	}
}

// value gives a fact and its state; an empty list is none.
func value(s action.FactSpec, f action.Facts) [2]any {
	switch {
	case s.Str != nil:
		v, state := s.Str(f)
		return [2]any{v, state}
	case s.Num != nil:
		v, state := s.Num(f)
		return [2]any{v, state}
	case s.Bool != nil:
		v, state := s.Bool(f)
		return [2]any{v, state}
	default:
		v, state := s.List(f)
		return [2]any{append([]string{}, v...), state}
	}
}

func TestFactTable(t *testing.T) {
	table := FactTable()
	want := []string{
		"sql.verb", "sql.verbs", "sql.tables", "sql.reads", "sql.writes", "sql.tables_expanded", "sql.columns", "sql.functions",
		"sql.has_where", "sql.has_limit", "sql.class", "sql.is_read_only", "sql.opaque", "sql.columns_written",
		"sql.functions_flagged", "sql.functions_unknown", "sql.locks", "sql.settings", "sql.copy.direction", "sql.copy.target",
		"sql.txn.read_write", "sql.has_cte_dml", "sql.explain_analyze", "sql.limit", "sql.literals", "sql.normalized",
		"sql.fingerprint", "sql.text", "sql.database", "sql.user", "sql.role", "sql.application_name", "sql.server_version",
		"sql.protocol", "sql.params", "sql.statements",
	}
	var names []string
	for _, s := range table.Facts {
		names = append(names, s.Name)
		if s.Doc == "" {
			t.Errorf("%s has no doc", s.Name)
		}
		value(s, table.New()) // facts that nobody filled must not panic
		value(s, "foreign")
	}
	if !slices.Equal(names, want) {
		t.Errorf("%v", names)
	}
	facts := func(text string) action.Facts {
		parts, err := New(0).Parse(text, &Session{Conversation: &Conversation{Database: "app"}})
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Facts
	}
	states := []struct {
		text, fact string
		want       action.State
	}{
		{"SELECT 1", "sql.tables", action.Known},
		{"SELECT 1", "sql.params", action.Absent},
		{"SELECT $1", "sql.params", action.Unknown},
		{"SELECT 1", "sql.user", action.Absent},
		{"SELECT 1", "sql.database", action.Known},
		{"SELECT 1", "sql.has_where", action.Known},
		{"DO ''", "sql.tables", action.Unknown},
		{"DO ''", "sql.functions", action.Unknown},
		{"DO ''", "sql.has_where", action.Unknown},
		{"DO ''", "sql.verbs", action.Known},
		{"SELECT 1 LIMIT 1 + 1", "sql.has_limit", action.Unknown},
	}
	for _, tt := range states {
		for _, s := range table.Facts {
			if s.Name == tt.fact {
				if got := value(s, facts(tt.text))[1]; got != tt.want {
					t.Errorf("%s of %s: state %v, want %v", tt.fact, tt.text, got, tt.want)
				}
			}
		}
	}
}

// TestEveryStatementHasAClass: a statement that the grammar knows and this
// package does not is "unknown", never a read.
func TestEveryStatementHasAClass(t *testing.T) {
	notTop := []string{"RawStmt", "SetOperationStmt", "ReturnStmt", "PLAssignStmt"}
	verbs := Verbs()
	seen := 0
	for _, name := range statementNodes() {
		c, ok := known.ClassOf(name)
		if slices.Contains(notTop, name) {
			if ok {
				t.Errorf("%s has a class", name)
			}
			continue
		}
		seen++
		if !ok {
			t.Errorf("%s has no class", name)
		}
		if c.Verb != "transaction" && !slices.Contains(verbs, c.Verb) {
			t.Errorf("%s: verb %q is in no list", name, c.Verb)
		}
	}
	if seen < 110 {
		t.Errorf("only %d statements were found", seen)
	}
	if _, ok := known.ClassOf("FutureStmt"); ok {
		t.Error("an unknown statement has a class")
	}
}

// TestVerbsAreListed: policy knows every verb that a statement may have.
func TestVerbsAreListed(t *testing.T) {
	a, verbs := New(0), Verbs()
	for _, text := range corpus(t) {
		parts, _ := a.Parse(text, confirmed())
		for _, p := range parts {
			for _, v := range p.Facts.(*Facts).Verbs {
				if !slices.Contains(verbs, v) {
					t.Errorf("%s: verb %q", text, v)
				}
			}
		}
	}
}

// TestWithheldValuesAreNotTold: who may not read the values that were bound is told
// nothing that depends on them, and not that there are none.
func TestWithheldValuesAreNotTold(t *testing.T) {
	parts, err := New(0).Parse("SELECT 1 LIMIT $1", &Session{StandardStrings: true, UTF8: true, Major: LastMajor})
	if err != nil {
		t.Fatal(err)
	}
	f := *parts[0].Facts.(*Facts)
	f.Params = []string{"17"}
	kept, err := json.Marshal(&f)
	if err != nil || !strings.Contains(string(kept), `"params":["17"]`) {
		t.Fatalf("%s, %v", kept, err)
	}
	for _, text := range []string{`{"text":"EXECUTE x (1)","params_withheld":1,"verb":"execute"}`, strings.Replace(string(kept), `"params":["17"]`, `"params_withheld":1`, 1)} {
		var less Facts
		if err := json.Unmarshal([]byte(text), &less); err != nil {
			t.Fatal(err)
		}
		if v, s := params(&less); s != action.Pending || v != nil {
			t.Errorf("%s: the values are %q, %d", text, v, s)
		}
		if _, s := limit(&less); strings.Contains(text, "LIMIT") && s != action.Pending {
			t.Errorf("%s: the limit is %d", text, s)
		}
	}
}

// While a text is only prepared its values are still to come; where there are none,
// and once it is bound, nothing is.
func TestValuesAreStillToCome(t *testing.T) {
	a := New(0)
	read := func(text string, unbound bool, values []string) string {
		parts, err := a.Parse(text, &Session{StandardStrings: true, UTF8: true, Major: LastMajor})
		if err != nil {
			t.Fatal(err)
		}
		f := *parts[0].Facts.(*Facts)
		f.Unbound, f.Params = unbound, values
		_, p := params(&f)
		_, h := hasLimit(&f)
		_, l := limit(&f)
		return fmt.Sprint(p, h, l)
	}
	states := func(list ...action.State) string { return fmt.Sprint(list[0], list[1], list[2]) }
	for _, c := range []struct {
		text    string
		unbound bool
		params  []string
		want    string
	}{
		{"SELECT 1 LIMIT 5", true, nil, states(action.Absent, action.Known, action.Known)},
		{"SELECT $1 LIMIT 5", true, nil, states(action.Pending, action.Known, action.Known)},
		{"SELECT $1 LIMIT 5", false, nil, states(action.Unknown, action.Known, action.Known)},
		{"SELECT 1 LIMIT $1", true, nil, states(action.Pending, action.Pending, action.Pending)},
		{"SELECT 1 LIMIT $1", false, nil, states(action.Unknown, action.Unknown, action.Unknown)},
		{"SELECT 1 LIMIT $1 + 1", true, nil, states(action.Pending, action.Unknown, action.Unknown)},
		{"SELECT 1 LIMIT $1", true, []string{"5"}, states(action.Known, action.Known, action.Known)},
	} {
		if got := read(c.text, c.unbound, c.params); got != c.want {
			t.Errorf("%s (unbound: %v, %q): %s, want %s", c.text, c.unbound, c.params, got, c.want)
		}
	}
}
