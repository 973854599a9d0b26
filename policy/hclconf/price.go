package hclconf

import (
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf/value"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxModelName bounds the name of a model, in bytes.
const maxModelName = 128

// A Price is what a model costs, in place of the list that the program has.
type Price struct {
	Model string
	action.Price
	Range hcl.Range
}

// PriceList gives the prices by model; nil: none is stated.
func (c *Config) PriceList() map[string]action.Price {
	if len(c.Prices) == 0 {
		return nil
	}
	by := make(map[string]action.Price, len(c.Prices))
	for _, p := range c.Prices {
		by[p.Model] = p.Price
	}
	return by
}

func (d *decoder) price(b *hclsyntax.Block) {
	const unstated = -1
	p := &Price{Model: b.Labels[0], Price: action.Price{Input: unstated, CacheRead: unstated, CacheWrite: unstated, CacheWriteLong: unstated, Output: unstated}, Range: b.DefRange()}
	if len(p.Model) > maxModelName {
		d.Fail(b.LabelRanges[0], "Too long", "The name of a model has at most %d bytes.", maxModelName)
	}
	for name, to := range map[string]*int64{
		"input": &p.Input, "output": &p.Output, "cache_read": &p.CacheRead, "cache_write": &p.CacheWrite, "cache_write_long": &p.CacheWriteLong,
	} {
		value.With(b.Body, name, func(e hcl.Expression) { d.dollars(e, to) })
	}
	d.Required(b, "input", `input = "$2.50", for a million tokens`)
	d.Required(b, "output", `output = "$10", for a million tokens`)
	d.cfg.Prices = append(d.cfg.Prices, p)
}

func (d *decoder) dollars(e hcl.Expression, to *int64) {
	text := d.Word(e)
	if !text.Stated() {
		return
	}
	amount, ok := strings.CutPrefix(text.Value, "$")
	n, err := action.Dollars(amount)
	if !ok || err != nil {
		d.Fail(e.Range(), "Bad price", `%q is no price: write dollars for a million tokens, such as "$2.50", from "$0" to "$1000".`, text.Value)
		return
	}
	*to = n
}

// settleUsage refuses to ask where no model is asked.
func (d *decoder) settleUsage(s *Service) {
	for _, op := range s.Operations {
		if op.As.Value == "llm" {
			return
		}
	}
	if s.Usage.Stated() {
		d.Fail(s.Usage.Range, "Nothing reads this", `usage means something only on a service with an operation as = "llm".`)
	}
}
