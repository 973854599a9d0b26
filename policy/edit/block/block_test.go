package block

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

func one(key string, v any) map[string]any { return map[string]any{key: v} }

func TestValues(t *testing.T) {
	ref := one("ref", "secret.x")
	for _, tt := range []struct {
		v    any
		want string // or, in parentheses, what is said
	}{
		{"a", `"a"`},
		{"${x}\n\"%{y}", `"$${x}\n\"%%{y}"`},
		{true, "true"},
		{12.0, "12"},
		{0.5, "0.5"},
		{-3, "-3"},
		{[]any{"a", 1.0, []any{}}, `["a", 1, []]`},
		{[]string{"a", "b"}, `["a", "b"]`},
		{ref, "secret.x"},
		{one("expr", "a.b==1&&  !c"), "a.b == 1 && !c"},
		{one("expr", "a\n&& b"), "(a\n&& b)"},
		{map[string]any{"call": "header", "args": []any{"X", ref}}, `header("X", secret.x)`},
		{one("call", "now"), "now()"},
		{one("object", map[string]any{"b": 1.0, "a-b": "x", "c d": true}), "{\n  a-b   = \"x\"\n  b     = 1\n  \"c d\" = true\n}"},
		{map[string]any{"call": "by_role", "args": []any{one("object", map[string]any{"role.w": ref})}}, "by_role({\n  role.w = secret.x\n})"},

		{nil, "(no value)"},
		{"\xff", "(no UTF-8)"},
		{strings.Repeat("x", maxText+1), "(longer)"},
		{one("ref", "x"), "(no reference)"},
		{one("ref", "gateway.x"), "(no reference)"},
		{one("ref", "secret.x.y"), "(no reference)"},
		{one("ref", "secret.x y"), "(no reference)"},
		{one("call", "x y"), "(no function)"},
		{map[string]any{"call": "x", "args": "y"}, "(are a list)"},
		{map[string]any{"call": "x", "args": nil}, "(are a list)"},
		{map[string]any{"ref": "secret.x", "expr": "1"}, "(an object is)"},
		{one("other", 1.0), "(an object is)"},
		{one("expr", ""), "(no expression)"},
		{one("expr", "1 # x"), "(a comment)"},
		{one("expr", "a = 1"), "(no expression)"},
		{one("expr", "a &&\n  b ==="), "(no expression (line 2, column 7))"},
		{one("expr", strings.Repeat("(", 1000)), "(too deeply)"},
	} {
		b := &action.Block{Attributes: map[string]any{"reason": tt.v}}
		text, err := Write("rule", "r", b)
		got := ""
		if err == nil {
			got = strings.TrimSuffix(strings.TrimPrefix(string(text), "rule \"r\" {\n  reason = "), "\n}\n")
			got = strings.ReplaceAll(got, "\n  ", "\n")
		}
		said, fails := strings.CutPrefix(tt.want, "(")
		if said, closed := strings.CutSuffix(said, ")"); fails && closed && !strings.Contains(said, "\n") {
			if err == nil || !strings.Contains(err.Error(), said) {
				t.Errorf("%.60v: %q, %v", tt.v, got, err)
			}
		} else if err != nil || got != tt.want {
			t.Errorf("%.60v: %q, %v, want %q", tt.v, got, err, tt.want)
		}
	}
}

