package edit

import "github.com/hashicorp/hcl/v2/hclwrite"

// Layout gives a file in its canonical layout, but for the blocks of the host: they
// stay as they are to the byte, or no draft with it would be taken.
func Layout(name, text string) (string, error) {
	was, diags := scan(name, text)
	if diags.HasErrors() {
		return "", refuse("%s is laid out when it is HCL: %s", name, diags[0].Error())
	}
	laid := string(hclwrite.Format([]byte(text)))
	is, _ := scan(name, laid) // none where there is an error
	if len(is) != len(was) {
		return "", errTorn
	}
	for i := len(is) - 1; i >= 0; i-- {
		if was[i].host {
			laid = laid[:is[i].start] + text[was[i].start:was[i].end] + laid[is[i].end:]
		}
	}
	return laid, nil
}
