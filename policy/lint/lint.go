// Package lint looks for what a configuration allows and still hardly means. It
// only warns: what is wrong is for the decoder and the compiler to refuse. It
// reads the configuration as written and decides nothing.
package lint

import (
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
)

// A linter collects warnings about one configuration.
type linter struct {
	conf  *hclconf.Config
	files *source.Files
	wide  map[string][]*hclconf.Rule // see wideRules
	now   time.Time
	diags hcl.Diagnostics
}

// Check gives the findings about a configuration that loads.
func Check(conf *hclconf.Config, files *source.Files, now time.Time) hcl.Diagnostics {
	l := &linter{conf: conf, files: files, wide: wideRules(conf.Rules), now: now}
	if len(conf.Services) == 0 {
		l.tell(finding.Empty, hcl.Range{}, "No service is declared, so no agent reaches anything. Two lines make a beginning: service \"github\" {} and role \"everyone\" { use = [service.github] }; or let `sallyport init` write one.")
	}
	for _, s := range conf.Services {
		l.service(s)
	}
	for _, r := range conf.Rules {
		l.rule(r)
	}
	l.duplicates()
	l.unused()
	l.judges()
	l.keys()
	return l.diags
}

// tell adds a finding.
func (l *linter) tell(id finding.ID, at hcl.Range, format string, args ...any) {
	l.diags = append(l.diags, finding.New(id, at, format, args...))
}

func (l *linter) service(s *hclconf.Service) {
	if !l.judged(s.Name) && !slices.ContainsFunc(l.conf.Roles, func(r *hclconf.Role) bool { return refers(r.Use, s.Name) }) {
		l.tell(finding.UnusedService, s.Range, "No role uses %q, so no agent reaches it.", s.Name)
	}
	if s.Auth != nil && len(s.Auth.ByRole) > 0 {
		for _, r := range l.conf.Roles {
			if refers(r.Use, s.Name) && !s.Auth.Has(r.Name) {
				l.tell(finding.NoAccount, s.Auth.Range, "Role %q uses %q and has no account there: who is in no other role is refused.", r.Name, s.Name)
			}
		}
	}
	if s.Protocol.Value == "postgres" && s.Auth != nil {
		s.Auth.Each(func(a action.Auth, at hcl.Range) {
			if a.Name == "postgres" {
				l.tell(finding.Superuser, at, "The account postgres is a superuser of most servers, whom they refuse nothing: make another with `sallyport db-role %s`.", s.Name)
			}
		})
	}
	if s.Posture.Value == "open" && s.Auth != nil {
		l.tell(finding.OpenSecret, at(s.Posture, s.Range), "Everything that no rule denies goes to %q with its secret, deletions too.", s.Name)
	}
}

// at is where a value stands, or what it belongs to when it comes from a preset.
func at(s hclconf.Str, otherwise hcl.Range) hcl.Range {
	if s.Stated() && s.Range.Filename == otherwise.Filename {
		return s.Range
	}
	return otherwise
}

// refers reports whether a list of references has a name.
func refers(refs hclconf.Refs, name string) bool {
	return refs.All || slices.ContainsFunc(refs.Items, func(r hclconf.Ref) bool { return r.Name == name })
}