func TestWriteAndRewrite(t *testing.T) {
	b := &action.Block{
		Attributes: map[string]any{"posture": "locked", "hosts": []any{"x.example.com"}, "zebra": 1.0},
		Blocks: []action.Inner{
			{Kind: "operation", Name: "b \"c\"", Block: action.Block{Attributes: map[string]any{"match": "GET /x", "effect": "read"}}},
			{Kind: "session", Block: action.Block{Attributes: map[string]any{"read_only": true}}},
		},
	}
	text, err := Write("service", "s", b)
	want := `service "s" {
  hosts   = ["x.example.com"]
  posture = "locked"
  zebra   = 1
  operation "b \"c\"" {
    match  = "GET /x"
    effect = "read"
  }
  session {
    read_only = true
  }
}
`
	if err != nil || string(text) != want {
		t.Errorf("%v\n%s", err, text)
	}
	old := `service "s" { # head
  hosts = [
    "x.example.com", # one
  ]
  posture = "open" # loose
  # a word
  operation "b \"c\"" {
    match = "GET /x" # kept
    effect = "write"
  }
  operation "gone" {
  }
}
`
	text, err = Rewrite([]byte(old), b)
	want = `service "s" { # head
  hosts = [
    "x.example.com", # one
  ]
  posture = "locked" # loose
  # a word
  operation "b \"c\"" {
    match  = "GET /x" # kept
    effect = "read"
  }
  zebra = 1
  session {
    read_only = true
  }
}
`
	if err != nil || string(text) != want {
		t.Errorf("%v\n%s", err, text)
	}
	for name, bad := range map[string]*action.Block{
		"a block of another kind": {Blocks: []action.Inner{{Kind: "wireguard"}}},
		"the same twice":          {Blocks: []action.Inner{{Kind: "session"}, {Kind: "session"}}},
		"a name that is none":     {Attributes: map[string]any{"a b": 1.0}},
		"a label that is no text": {Blocks: []action.Inner{{Kind: "operation", Name: "\xff"}}},
	} {
		if _, err := Write("service", "s", bad); err == nil {
			t.Errorf("%s is written", name)
		}
	}
	if text, err := Write("secret", "x", nil); err != nil || string(text) != "secret \"x\" {}\n" {
		t.Errorf("%q %v", text, err)
	}
}

// A block in one line gets lines of its own when it says more than fits, and no sooner.
func TestABlockInOneLineGrows(t *testing.T) {
	use := []any{one("ref", "service.x")}
	role := func(more map[string]any) *action.Block {
		more["use"] = use
		return &action.Block{Attributes: more}
	}
	for _, tt := range []struct {
		src  string
		b    *action.Block
		want string
	}{
		{`role "a" { use = [service.x] }`, role(map[string]any{}), `role "a" { use = [service.x] }`},
		{`role "a" { use = [service.y] } # why`, role(map[string]any{}), `role "a" { use = [service.x] } # why`},
		{`role "a" { use = [service.x] } # why`, role(map[string]any{"members": []any{"*"}}), "role \"a\" {\n  use     = [service.x]\n  members = [\"*\"]\n} # why"},
		{`role "a" {}`, role(map[string]any{}), "role \"a\" {\n  use = [service.x]\n}"},
		{`role "a" { until = "2026-12-31" }`, role(map[string]any{}), "role \"a\" {\n  use = [service.x]\n}"},
		{`service "s" { auth = by_role({ role.a = bearer(secret.s) }) }`, &action.Block{Attributes: map[string]any{
			"auth": one("keep", "by_role({ role.a = bearer(secret.s) })"), "posture": "open",
		}}, "service \"s\" {\n  auth    = by_role({ role.a = bearer(secret.s) })\n  posture = \"open\"\n}"},
		{
			"service \"s\" {\n  session { read_only = true }\n}", &action.Block{Blocks: []action.Inner{{Kind: "session", Block: action.Block{Attributes: map[string]any{"read_only": true, "max_rows": 5.0}}}}},
			"service \"s\" {\n  session {\n    read_only = true\n    max_rows  = 5\n  }\n}",
		},
	} {
		got, err := Rewrite([]byte(tt.src), tt.b)
		if err != nil || strings.TrimSpace(string(got)) != tt.want {
			t.Errorf("%s: %v\n%s", tt.src, err, got)
		}
	}
	for src, want := range map[string]string{
		`role "a" {}`:                       "role \"a\" {\n  use = [service.x]\n}",
		`role "a" { until = "2026-12-31" }`: "role \"a\" {\n  until = \"2026-12-31\"\n  use   = [service.x]\n}",
	} {
		if got, err := Extend(src, "use", "service.x"); err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%s: %v\n%s", src, err, got)
		}
	}
}
