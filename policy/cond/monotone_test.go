package cond

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sallyport.dev/sallyport/action"
)

// A maker writes random conditions over two pending facts.
type maker struct{ r *rand.Rand }

func (m maker) pick(choices ...func(int) string) func(int) string {
	return choices[m.r.IntN(len(choices))]
}

func (m maker) boolean(depth int) string {
	if depth <= 0 {
		return m.pick(
			func(int) string { return "pend.flag" },
			func(int) string { return "true" },
			func(int) string { return "false" },
			func(d int) string { return "(" + m.text(d) + " == " + m.text(d) + ")" },
			func(d int) string { return "(" + m.text(d) + " != null)" },
			func(d int) string { return "startswith(" + m.text(d) + `, "a")` },
		)(0)
	}
	return m.pick(
		func(d int) string { return "(" + m.boolean(d-1) + " && " + m.boolean(d-1) + ")" },
		func(d int) string { return "(" + m.boolean(d-1) + " || " + m.boolean(d-1) + ")" },
		func(d int) string { return "!" + m.boolean(d-1) },
		func(d int) string { return "(" + m.boolean(d-1) + " == " + m.boolean(d-1) + ")" },
		func(d int) string {
			return "(" + m.boolean(d-1) + " ? " + m.boolean(d-1) + " : " + m.boolean(d-1) + ")"
		},
		func(d int) string { return "alltrue([" + m.boolean(d-1) + ", " + m.boolean(d-1) + "])" },
		func(d int) string { return "anytrue([for x in [" + m.text(d) + ", \"b\"] : x == " + m.text(d) + "])" },
		func(d int) string { return "contains([" + m.text(d) + ", " + m.text(d) + "], " + m.text(d) + ")" },
		func(d int) string { return "(length(" + m.text(d) + ") > length(" + m.text(d) + "))" },
		func(d int) string { return "coalesce(pend.flag, " + m.boolean(d-1) + ")" },
	)(depth)
}

func (m maker) text(depth int) string {
	if depth <= 0 {
		return m.pick(
			func(int) string { return "pend.text" },
			func(int) string { return `"a"` },
			func(int) string { return `"b"` },
		)(0)
	}
	return m.pick(
		func(d int) string { return `"${` + m.text(d-1) + `}!"` },
		func(d int) string { return "upper(" + m.text(d-1) + ")" },
		func(d int) string { return "coalesce(" + m.text(d-1) + ", " + m.text(d-1) + ")" },
		func(d int) string { return "(" + m.boolean(d-1) + " ? " + m.text(d-1) + " : " + m.text(d-1) + ")" },
		func(int) string { return m.text(0) },
	)(depth)
}

// pendFacts are two facts of two groups, in any state.
type pendFacts struct {
	text            string
	flag            bool
	ofText, ofFlags action.State
}

func pendTable() action.FactTable {
	return action.FactTable{Protocol: "pend", Facts: []action.FactSpec{
		action.Str("pend.text", "", needBody, func(f *pendFacts) (string, action.State) { return f.text, f.ofText }),
		action.Bool("pend.flag", "", needText, func(f *pendFacts) (bool, action.State) { return f.flag, f.ofFlags }),
	}}
}

// TestCertainStaysCertain is the law that everything else leans on: an answer
// given while facts are missing is the answer for whatever they turn out to be,
// and the needs name every fact that could still change it.
func TestCertainStaysCertain(t *testing.T) {
	schema := NewSchema(pendTable())
	m := maker{rand.New(rand.NewPCG(1, 2))}
	certain, needed := 0, 0
	for range 3000 {
		text := m.boolean(1 + m.r.IntN(3))
		c, diags := schema.Compile(parse(t, text))
		if diags.HasErrors() {
			t.Fatalf("%s: %v", text, diags)
		}
		eval := func(f pendFacts) (Tri, action.Need) { return c.Eval(&Env{Part: &action.Part{Facts: &f}}) }
		before, need := eval(pendFacts{ofText: action.Pending, ofFlags: action.Pending})
		if before != Unknown {
			certain++
		} else if need != 0 {
			needed++
		}
		for _, learned := range everyCompletion() {
			after, left := eval(learned)
			if left != 0 {
				t.Fatalf("%s needs %d when all is learned", text, left)
			}
			if before != Unknown && after != before {
				t.Fatalf("%s was %v and is %v with %s", text, before, after, fmt.Sprintf("%+v", learned))
			}
			if before == Unknown && need == 0 && after != Unknown {
				t.Fatalf("%s needed nothing and is %v with %+v", text, after, learned)
			}
		}
	}
	if certain < 100 || needed < 100 {
		t.Errorf("the conditions say little: %d certain, %d in need", certain, needed)
	}
}

func everyCompletion() []pendFacts {
	var all []pendFacts
	for _, text := range []string{"a", "b", "a!", "A", ""} {
		for _, flag := range []bool{false, true} {
			all = append(all, pendFacts{text: text, flag: flag, ofText: action.Known, ofFlags: action.Known})
		}
	}
	for _, state := range []action.State{action.Absent, action.Unknown} {
		all = append(all,
			pendFacts{ofText: state, flag: true, ofFlags: action.Known}, pendFacts{ofText: state, ofFlags: state},
			pendFacts{text: "a", ofText: action.Known, ofFlags: state})
	}
	return all
}
