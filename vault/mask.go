package vault

import "sallyport.dev/sallyport/vault/scrub"

// Mask puts stars over every value that has a name here, and over those that have
// gone out before, in the forms that others may write them in. It is for texts that
// leave the gateway beside the line: what an agent wrote may hold a secret that it
// got hold of.
func (v *Vault) Mask(s string) string {
	now := v.current.Load()
	m := now.mask.Load()
	if m == nil {
		var values [][]byte
		for _, e := range now.entries {
			if e.err == nil {
				values = append(values, e.value.Reveal())
			}
		}
		m = scrub.New(values...)
		now.mask.Store(m)
	}
	return v.used.Current().MaskString(m.MaskString(s))
}
