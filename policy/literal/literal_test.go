package literal

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func parse(t *testing.T, text string) hcl.Expression {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(text), "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %s", text, diags)
	}
	return e
}

func TestConstant(t *testing.T) {
	for text, want := range map[string]bool{
		`"a"`: true, `7`: true, `-7`: true, `true`: true, `("a")`: true, `""`: true, "<<X\na\nb\nX\n": true,
		`null`: false, `a`: false, `"${1}"`: false, `"a${b}"`: false, `1 + 1`: false, `[1]`: false, `f("a")`: false, `true ? 1 : 2`: false, `-"a"`: false, `{ a = 1 }`: false,
	} {
		v, ok := Constant(parse(t, text))
		if ok != want || ok && (v.IsNull() || !v.IsKnown()) {
			t.Errorf("%s: %#v %v", text, v, ok)
		}
	}
	if !Is(parse(t, `"*"`), "*") || Is(parse(t, `"**"`), "*") || Is(parse(t, `7`), "7") {
		t.Error("Is does not tell strings apart")
	}
}

func TestElementsAndCall(t *testing.T) {
	if items, bare := Elements(parse(t, `["a", b]`)); bare || len(items) != 2 {
		t.Errorf("a list: %v %v", items, bare)
	}
	if _, bare := Elements(parse(t, `"a"`)); !bare {
		t.Error("a string is a list")
	}
	if name, args, ok := Call(parse(t, `bearer(secret.x)`)); !ok || name != "bearer" || len(args) != 1 {
		t.Errorf("a call: %q %v %v", name, args, ok)
	}
	if _, _, ok := Call(parse(t, `secret.x`)); ok {
		t.Error("a reference is a call")
	}
}
