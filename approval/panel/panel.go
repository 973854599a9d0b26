// Package panel tells who is asked where rules want an action asked: people and
// judges, as the configuration names them. It asks nobody.
package panel

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
)

// Names lists the approvers that people must answer for, each once; "" stands for
// the operators.
func Names(asks []action.Asking) []string {
	var list []string
	for _, a := range asks {
		named := false
		for _, n := range a.Approvers {
			if IsJudge(n) {
				continue
			}
			named = true
			if !slices.Contains(list, n) {
				list = append(list, n)
			}
		}
		if !named && !slices.Contains(list, "") {
			list = append(list, "")
		}
	}
	return list
}

// IsJudge reports whether the name is that of a judge.
func IsJudge(name string) bool { return strings.HasPrefix(name, "judge.") }

// Judged reports whether a judge is asked first.
func Judged(a action.Asking) bool { return slices.ContainsFunc(a.Approvers, IsJudge) }
