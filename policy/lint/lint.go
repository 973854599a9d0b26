// Package lint looks for what a configuration allows and still hardly means. It
// only warns: what is wrong is for the decoder and the compiler to refuse. It
// reads the configuration as written and decides nothing.
package lint

import (
	"fmt"
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"

	"github.com/hashicorp/hcl/v2"
)

// A linter collects warnings about one configuration.
type linter struct {
	conf  *hclconf.Config
	wide  map[string][]*hclconf.Rule // see wideRules
	now   time.Time
	diags hcl.Diagnostics
}

// Check gives the warnings about a configuration that loads.
func Check(conf *hclconf.Config, now time.Time) hcl.Diagnostics {
	l := &linter{conf: conf, wide: wideRules(conf.Rules), now: now}
	for _, s := range conf.Services {
		l.service(s)
	}
	for _, r := range conf.Rules {
		l.rule(r)
	}
	l.secrets()
	return l.diags
}

func (l *linter) warn(at hcl.Range, summary, format string, args ...any) {
	l.diags = append(l.diags, &hcl.Diagnostic{
		Severity: hcl.DiagWarning, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr(),
	})
}

func (l *linter) service(s *hclconf.Service) {
	if !slices.ContainsFunc(l.conf.Roles, func(r *hclconf.Role) bool { return refers(r.Use, s.Name) }) {
		l.warn(s.Range, "Unused service", "No role uses %q, so no agent reaches it.", s.Name)
	}
	if s.Auth != nil && len(s.Auth.ByRole) > 0 {
		for _, r := range l.conf.Roles {
			if refers(r.Use, s.Name) && !s.Auth.Has(r.Name) {
				l.warn(s.Auth.Range, "Role without an account", "Role %q uses %q and has no account there: who is in no other role is refused.", r.Name, s.Name)
			}
		}
	}
	if s.Protocol.Value == "postgres" && s.Auth != nil {
		s.Auth.Each(func(a action.Auth, at hcl.Range) {
			if a.Name == "postgres" {
				l.warn(at, "Superuser account", "The account postgres is a superuser of most servers, whom they refuse nothing: make another with `sallyport db-role %s`.", s.Name)
			}
		})
	}
	if s.Posture.Value == "open" && s.Auth != nil {
		l.warn(at(s.Posture, s.Range), "Open with a secret", "Everything that no rule denies goes to %q with its secret, deletions too.", s.Name)
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

// secrets looks for secrets that nothing takes.
func (l *linter) secrets() {
	var used []string
	for _, s := range l.conf.Services {
		if s.Auth != nil {
			used = append(used, s.Auth.Secrets()...)
		}
	}
	for _, s := range l.conf.Secrets {
		if !slices.Contains(used, s.Name) {
			l.warn(s.Range, "Unused secret", "No service takes secret.%s.", s.Name)
		}
	}
}
