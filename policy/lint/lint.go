// Package lint looks for what a configuration allows and still hardly means. It
// only warns: what is wrong is for the decoder to refuse.
package lint

import (
	"sallyport.dev/sallyport/policy/hclconf"

	"github.com/hashicorp/hcl/v2"
)

// Check gives the warnings about a configuration that loads.
func Check(conf *hclconf.Config) hcl.Diagnostics { return nil }
