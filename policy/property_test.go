package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"

	"pgregory.net/rapid"
)

// A world is what the properties are tried out in: two services, two roles, and
// rules over all that both protocols tell.
type world struct {
	posture string
	mode    string
	rules   []string
}

func (w world) text(rules ...string) string {
	return fmt.Sprintf(`
service "api" {
  hosts   = ["api.test"]
  posture = %q
  mode    = %q
  operation "refund" {
    match  = "POST /a/*"
    effect = "write"
    when   = http.json.x == "1"
  }
  operation "wipe" {
    match  = "* /b"
    effect = "destructive"
  }
  operation "call" {
    match = "POST /mcp"
    as    = "mcp"
  }
}
service "db" {
  protocol = "postgres"
  hosts    = ["db.test"]
  posture  = %[1]q
}
role "r" { use = [service.api, service.db] }
role "s" { use = [service.api, service.db] }
`, w.posture, w.mode) + strings.Join(rules, "")
}

func drawWorld(t *rapid.T) world {
	w := world{
		posture: rapid.SampledFrom([]string{"guarded", "locked", "open"}).Draw(t, "posture"),
		mode:    rapid.SampledFrom([]string{"enforce", "enforce", "observe"}).Draw(t, "mode"),
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "rules") {
		w.rules = append(w.rules, drawRule(t, fmt.Sprint("r", i), "allow", "allow", "ask", "deny"))
	}
	return w
}

// drawRule is a rule with one of the verdicts.
func drawRule(t *rapid.T, name string, verdicts ...string) string {
	one := func(label string, lines ...string) string {
		line := rapid.SampledFrom(append(lines, "", "")).Draw(t, label)
		if line == "" {
			return ""
		}
		return "  " + line + "\n"
	}
	var b strings.Builder
	verdict := rapid.SampledFrom(verdicts).Draw(t, "verdict")
	fmt.Fprintf(&b, "rule %q {\n  verdict = %q\n", name, verdict)
	b.WriteString(one("roles", "roles = [role.r]", "roles = [role.s]"))
	b.WriteString(one("effects", `effects = ["read"]`, `effects = ["write", "destructive"]`, `effects = ["!unknown"]`, `effects = ["read", "write", "destructive", "admin", "unknown"]`))
	condition := ""
	if rapid.Bool().Draw(t, "http") {
		b.WriteString("  on = [service.api]\n")
		b.WriteString(one("methods", `methods = ["GET"]`, `methods = ["POST", "DELETE"]`, `methods = ["!GET"]`))
		b.WriteString(one("paths", `paths = ["/a"]`, `paths = ["/a/**", "/mcp"]`, `paths = ["!/b"]`, `paths = ["**"]`))
		b.WriteString(one("operations", `operations = ["refund"]`, `operations = ["wipe", "call"]`, `operations = ["!wipe"]`))
		b.WriteString(one("models", `models = ["1"]`))
		condition = one("condition", `when = http.json.x == "1"`, `unless = http.json.x == "1"`, `when = http.json.x != "1"`, `when = http.json.x == null`, `unless = effect == "write"`, `hours = "mon-fri 09:00-12:00"`)
	} else {
		b.WriteString("  on = [service.db]\n")
		b.WriteString(one("verbs", `verbs = ["select"]`, `verbs = ["insert", "drop"]`, `verbs = ["!select"]`))
		b.WriteString(one("tables", `tables = ["users"]`, `tables = ["*.log", "!users"]`, `tables = ["!users"]`))
		b.WriteString(one("columns", `columns = ["users.iban"]`))
		condition = one("condition", `unless = sql.has_where`, `when = sql.has_where`, `when = contains(sql.tables, "public.users")`)
	}
	b.WriteString(condition)
	limit := ""
	if verdict != "deny" {
		limit = one("limit", `limit = "5/hour"`)
	}
	b.WriteString(limit)
	if (condition != "" || limit != "") && (limit != "" || rapid.Bool().Draw(t, "otherwise")) {
		fmt.Fprintf(&b, "  otherwise = %q\n", rapid.SampledFrom([]string{"allow", "ask", "deny"}).Draw(t, "else"))
	}
	b.WriteString("}\n")
	return b.String()
}

