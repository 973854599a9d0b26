package hclconf

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf/value"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Defaults and bounds of an approver.
const (
	defaultHold    = time.Minute
	defaultTimeout = 10 * time.Minute
	maxTimeout     = 24 * time.Hour
	maxRequire     = 16
)

// An Approver says who is asked, and how long.
type Approver struct {
	Name    string
	Members []Str
	Require int
	Hold    time.Duration
	Timeout time.Duration
	StepUp  bool // a yes takes a fresh proof of who gives it
	Notify  []Notice
	Range   hcl.Range
}

// Terms says in one line whose yes it takes, so that one declaration is told from
// another.
func (a *Approver) Terms() string {
	members := Texts(a.Members)
	slices.Sort(members)
	return fmt.Sprintf("%s: %d of %s", a.Name, a.Require, strings.Join(members, ", "))
}

func (d *decoder) approver(b *hclsyntax.Block) {
	a := &Approver{Name: d.Identifier(b), Require: 1, Hold: defaultHold, Timeout: defaultTimeout, Range: b.DefRange()}
	value.With(b.Body, "members", func(e hcl.Expression) { a.Members = d.People(e) })
	value.With(b.Body, "require", func(e hcl.Expression) { a.Require = d.require(e, a.Members) })
	value.With(b.Body, "timeout", func(e hcl.Expression) {
		if a.Timeout = d.Duration(e); a.Timeout < time.Second || a.Timeout > maxTimeout {
			d.Fail(e.Range(), "Bad timeout", "An ask lives for a second at least and for %s at most.", maxTimeout)
		}
	})
	a.Hold = min(a.Hold, a.Timeout)
	value.With(b.Body, "hold", func(e hcl.Expression) {
		if a.Hold = d.Duration(e); a.Hold < 0 || a.Hold > a.Timeout {
			d.Fail(e.Range(), "Bad hold", "An agent's connection is held no longer than the ask lives, which is %s.", a.Timeout)
		}
	})
	value.With(b.Body, "step_up", func(e hcl.Expression) { a.StepUp = d.Flag(e).Value })
	value.With(b.Body, "notify", func(e hcl.Expression) { a.Notify = d.Notices(e) })
	d.Required(b, "members", `members = ["ana@acme.dev", "group:oncall"]`)
	d.cfg.Approvers = append(d.cfg.Approvers, a)
}

// terms says in one line whose yes these approvers take.
func (d *decoder) terms(refs []Ref) string {
	var all []string
	for _, ref := range refs {
		for _, a := range d.cfg.Approvers {
			if ref.Kind == "approver" && ref.Name == a.Name {
				all = append(all, a.Terms())
			}
		}
		for _, j := range d.cfg.Judges {
			if ref.Kind == "judge" && ref.Name == j.Name {
				all = append(all, j.Terms())
			}
		}
	}
	return strings.Join(all, "; ")
}

// answerers lists the approvers, or the judges.
func (d *decoder) answerers(kind string) []string {
	var names []string
	if kind == "judge" {
		for _, j := range d.cfg.Judges {
			names = append(names, j.Name)
		}
		return names
	}
	for _, a := range d.cfg.Approvers {
		names = append(names, a.Name)
	}
	return names
}

// require reads how many distinct people must say yes; where all are named, there
// must be so many.
func (d *decoder) require(e hcl.Expression, members []Str) int {
	n := max(int(d.Integer(e, maxRequire)), 1)
	single := !slices.ContainsFunc(members, func(m Str) bool {
		return strings.HasPrefix(m.Value, "group:") || strings.HasPrefix(m.Value, "*@")
	})
	if single && len(members) > 0 && n > len(members) {
		d.Fail(e.Range(), "Too few members", "%d people must say yes, and there are %d members.", n, len(members))
	}
	return n
}

// askers reads who a rule asks: judges and approvers.
func (d *decoder) askers(b *hclsyntax.Block, r *Rule) {
	value.With(b.Body, "approvers", func(e hcl.Expression) {
		r.Approvers = d.RefsOf(e, "approver", "judge")
		if r.Verdict != action.Ask && r.Otherwise.Value != action.Ask.String() {
			d.Fail(b.Body.Attributes["approvers"].NameRange, "Nobody is asked", `approvers are for verdict = "ask" or otherwise = "ask".`)
		}
		for i, ref := range r.Approvers.Items {
			if slices.ContainsFunc(r.Approvers.Items[:i], func(o Ref) bool { return o.Kind == ref.Kind && o.Name == ref.Name }) {
				d.Fail(ref.Range, "Stated twice", "%s.%s stands in this list already.", ref.Kind, ref.Name)
			}
		}
	})
}
