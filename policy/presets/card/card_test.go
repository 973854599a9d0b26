package card

import (
	"slices"
	"testing"

	"sallyport.dev/sallyport/policy/presets"
)

// Every preset has a card that tells a person what they pick.
func TestList(t *testing.T) {
	list, err := List()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(presets.List()) {
		t.Fatalf("%d cards of %d presets", len(list), len(presets.List()))
	}
	for _, c := range list {
		if c.Description == "" || c.About == "" || c.Posture == "" || c.Protocol == "" {
			t.Errorf("%s: %+v", c.Name, c)
		}
		if c.Auth != "" && len(c.Secrets) == 0 {
			t.Errorf("%s takes %s, of no secret", c.Name, c.Auth)
		}
	}
}

func TestRead(t *testing.T) {
	text, _ := presets.Get("github")
	c, err := Read("github", text)
	if err != nil {
		t.Fatal(err)
	}
	if c.Auth != `basic("x-access-token", secret.github)` || !slices.Equal(c.Secrets, []string{"github"}) || c.Hosts[0] != "api.github.com" || c.Probe != "GET /rate_limit" {
		t.Errorf("%+v", c)
	}
	for effect, name := range map[string]string{"read": "git.fetch", "destructive": "graphql.delete", "": "git.push"} {
		if !slices.Contains(c.Operations[effect], name) {
			t.Errorf("effect %q has %q, want %q among them", effect, c.Operations[effect], name)
		}
	}
	for _, bad := range []string{"service {", `a = 1`, "service \"a\" {}\nservice \"b\" {}"} {
		if _, err := Read("bad", []byte(bad)); err == nil {
			t.Errorf("%q has a card", bad)
		}
	}
}
