package host

import (
	"time"

	"sallyport.dev/sallyport/policy/hclconf/value"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Alerts say who is told when something is wrong.
type Alerts struct {
	Notify []value.Notice
	Denied int           // more refusals of one agent within Window are an alert; 0: no number is
	Window time.Duration //
	Range  hcl.Range
}

// Defaults and bounds of Alerts.
const (
	alertWindow = 5 * time.Minute
	leastWindow = time.Minute
	mostWindow  = 24 * time.Hour
	mostDenied  = 1_000_000
)

func (d *reader) alerts(b *hclsyntax.Block) *Alerts {
	a := &Alerts{Window: alertWindow, Range: b.DefRange()}
	value.With(b.Body, "notify", func(e hcl.Expression) { a.Notify = d.Notices(e) })
	value.With(b.Body, "denied", func(e hcl.Expression) { a.Denied = int(d.Integer(e, mostDenied)) })
	value.With(b.Body, "window", func(e hcl.Expression) {
		if a.Window = d.Duration(e); a.Window != 0 && (a.Window < leastWindow || a.Window > mostWindow) {
			d.Fail(e.Range(), "Bad window", `Refusals are counted within "1m" at least and "24h" at most.`)
		}
		if b.Body.Attributes["denied"] == nil {
			d.Fail(b.Body.Attributes["window"].NameRange, "Nothing reads this", "window says within what time denied refusals are too many; state denied, too.")
		}
	})
	if b.Body.Attributes["notify"] == nil {
		d.Fail(b.DefRange(), "Attribute missing", `Say who is told: notify = [slack("#ops"), webhook("https://hooks.acme.dev/alerts", secret.hook_key)].`)
	}
	return a
}
