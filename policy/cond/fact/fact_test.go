package fact

import (
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

func TestFind(t *testing.T) {
	table := Table{"a.b": {}, "a.b.c": {}, "a.d": {}}
	for path, want := range map[string]int{"a.b": 2, "a.b.c": 3, "a.b.c.x": 3, "a.b.x": 2, "a": 0, "x": 0, "": 0} {
		f, used := table.Find(strings.Split(path, "."))
		if used != want || (f == nil) != (want == 0) {
			t.Errorf("%q: %d steps", path, used)
		}
	}
	if got := table.Group("a"); !slices.Equal(got, []string{"a.b", "a.b.c", "a.d"}) {
		t.Errorf("group a is %q", got)
	}
	if got := table.Group("a.b.c"); got != nil {
		t.Errorf("group a.b.c is %q", got)
	}
}

func TestCommonFactsReadNothingButTheEnv(t *testing.T) {
	for name, f := range Common() {
		if f.Protocol != "" || f.Spec.Cost != 0 || f.Spec.Doc == "" || f.Spec.Name != name {
			t.Errorf("%s: %+v", name, f)
		}
		want := "unknown"
		if name == "agent.roles" {
			want = "[]" // of no agent, none
		}
		if got := Reader[int](f)(&Env{}, 0).String(); got != want {
			t.Errorf("%s of nothing is %s", name, got)
		}
	}
}

func TestForeignFactsAreUnknown(t *testing.T) {
	type facts struct{ word string }
	f := Fact{Protocol: "p", Spec: action.Str("p.word", "", 0, func(f *facts) (string, action.State) { return f.word, action.Known })}
	for want, env := range map[string]*Env{
		`"w"`:     {Part: &action.Part{Facts: &facts{word: "w"}}},
		"unknown": {Part: &action.Part{Facts: new(int)}},
	} {
		if got := Reader[int](&f)(env, 0).String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := Reader[int](&f)(&Env{}, 0).String(); got != "unknown" {
		t.Errorf("of no part it is %s", got)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"http.host", "http.method", "http.path", "sql.verb"}
	for name, want := range map[string]string{
		"http.metod": "http.method", "http.methods": "http.method", "sql.verbs": "sql.verb", "htp.path": "http.path", "x": "", "kafka.topic": "",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestLater(t *testing.T) {
	for name, want := range map[string]bool{"http.json": true, "http.json.a.b": true, "http.jsonx": false, "k8s.verb": true, "k8s.verbs": false, "agent.name": false} {
		if Later(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