// drawAction is an action of one to three parts. make sets the state of its facts.
func drawAction(t *rapid.T, w world) (service string, make func(state, body action.State) []action.Part, spent []string, roles []string) {
	roles = rapid.SampledFrom([][]string{{"r"}, {"s"}, {"r", "s"}}).Draw(t, "agent")
	for i := range w.rules {
		if rapid.IntRange(0, 3).Draw(t, "spent") == 0 {
			spent = append(spent, fmt.Sprint("r", i))
		}
	}
	n := rapid.IntRange(1, 3).Draw(t, "parts")
	control := rapid.IntRange(0, 5).Draw(t, "control") == 0
	if rapid.Bool().Draw(t, "is http") {
		facts := make1(n, func() httpFacts {
			return httpFacts{
				Method: rapid.SampledFrom([]string{"GET", "POST", "DELETE", "PURGE"}).Draw(t, "method"),
				Path:   rapid.SampledFrom([]string{"/a", "/b", "/a/b", "/mcp", "/c"}).Draw(t, "path"),
				Amount: rapid.SampledFrom([]string{"1", "2", "read", "write", "destructive", "admin"}).Draw(t, "value"),
			}
		})
		return "api", func(state, body action.State) []action.Part {
			return make1i(n, func(i int) action.Part {
				f := facts[i]
				f.State, f.Body = state, body
				return action.Part{Facts: &f, Effects: methodEffect(f.Method), Control: control && i == 0}
			})
		}, spent, roles
	}
	facts := make1(n, func() sqlFacts {
		return sqlFacts{
			Verbs:    rapid.SampledFrom([][]string{{"select"}, {"insert"}, {"drop"}, {"insert", "select"}}).Draw(t, "verbs"),
			Tables:   rapid.SampledFrom([][]string{nil, {"public.users"}, {"public.log"}, {"public.log", "public.users"}}).Draw(t, "tables"),
			Columns:  rapid.SampledFrom([][]string{nil, {"public.users.iban"}, {"public.users.id"}}).Draw(t, "columns"),
			HasWhere: rapid.Bool().Draw(t, "where"),
		}
	})
	return "db", func(state, _ action.State) []action.Part {
		return make1i(n, func(i int) action.Part {
			f := facts[i]
			f.State = state
			effect := map[string]action.Effects{"select": read, "insert": write, "drop": action.EffectDestructive}[f.Verbs[0]]
			return action.Part{Facts: &f, Effects: effect, Control: control && i == 0}
		})
	}, spent, roles
}

func make1[T any](n int, one func() T) []T { return make1i(n, func(int) T { return one() }) }

func make1i[T any](n int, one func(int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = one(i)
	}
	return out
}

// judge decides an action by rules of a world.
func judge(t *rapid.T, tb testing.TB, text string, service string, parts []action.Part, spent, roles []string) action.Decision {
	p := loaded(tb, text)
	return judgeBy(p, service, parts, spent, roles)
}

func judgeBy(p *Policy, service string, parts []action.Part, spent, roles []string) action.Decision {
	a := with(p, service, parts...)
	a.Peer = &action.Peer{ID: "agent", Name: "ci", Enrolled: roles}
	a.Spent = spent
	return p.Decide(a)
}

func states(t *rapid.T) (state, body action.State) {
	state = rapid.SampledFrom([]action.State{action.Known, action.Known, action.Unknown}).Draw(t, "state")
	body = rapid.SampledFrom([]action.State{action.Known, action.Known, action.Absent, action.Unknown}).Draw(t, "body")
	return state, body
}

