package kleene

import (
	"strconv"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

const (
	needA action.Need = 1
	needB action.Need = 2
)

func TestEqual(t *testing.T) {
	tests := []struct {
		name string
		a, b Value
		want Tri
		need action.Need
	}{
		{"texts", Text("a"), Text("a"), True, 0},
		{"other texts", Text("a"), Text("b"), False, 0},
		{"numbers", Number(1), Number(1), True, 0},
		{"booleans", Bool(true), Bool(false), False, 0},
		{"types", Text("1"), Number(1), Unknown, 0},
		{"truth is no number", Bool(true), Number(1), Unknown, 0},
		{"absent and known", Null(), Text(""), False, 0},
		{"two absent", Null(), Null(), Unknown, 0},
		{"unknown", Value{}, Text("a"), Unknown, 0},
		{"unknown and absent", Value{}, Null(), Unknown, 0},
		{"pending", Pending(needA), Text("a"), Unknown, needA},
		{"pending and absent", Pending(needA), Null(), Unknown, needA},
		{"both pending", Pending(needA), Pending(needB), Unknown, needA | needB},
		{"pending and never known", Pending(needA), Value{}, Unknown, 0},
		{"lists", Texts([]string{"a"}), Texts([]string{"a"}), Unknown, 0},
	}
	for _, tt := range tests {
		for _, pair := range [][2]Value{{tt.a, tt.b}, {tt.b, tt.a}} {
			if got, need := Equal(pair[0], pair[1]); got != tt.want || need != tt.need {
				t.Errorf("%s: %v needing %d, want %v needing %d", tt.name, got, need, tt.want, tt.need)
			}
		}
	}
}

func TestContains(t *testing.T) {
	texts := Texts([]string{"a", "b"})
	tests := []struct {
		name    string
		l, want Value
		tri     Tri
		need    action.Need
	}{
		{"there", texts, Text("b"), True, 0},
		{"not there", texts, Text("c"), False, 0},
		{"a number among texts", texts, Number(1), Unknown, 0},
		{"anything in nothing", Texts(nil), Number(1), False, 0},
		{"absent list", Null(), Text("a"), Unknown, 0},
		{"absent value", texts, Null(), Unknown, 0},
		{"pending list", Pending(needA), Text("a"), Unknown, needA},
		{"pending list, absent value", Pending(needA), Null(), Unknown, 0},
		{"past an unknown element", Items([]Value{{}, Text("a")}), Text("a"), True, 0},
		{"perhaps the unknown element", Items([]Value{{}, Text("a")}), Text("b"), Unknown, 0},
		{"perhaps the pending element", Items([]Value{Pending(needB), Text("a")}), Text("b"), Unknown, needB},
		{"past an absent element", Items([]Value{Null(), Text("a")}), Text("b"), False, 0},
	}
	for _, tt := range tests {
		if got, need := Contains(tt.l, tt.want); got != tt.tri || need != tt.need {
			t.Errorf("%s: %v needing %d, want %v needing %d", tt.name, got, need, tt.tri, tt.need)
		}
	}
}

func TestQuantifier(t *testing.T) {
	type truth struct {
		t    Tri
		need action.Need
	}
	tests := []struct {
		decisive Tri
		truths   []truth
		want     Tri
		need     action.Need
	}{
		{True, nil, False, 0},
		{False, nil, True, 0},
		{True, []truth{{False, 0}, {True, 0}}, True, 0},
		{True, []truth{{Unknown, needA}, {True, 0}}, True, 0},
		{True, []truth{{Unknown, needA}, {Unknown, needB}, {False, 0}}, Unknown, needA | needB},
		{False, []truth{{True, 0}, {True, 0}}, True, 0},
		{False, []truth{{Unknown, 0}, {True, 0}}, Unknown, 0},
		{False, []truth{{Unknown, needA}, {False, 0}}, False, 0},
	}
	for i, tt := range tests {
		q := NewQuantifier(tt.decisive)
		for _, one := range tt.truths {
			if more := q.Add(one.t, one.need); more == (one.t == tt.decisive) {
				t.Errorf("row %d: after %v more is %v", i, one.t, more)
			}
		}
		if got, need := q.Result(); got != tt.want || need != tt.need {
			t.Errorf("row %d: %v needing %d", i, got, need)
		}
	}
}

func TestBuilder(t *testing.T) {
	tests := []struct {
		name string
		add  []Value
		want string
	}{
		{"nothing", nil, `""`},
		{"scalars", []Value{Text("a"), Number(1.5), Bool(true), Bool(false), Number(1e15)}, `"a1.5truefalse1000000000000000"`},
		{"pending", []Value{Text("a"), Pending(needA)}, "pending"},
		{"absent", []Value{Text("a"), Null()}, "unknown"},
		{"pending, but never whole", []Value{Pending(needA), {}}, "unknown"},
		{"a list", []Value{Texts(nil)}, "unknown"},
		{"too long", []Value{Text(strings.Repeat("a", MaxText)), Text("b"), Text("c")}, "unknown"},
	}
	for _, tt := range tests {
		var b Builder
		for _, v := range tt.add {
			b.Add(v)
		}
		if got := b.Value().String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestString(t *testing.T) {
	long := strings.Repeat("é", maxShownText)
	tests := []struct {
		v    Value
		want string
	}{
		{Value{}, "unknown"},
		{Pending(needA), "pending"},
		{Null(), "absent"},
		{Bool(true), "true"},
		{Number(-0.5), "-0.5"},
		{Text("a\n\x1b[31m"), `"a\n\x1b[31m"`},
		{Texts([]string{"a", "b"}), `["a", "b"]`},
		{Items([]Value{Null(), Number(1)}), "[absent, 1]"},
		{Texts(make([]string, maxShownItems+5)), "[" + strings.Repeat(`"", `, maxShownItems) + "…]"},
		{Text(long), strconv.Quote(long[:maxShownText]) + "…"},
		{FromTri(Unknown, needA), "pending"},
		{FromTri(True, needA), "true"},
		{FromTri(False, 0), "false"},
		{Missing(action.Absent, needA), "absent"},
		{Missing(action.Pending, needA), "pending"},
		{Missing(action.Unknown, needA), "unknown"},
		{Missing(action.Pending, 0), "unknown"},
	}
	for _, tt := range tests {
		if got := tt.v.String(); got != tt.want {
			t.Errorf("%#v is spelt %s, want %s", tt.v.Kind, got, tt.want)
		}
	}
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"0", "-1.5", "1e3", "0x10", "", ".", "-", "9007199254740993", "1_0", "００"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := ParseNumber(text)
		if !v.Known() {
			return
		}
		want, err := strconv.ParseFloat(text, 64)
		if err != nil || v.Num != want || strings.ContainsAny(text, "eExXpP_+ ") {
			t.Errorf("%q is %v", text, v)
		}
	})
}
