// Package guard tells which changes of a configuration decide where a secret goes,
// or whose model a judge asks. It compares what two configurations mean, however
// they are written; who may make such a change is not its matter.
package guard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"

	"github.com/hashicorp/hcl/v2"
)

// Secrets lists the changes that decide where an existing secret goes, and where
// the model of a judge is. Without an old configuration (before is nil), everything
// about secrets counts as changed; of a new one that does not load, nothing is
// told. exists reports whether a secret has a value.
func Secrets(before, after *hclconf.Config, exists func(string) bool) []action.Guarded {
	if after == nil {
		return nil
	}
	var list []action.Guarded
	old := map[string]*hclconf.Service{}
	used := map[string]bool{}
	if before != nil {
		for _, s := range before.Services {
			old[s.Name] = s
			for _, name := range secrets(s) {
				used[name] = true
			}
		}
		for _, s := range before.Secrets {
			used[s.Name] = true
		}
	}
	for _, s := range after.Services {
		for _, what := range moved(old[s.Name], s, func(name string) bool { return used[name] || exists(name) }) {
			list = append(list, action.Guarded{Kind: "service", Name: s.Name, What: what})
		}
	}
	return append(list, models(before, after, list)...)
}

// models lists changes of where a judge's model is: whoever answers there answers
// for the judge, with a secret or without one. What is told of a service already is
// enough.
func models(before, after *hclconf.Config, told []action.Guarded) []action.Guarded {
	if before == nil {
		return nil // the judges themselves are new, and told as such
	}
	var list []action.Guarded
	for _, s := range after.Services {
		i := slices.IndexFunc(before.Services, func(old *hclconf.Service) bool { return old.Name == s.Name })
		judged := slices.ContainsFunc(after.Judges, func(j *hclconf.Judge) bool { return j.Service.Name == s.Name })
		if i < 0 || !judged || slices.ContainsFunc(told, func(g action.Guarded) bool { return g.Name == s.Name }) {
			continue
		}
		for _, what := range differences(before.Services[i], s) {
			list = append(list, action.Guarded{Kind: "service", Name: s.Name, What: "answers for a judge, and changes its " + what})
		}
	}
	return list
}

func secrets(s *hclconf.Service) []string {
	if s == nil || s.Auth == nil {
		return nil
	}
	list := slices.Clone(s.Auth.Secrets())
	slices.Sort(list)
	return slices.Compact(list)
}

// moved says what of a service decides differently about a secret that exists.
func moved(old, now *hclconf.Service, exists func(string) bool) []string {
	var list []string
	for _, name := range secrets(now) {
		if exists(name) && !slices.Contains(secrets(old), name) {
			list = append(list, fmt.Sprintf("takes secret.%s to %s", name, strings.Join(places(now), ", ")))
		}
	}
	held := slices.ContainsFunc(append(secrets(old), secrets(now)...), exists)
	if old == nil || !held {
		return list
	}
	for _, what := range differences(old, now) {
		list = append(list, "has a secret, and changes its "+what)
	}
	return list
}

// differences tells which terms of a service change, and to what.
func differences(old, now *hclconf.Service) []string {
	var list []string
	before, after := terms(old), terms(now)
	for _, what := range slices.Sorted(maps.Keys(after)) {
		if before[what] == after[what] {
			continue
		}
		was, is := before[what], after[what]
		if brief(old, was) != brief(now, is) {
			was, is = brief(old, was), brief(now, is)
		}
		list = append(list, fmt.Sprintf("%s: %s -> %s", what, orNone(was), orNone(is)))
	}
	return list
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func places(s *hclconf.Service) []string {
	list := make([]string, len(s.Hosts))
	for i, h := range s.Hosts {
		list[i] = h.Place.String()
	}
	slices.Sort(list)
	return list
}

// terms is what decides where the secret of a service goes, and how.
func terms(s *hclconf.Service) map[string]string {
	t := map[string]string{
		"hosts": strings.Join(places(s), ", "), "upstream": s.Upstream.Value, "protocol": s.Protocol.Value,
		"insecure_injection": "", "tls": "", "auth": "",
	}
	if s.InsecureInjection {
		t["insecure_injection"] = "true"
	}
	switch {
	case s.TLS.Disable:
		t["tls"] = "disable"
	default:
		t["tls"] = proof(&s.TLS)
	}
	if s.Auth != nil {
		var words []string
		for _, r := range s.Auth.ByRole {
			words = append(words, fmt.Sprintf("role %s: %s", r.Role, spell(r.Auth)))
		}
		if len(words) == 0 {
			s.Auth.Each(func(auth action.Auth, _ hcl.Range) { words = append(words, spell(auth)) })
		}
		slices.Sort(words)
		t["auth"] = strings.Join(words, "; ")
	}
	return t
}

// proof tells what the upstream must prove.
func proof(t *hclconf.TLS) string {
	var words []string
	if t.CA.Value != "" {
		words = append(words, fmt.Sprintf("ca of %d bytes, SHA-256 %s", len(t.CA.Value), digest(t.CA.Value)))
	}
	if t.ServerName != "" {
		words = append(words, fmt.Sprintf("server_name %q", t.ServerName))
	}
	if t.Negotiation.Value != "" {
		words = append(words, fmt.Sprintf("negotiation %q", t.Negotiation.Value))
	}
	return strings.Join(words, ", ")
}

// spell tells an account as it is written, in words that differ where accounts do.
func spell(a action.Auth) string {
	var args []string
	if a.Name != "" {
		args = append(args, strconv.Quote(a.Name))
	}
	for _, s := range a.Secrets {
		args = append(args, "secret."+s)
	}
	if a.Least != "" {
		args = append(args, strconv.Quote(a.Least))
	}
	switch {
	case a.Scheme == "basic" && a.Spec != "":
		args = append(args, strconv.Quote(a.Spec))
	case a.Spec != "":
		args = append(args, terse(a.Spec))
	}
	account := a.Scheme + "(" + strings.Join(args, ", ") + ")"
	if a.Placeholder != "" { // without it, agents need to show nothing for the secret
		return fmt.Sprintf("placeholder(%q, %s)", a.Placeholder, account)
	}
	return account
}

// terse is the rest of an account with the digest of an authority in its place.
func terse(spec string) string {
	var m map[string]any
	ca := ""
	if json.Unmarshal([]byte(spec), &m) == nil {
		ca, _ = m["ca"].(string)
	}
	if ca == "" {
		return spec
	}
	m["ca"] = fmt.Sprintf("%d bytes, SHA-256 %s", len(ca), digest(ca))
	b, err := json.Marshal(m)
	if err != nil {
		return spec
	}
	return string(b)
}

// digest stands for a text that is too long to tell. Whole, it differs where texts
// do.
func digest(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// brief is a term as people are told it, with the digest of the authority cut: it
// is only compared whole.
func brief(s *hclconf.Service, term string) string {
	if whole := digest(s.TLS.CA.Value); whole != "" {
		return strings.ReplaceAll(term, whole, whole[:8])
	}
	return term
}