// Adding a deny never loosens a verdict; nor does taking an allow away; and an ask
// opens at most what a posture denies, to itself.
func TestRulesOnlyLoosenWhatTheySay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		service, parts, spent, roles := drawAction(rt, w)
		state, body := states(rt)
		p := parts(state, body)
		before := judge(rt, t, w.text(w.rules...), service, p, spent, roles)

		// What an added rule could loosen by its otherwise is another rule's matter.
		deny := withoutOtherwise(drawRule(rt, "x-deny", "deny"))
		if got := judge(rt, t, w.text(append(slices.Clone(w.rules), deny)...), service, p, spent, roles); got.Verdict > before.Verdict {
			rt.Fatalf("%s\nloosened %s to %s:\n%s", deny, before.Verdict, got.Verdict, w.rules)
		}
		allowless := slices.DeleteFunc(slices.Clone(w.rules), func(r string) bool {
			return strings.Contains(r, `verdict = "allow"`) && !strings.Contains(r, "otherwise")
		})
		if got := judge(rt, t, w.text(allowless...), service, p, spent, roles); got.Verdict > before.Verdict {
			rt.Fatalf("without its allows %s became %s:\n%s", before.Verdict, got.Verdict, w.rules)
		}
		ask := withoutOtherwise(drawRule(rt, "x-ask", "ask"))
		got := judge(rt, t, w.text(append(slices.Clone(w.rules), ask)...), service, p, spent, roles)
		if got.Verdict > before.Verdict && (before.Rule != "" || before.Verdict != action.Deny || got.Verdict != action.Ask) {
			rt.Fatalf("%s\nloosened %s by %q to %s:\n%s", ask, before.Verdict, before.Rule, got.Verdict, w.rules)
		}
	})
}

func withoutOtherwise(rule string) string {
	lines := strings.SplitAfter(rule, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool {
		return strings.Contains(l, "otherwise") || strings.Contains(l, "limit")
	}), "")
}

// Neither the order of rules nor the file they stand in changes anything.
func TestOrderAndFilesNeverMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		service, parts, spent, roles := drawAction(rt, w)
		p := parts(states(rt))
		want := judge(rt, t, w.text(w.rules...), service, p, spent, roles)
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		files := map[string]string{"m.hcl": w.text()}
		for _, r := range rapid.Permutation(w.rules).Draw(rt, "order") {
			files[rapid.SampledFrom([]string{"a.hcl", "m.hcl", "z.hcl"}).Draw(rt, "file")] += r
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				rt.Fatal(err)
			}
		}
		turned, _, diags := Load(dir, testOptions())
		if turned == nil {
			rt.Fatal(diags)
		}
		if got := judgeBy(turned, service, p, spent, roles); !reflect.DeepEqual(got, want) {
			rt.Fatalf("%+v is now %+v:\n%s", want, got, w.rules)
		}
	})
}

// With an unknown fact the verdict is at least as strict as with every known value
// in its place, and what was pending comes to the same once it is learned.
func TestUnknownIsAtLeastAsStrict(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		service, parts, spent, roles := drawAction(rt, w)
		p := loaded(t, w.text(w.rules...))
		decide := func(state, body action.State) action.Decision {
			return judgeBy(p, service, parts(state, body), spent, roles)
		}
		all, body := decide(action.Unknown, action.Unknown), decide(action.Known, action.Unknown)
		pending := decide(action.Known, action.Pending)
		for _, known := range []action.State{action.Known, action.Absent} {
			d := decide(action.Known, known)
			if all.Verdict > d.Verdict || body.Verdict > d.Verdict {
				rt.Fatalf("known is %s, with an unknown body %s, all unknown %s:\n%s", d.Verdict, body.Verdict, all.Verdict, w.rules)
			}
			if pending.Need == 0 && pending.Verdict != d.Verdict {
				rt.Fatalf("it was decided %s without the body, and with it %s:\n%s", pending.Verdict, d.Verdict, w.rules)
			}
		}
	})
}

// The strictest of its parts stands for an action.
func TestPartsAreJudgedOneByOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		service, parts, spent, roles := drawAction(rt, w)
		all := parts(states(rt))
		p := loaded(t, w.text(w.rules...))
		want := action.Allow
		for _, part := range all {
			want = min(want, judgeBy(p, service, []action.Part{part}, spent, roles).Verdict)
		}
		if got := judgeBy(p, service, all, spent, roles); got.Verdict != want {
			rt.Fatalf("%s, and the strictest part is %s:\n%s", got.Verdict, want, w.rules)
		}
	})
}

// A rule in observe mode changes no verdict and counts nothing.
func TestObserveChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		service, parts, spent, roles := drawAction(rt, w)
		p := parts(states(rt))
		want := judge(rt, t, w.text(w.rules...), service, p, spent, roles)
		watched := strings.Replace(drawRule(rt, "watched", "allow", "ask", "deny"), "{\n", "{\n  mode = \"observe\"\n", 1)
		got := judge(rt, t, w.text(append(slices.Clone(w.rules), watched)...), service, p, spent, roles)
		got.Would, want.Would = nil, nil
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("%s\nmade %+v of %+v:\n%s", watched, got, want, w.rules)
		}
	})
}

