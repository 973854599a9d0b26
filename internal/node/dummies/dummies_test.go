package dummies

import (
	"bytes"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/placeholder"
)

// Whose a placeholder is, its end says: all of a kind begin alike, and nobody is named
// for what several may have sent.
func TestOwner(t *testing.T) {
	b := &Book{
		Maker:  placeholder.New(vault.NewSecret(bytes.Repeat([]byte{1}, placeholder.KeySize))),
		Agents: func() []netstack.Agent { return []netstack.Agent{{ID: "1", Name: "one"}, {ID: "2", Name: "two"}} },
		Services: func() []*action.Service {
			return []*action.Service{{Name: "api", Variables: []string{"OPENAI_API_KEY"}}}
		},
	}
	token := b.Maker.Of("2", "api", "OPENAI_API_KEY")
	for _, c := range []struct{ what, token, agent string }{
		{"whole", token, "two"},
		{"among other letters", "8" + token + "x", "two"},
		{"without its beginning", token[4:], "two"},
		{"its beginning, which all have", token[:20], ""},
		{"its beginning, and some of its own", token[:24], "two"},
		{"too little", token[22:30], ""},
		{"another gateway's", placeholder.New(vault.NewSecret(bytes.Repeat([]byte{2}, placeholder.KeySize))).Of("2", "api", "OPENAI_API_KEY"), ""},
	} {
		agent, service, variable, ok := b.Owner(c.token)
		if agent != c.agent || ok != (c.agent != "") || ok && (service != "api" || variable != "OPENAI_API_KEY") {
			t.Errorf("%s: %q, %q, %q, %v", c.what, agent, service, variable, ok)
		}
	}
}
