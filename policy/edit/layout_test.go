package edit

import "testing"

func TestLayout(t *testing.T) {
	const odd = `gateway {
  wireguard   {}
}
secret "env_one" { env   =   "X_ONE" }
# why
rule   "a" {
on = [service.shop]   # all
      verdict="deny"
}
`
	const want = `gateway {
  wireguard   {}
}
secret "env_one" { env   =   "X_ONE" }
# why
rule "a" {
  on      = [service.shop] # all
  verdict = "deny"
}
`
	got, err := Layout("a.hcl", odd)
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	if again, err := Layout("a.hcl", got); err != nil || again != got {
		t.Errorf("once more: %v\n%s", err, again)
	}
	if got, err := Layout("a.hcl", `rule "a" {`); err == nil {
		t.Errorf("what is no HCL is laid out as %q", got)
	}
}