// A limit without room is a condition that does not hold.
func TestASpentLimitIsAConditionThatFails(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		service, parts, _, roles := drawAction(rt, w)
		p := parts(states(rt))
		rule := withoutOtherwise(drawRule(rt, "x", "allow", "ask"))
		for _, attr := range []string{"when", "unless", "hours"} {
			lines := strings.SplitAfter(rule, "\n")
			rule = strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), attr+" ") }), "")
		}
		end := fmt.Sprintf("  otherwise = %q\n}\n", rapid.SampledFrom([]string{"allow", "ask", "deny"}).Draw(rt, "otherwise"))
		limited := strings.Replace(rule, "}\n", "  limit = \"1/hour\"\n"+end, 1)
		failing := strings.Replace(rule, "}\n", "  when = 1 == 2\n"+end, 1)
		a := judge(rt, t, w.text(append(slices.Clone(w.rules), limited)...), service, p, []string{"x"}, roles)
		b := judge(rt, t, w.text(append(slices.Clone(w.rules), failing)...), service, p, nil, roles)
		if a.Verdict != b.Verdict || a.Rule != b.Rule || len(a.Asks) != len(b.Asks) || len(a.Counts) != len(b.Counts) {
			rt.Fatalf("%s\nis %+v spent, and with a condition that fails %+v:\n%s", limited, a, b, w.rules)
		}
	})
}

// What explain tells of every rule is what was decided: the index leaves no rule
// out that has something to say.
func TestExplainTellsWhatWasDecided(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		service, parts, spent, roles := drawAction(rt, w)
		all := parts(states(rt))
		p := loaded(t, w.text(w.rules...))
		a := with(p, service, all...)
		a.Peer, a.Spent = &action.Peer{ID: "agent", Name: "ci", Enrolled: roles}, spent
		e := p.Explain(a)
		want := action.Allow
		for _, part := range e.Parts {
			for _, r := range part.Rules {
				switch r.Outcome {
				case "denies":
					want = action.Deny
				case "asks":
					want = min(want, action.Ask)
				}
			}
		}
		if e.Decision.Need == 0 && e.Decision.Verdict > want {
			rt.Fatalf("%+v, and a rule says %s:\n%s\n%+v", e.Decision, want, w.rules, e.Parts)
		}
		if e.Decision.Rule == "" || e.Decision.Need != 0 {
			return
		}
		for _, part := range e.Parts {
			for _, r := range part.Rules {
				if r.Rule == e.Decision.Rule && (r.Outcome == "denies" || r.Outcome == "asks" || r.Outcome == "allows") {
					return
				}
			}
		}
		rt.Fatalf("%+v, and no rule of that name does:\n%+v", e.Decision, e.Parts)
	})
}

// What a rule denies to one role, no other role gives back.
func TestAnotherRoleGivesNoDenialBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		service, parts, spent, _ := drawAction(rt, w)
		all := parts(states(rt))
		p := loaded(t, w.text(w.rules...))
		for _, role := range []string{"r", "s"} {
			one := judgeBy(p, service, all, spent, []string{role})
			both := judgeBy(p, service, all, spent, []string{"r", "s"})
			if one.Verdict == action.Deny && one.Rule != "" && both.Verdict != action.Deny {
				rt.Fatalf("denied by %q in role %s, and in both %s:\n%s", one.Rule, role, both.Verdict, w.rules)
			}
		}
	})
}

// A rule that has ended is none.
func TestAnEndedRuleIsNone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		service, parts, spent, roles := drawAction(rt, w)
		p := parts(states(rt))
		want := judge(rt, t, w.text(w.rules...), service, p, spent, roles)
		ended := strings.Replace(drawRule(rt, "ended", "allow", "ask", "deny"), "{\n", "{\n  until = \"2026-01-01T00:00:00Z\"\n", 1)
		if got := judge(rt, t, w.text(append(slices.Clone(w.rules), ended)...), service, p, spent, roles); !reflect.DeepEqual(got, want) {
			rt.Fatalf("%s\nmade %+v of %+v:\n%s", ended, got, want, w.rules)
		}
	})
}
