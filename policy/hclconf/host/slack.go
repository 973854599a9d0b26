package host

import (
	"sallyport.dev/sallyport/policy/hclconf/value"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Slack is the workspace that asks are shown in, by Socket Mode.
type Slack struct {
	AppToken, BotToken string // names of secrets
	Range              hcl.Range
}

func (d *reader) slack(b *hclsyntax.Block) *Slack {
	s := &Slack{Range: b.DefRange()}
	token := func(name string, to *string) {
		value.With(b.Body, name, func(e hcl.Expression) {
			r, _ := d.Ref(e, "secret")
			*to = r.Name
		})
		d.Required(b, name, name+" = secret.NAME")
	}
	token("app_token", &s.AppToken)
	token("bot_token", &s.BotToken)
	return s
}
