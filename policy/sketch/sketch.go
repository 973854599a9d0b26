// Package sketch drafts the edit that would answer an ask for good: the rule that lets
// the likes of an action pass and the exceptions in those that ask, or the service
// that an agent proposes. It changes nothing, and nothing that an agent chose becomes
// more than a value in it.
package sketch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/edit/block"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/suggest"
)

// A Source is the configuration, as its editor has it.
type Source interface {
	// Text gives it as it stands in its files.
	Text(context.Context) (action.SourceText, error)
	// Draft gives the rules as a draft would have them.
	Draft(ctx context.Context, d action.Draft) (*policy.Policy, error)
}

// A Sketcher drafts for one configuration.
type Sketcher struct {
	Source Source
	Rules  func() *policy.Policy // in force
	Tables []action.FactTable
}

// Rule drafts what would let the likes of an action pass, which was asked about at a
// time. Where that cannot be said the sketch has no edits, and notes that say why.
func (s *Sketcher) Rule(ctx context.Context, a *action.Action, at time.Time) (action.Sketch, error) {
	var out action.Sketch
	p := s.Rules()
	e := p.ReplayExplain(a, at)
	if e.Service == "" || e.Refused != "" {
		out.Note("The rules refuse it now before anybody is asked: " + e.Refused)
		return out, nil
	}
	text, err := s.Source.Text(ctx)
	if err != nil {
		return out, err
	}
	own := p.At(a, e.Service)
	roles := slices.DeleteFunc(p.UsersOf(e.Service), func(r string) bool { return !slices.Contains(e.Roles, r) })
	asking := asking(e)
	likes, why := suggest.NewLooker(s.Tables, p).Alike(suggest.Seen{Action: own, Parts: e.Parts, Roles: roles, Known: true, Passed: true}, asking)
	if likes == nil {
		out.Note("No rule can be drafted for it: " + why + ".")
		return out, nil
	}
	for _, name := range asking {
		s.except(&out, p, text, name, e.Service, likes)
	}
	subject := strings.Join(roles, " and ")
	for _, r := range likes.Rules(&suggest.Collector{Subject: subject, Users: p.UsersOf, Taken: func(name string) bool { return taken(text, "rule", name) }}) {
		if err := add(&out, "rule", r.Name, r.Block()); err != nil {
			return out, err
		}
		if len(r.Effects) > 0 {
			out.Note("It allows what is " + strings.Join(r.Effects, " and ") + ": look twice.")
		}
	}
	return s.tried(ctx, out, a, at), nil
}

// oneLine puts what does not load, an error a line, into one sentence.
func oneLine(err error) string {
	what, list, several := strings.Cut(err.Error(), "\n")
	if !several {
		return what
	}
	return what + ": " + strings.ReplaceAll(list, "\n", "; ")
}

// tried says what the rules would come to.
func (s *Sketcher) tried(ctx context.Context, out action.Sketch, a *action.Action, at time.Time) action.Sketch {
	if len(out.Draft.Edits) == 0 {
		return out
	}
	with, err := s.Source.Draft(ctx, out.Draft)
	if err != nil {
		out.Note("As it stands it would not be taken: " + oneLine(err))
		return out
	}
	d, known := with.Replay(a, at)
	switch out.Verdict = d.Verdict.String(); {
	case !known:
		out.Verdict = ""
		out.Note("Whether the likes of it pass then cannot be told from what is kept of it.")
	case d.Verdict == action.Deny:
		out.Note("The rules would still refuse it: " + d.Reason)
	case d.Verdict == action.Ask:
		out.Note("The rules would still ask about it. What asks must be changed by hand.")
	}
	return out
}

// asking names the rules that ask about any part of an action.
func asking(e policy.Explanation) []string {
	var names []string
	for i := range e.Parts {
		for _, r := range e.Parts[i].Rules {
			if r.Outcome == "asks" && !slices.Contains(names, r.Rule) {
				names = append(names, r.Rule)
			}
		}
	}
	return names
}

// except drafts the exception that a rule which asks makes.
func (s *Sketcher) except(out *action.Sketch, p *policy.Policy, text action.SourceText, name, service string, likes *suggest.Likes) {
	by := func(why string) {
		out.Note(fmt.Sprintf("Rule %q asks about it, and %s: make the exception there by hand.", name, why))
	}
	conf := p.Config()
	i := slices.IndexFunc(conf.Rules, func(r *hclconf.Rule) bool { return r.Name == name })
	j := slices.IndexFunc(text.Blocks, func(b action.Declared) bool { return b.Kind == "rule" && b.Name == name })
	if i < 0 || j < 0 {
		by("does not stand in the configuration as a rule")
		return
	}
	r := conf.Rules[i]
	condition := likes.Condition(p.UsersOf(service), len(r.On.Items))
	switch {
	case r.Otherwise.Value != "":
		by("does so where its own conditions do not hold")
	case !sameProtocol(p, r, service):
		by("it speaks of services of several protocols, so that a condition on one would end it for the others")
	case condition == "":
		by("what is alike cannot be said in a condition")
	default:
		hcl, err := block.Unless(text.Blocks[j].HCL, condition)
		if err != nil {
			by(err.Error())
			return
		}
		out.Draft.Edits = append(out.Draft.Edits, action.Edit{Op: "replace", Kind: "rule", Name: name, HCL: string(hcl)})
		out.HCL += string(hcl) + "\n"
		out.Note(fmt.Sprintf("Rule %q asks about it today; it makes an exception then, for every agent that the condition means.", name))
	}
}

// sameProtocol reports whether every service that a rule names speaks the protocol of
// one: a rule with facts of a protocol is silent about all others.
func sameProtocol(p *policy.Policy, r *hclconf.Rule, service string) bool {
	protocols := map[string]string{}
	for _, s := range p.Services() {
		protocols[s.Name] = s.Protocol
	}
	return !r.On.All && !slices.ContainsFunc(r.On.Items, func(ref hclconf.Ref) bool { return protocols[ref.Name] != protocols[service] })
}

func taken(text action.SourceText, kind, name string) bool {
	return slices.ContainsFunc(text.Blocks, func(b action.Declared) bool { return b.Kind == kind && b.Name == name })
}

// add drafts a new block.
func add(out *action.Sketch, kind, name string, b *action.Block) error {
	hcl, err := block.Write(kind, name, b)
	if err != nil {
		return fmt.Errorf("draft a %s: %w", kind, err)
	}
	out.Draft.Edits = append(out.Draft.Edits, action.Edit{Op: "add", Kind: kind, Name: name, Block: b})
	out.HCL += string(hcl) + "\n"
	return nil
}
