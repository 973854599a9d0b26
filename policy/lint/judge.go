package lint

import (
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/hclconf"
)

// judges looks for judges that nobody asks.
func (l *linter) judges() {
	for _, j := range l.conf.Judges {
		if !l.mentions("judge", j.Name) {
			l.tell(finding.UnusedJudge, j.Range, "No rule asks judge.%s.", j.Name)
		}
	}
}

// judged reports whether a judge reaches its model through the service.
func (l *linter) judged(service string) bool {
	return slices.ContainsFunc(l.conf.Judges, func(j *hclconf.Judge) bool { return j.Service.Name == service })
}

// decided warns of a rule that a model alone may answer with a yes to what cannot
// be taken back.
func (l *linter) decided(r *hclconf.Rule) {
	if r.Verdict != action.Ask && r.Otherwise.Value != action.Ask.String() {
		return
	}
	grave := slices.ContainsFunc(r.Lists["effects"].Items, func(e hclconf.Str) bool {
		return slices.Contains([]string{"destructive", "admin", "unknown", "!read", "!write"}, e.Value)
	})
	if !grave {
		return // of what is not named no rule loosens more than reads and writes
	}
	for _, ref := range r.Approvers.Items {
		for _, j := range l.conf.Judges {
			if ref.Kind == "judge" && ref.Name == j.Name && j.Decides {
				l.tell(finding.JudgeAlone, ref.Range, "judge.%s may decide, so a model alone can allow what these effects name, whatever an agent has told it; write may = \"deny\" there, or take them out of this rule.", j.Name)
			}
		}
	}
}
