package block

import (
	"encoding/json"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

const standing = `# Money.
rule "pay" {
  on = [service.shop, service.bank] # both
  # only these
  methods = [
    "POST", # new
    "PUT",
  ]
  verdict = "ask"
  when    = http.size > 10
  reason  = <<-EOT
    Ask first.
  EOT
  until   = "2027-01-01\u0054"
  roles = [role.a,
  role.b]
  mode = "a ${agent.name}"
}
`

func read(t *testing.T, src string) *action.Block {
	t.Helper()
	b, err := Read(src)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(b) // as it goes over the API and comes back
	if err != nil {
		t.Fatal(err)
	}
	var back action.Block
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return &back
}

// What is read and written back is what stood there, to the byte; what is changed
// changes nothing else.
func TestReadIsWhatRewriteLeaves(t *testing.T) {
	for _, src := range []string{
		standing, "secret \"x\" {}\n", "rule \"n\" {\n  a = 1.5\n  b = true\n  c = -3\n  d = \"\"\n  e = [[\"x\"], []]\n  f = null\n  g = a.b.c\n  h = f(1)\n}\n",
		"service \"s\" {\n  tls = { ca = file(\"x\") }\n  operation \"o\" {\n    match = \"GET /\" # it\n  }\n}\n",
	} {
		b := read(t, src)
		got, err := Rewrite([]byte(src), b)
		if err != nil || string(got) != src {
			t.Errorf("%v\n%s\nwas\n%s", err, got, src)
		}
	}
	b := read(t, standing)
	for name, want := range map[string]string{
		"on": `[{"ref":"service.shop"},{"ref":"service.bank"}]`, "methods": `["POST","PUT"]`, "verdict": `"ask"`,
		"when": `{"keep":"http.size \u003e 10"}`, "until": `{"keep":"\"2027-01-01\\u0054\""}`, "mode": `{"keep":"\"a ${agent.name}\""}`,
	} {
		if got, _ := json.Marshal(b.Attributes[name]); string(got) != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	b.Attributes["verdict"] = "deny"
	got, err := Rewrite([]byte(standing), b)
	if want := strings.Replace(standing, `"ask"`, `"deny"`, 1); err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// What is kept must stand there: nobody writes text by keeping it.
func TestKeepWritesNothing(t *testing.T) {
	for name, v := range map[string]any{
		"when": map[string]any{"keep": "true"}, "unless": map[string]any{"keep": "true"}, "reason": []any{map[string]any{"keep": `"x"`}},
		"verdict": map[string]any{"keep": `"ask"`, "ref": "role.a"},
	} {
		b := read(t, standing)
		b.Attributes[name] = v
		if got, err := Rewrite([]byte(standing), b); err == nil {
			t.Errorf("%s = %v is taken:\n%s", name, v, got)
		}
	}
	if got, err := Write("rule", "x", &action.Block{Attributes: map[string]any{"when": map[string]any{"keep": "true"}}}); err == nil {
		t.Errorf("a new block keeps something:\n%s", got)
	}
}

// FuzzRead has a block read and written back: nothing but its layout changes.
func FuzzRead(f *testing.F) {
	f.Add(standing)
	f.Add("rule \"a\" {\n  x = \"$${a}\"\n}\n")
	f.Fuzz(func(t *testing.T, src string) {
		b, err := Read(src)
		if err != nil || len(b.Blocks) > 0 {
			return // blocks inside that stand twice are refused
		}
		same, err := Rewrite([]byte(src), b)
		if err != nil {
			return // too large, or no block that the language has
		}
		if squeezed(string(same)) != squeezed(src) {
			t.Errorf("%q\nbecame\n%q", src, same)
		}
	})
}
