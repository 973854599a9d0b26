package host

import (
	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/literal"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Tailnet is the transport of that name.
type Tailnet struct {
	Hostname   string // "": the gateway's name
	AuthKey    string // name of the secret; "": a person logs the node in
	ControlURL string // "": Tailscale's own
	Tags       []string
	ExitNode   bool // takes everything; else what services declare
}

func (d *reader) tailnet(body *hclsyntax.Body) *Tailnet {
	t := &Tailnet{ExitNode: true}
	value.With(body, "hostname", func(e hcl.Expression) { t.Hostname = d.hostLabel(e, "") })
	value.With(body, "auth_key", func(e hcl.Expression) {
		r, _ := d.Ref(e, "secret")
		t.AuthKey = r.Name
	})
	value.With(body, "control_url", func(e hcl.Expression) {
		s := d.Word(e)
		if s.Stated() && !literal.WebServer(s.Value) {
			d.Fail(s.Range, "Bad URL", `%q is no control server; write it like "https://headscale.example.com".`, s.Value)
		}
		t.ControlURL = s.Value
	})
	value.With(body, "tags", func(e hcl.Expression) {
		for _, s := range d.Words(e) {
			if !literal.Tag(s.Value) {
				d.Fail(s.Range, "Bad tag", `%q is no tag; write it like "tag:sallyport".`, s.Value)
			}
			t.Tags = append(t.Tags, s.Value)
		}
	})
	value.With(body, "capture", func(e hcl.Expression) {
		s := d.Word(e)
		t.ExitNode = !s.Stated() || d.Known(s, "way to capture", []string{"exit-node", "services"}) && s.Value == "exit-node"
	})
	return t
}
