package cli

import (
	"path/filepath"

	"sallyport.dev/sallyport/policy/literal"
	"sallyport.dev/sallyport/policy/source"

	"github.com/zclconf/go-cty/cty"
)

// State is where the gateway of the configuration keeps its state: where its
// gateway block says, else at the usual place. A configuration that cannot be read
// says nothing.
func (r *Env) State() string {
	files, bodies, _ := source.Read(r.Config, nil)
	for _, body := range bodies {
		for _, b := range body.Blocks {
			a := b.Body.Attributes["state_dir"]
			if b.Type != "gateway" || a == nil {
				continue
			}
			v, ok := literal.Constant(a.Expr)
			if !ok || v.Type() != cty.String || v.AsString() == "" {
				continue
			}
			if dir := v.AsString(); filepath.IsAbs(dir) {
				return dir
			}
			return filepath.Join(files.Dir, v.AsString())
		}
	}
	return DefaultState()
}
