package action

import "testing"

func TestPersonIs(t *testing.T) {
	ana := Person{Name: "Ana@acme.dev", Groups: []string{"oncall"}}
	for _, c := range []struct {
		person Person
		member string
		want   bool
	}{
		{ana, "ana@acme.dev", true},
		{ana, "ana@acme.dev.evil.org", false},
		{ana, "group:oncall", true},
		{ana, "group:on", false},
		{ana, "oncall", false},
		{ana, "*@acme.dev", true},
		{ana, "*@dev", false},
		{Person{Name: "ana@acme.dev@evil.org"}, "*@acme.dev", false},
		{Person{Name: "@acme.dev"}, "*@acme.dev", false},
		{Person{Name: "group:oncall"}, "group:oncall", false}, // a name is no group
		{Person{}, "", false},
		{Person{Name: "bo"}, "bo", true},
	} {
		if got := c.person.Is(c.member); got != c.want {
			t.Errorf("%q is %q: %v", c.person.Name, c.member, got)
		}
	}
}
