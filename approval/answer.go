package approval

import (
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/panel"
	"sallyport.dev/sallyport/approval/request"
)

// HostDoor is the Via of a person who came by the host's own admin.sock.
const HostDoor = "admin.sock"

// maxNote bounds what a person may say to an answer, in bytes.
const maxNote = 2 << 10

// Answer takes one person's answer to a waiting ask. A no of anybody who may
// answer denies; a yes counts for every approver the person belongs to, and when
// each has as many as it requires, the action may run. Over the host's admin.sock
// an answer of somebody who was not asked, or who says it again, settles the ask
// and is marked as that.
func (d *Desk) Answer(id string, yes bool, who action.Person, note string, scope Scope) (Request, error) {
	if err := scope.Check(); err != nil {
		return Request{}, err
	}
	if len(note) > maxNote {
		return Request{}, fmt.Errorf("%w: a note of %d bytes; %d are kept", ErrScope, len(note), maxNote)
	}
	k := d.ask(id)
	if k == nil {
		return Request{}, fmt.Errorf("approval %s: %w", id, ErrUnknown)
	}
	k.step.Lock()
	defer k.step.Unlock()
	next := d.requestOf(k)
	if next.State == Pending && !d.Now().Before(next.Expires) {
		next = d.close(k, TimedOut)
	}
	if next.State != Pending {
		return Request{}, fmt.Errorf("approval %s: %w: %s", id, ErrAnswered, next.State)
	}
	if err := d.vote(&next, k, Vote{Person: who, Yes: yes, Note: note, Time: d.Now(), Scope: scope}); err != nil {
		return Request{}, fmt.Errorf("approval %s: %w", id, err)
	}
	if err := d.keep(k, next); err != nil {
		return Request{}, fmt.Errorf("approval %s: the answer cannot be kept: %w", id, err)
	}
	d.apply(k, next)
	d.Log.Info("approval answered", "id", id, "state", string(next.State), "by", who.Name, "via", who.Via, "break_glass", next.BreakGlass)
	kind := Voted
	if next.State != Pending {
		kind = Answered
	}
	d.tell(kind, k)
	return d.requestOf(k), nil
}

// vote adds v to r, and settles it where that is enough.
func (d *Desk) vote(r *Request, k *ask, v Vote) error {
	counts, err := d.may(r, k, v.Person)
	if err != nil {
		return err
	}
	if r.StepUp = r.StepUp || d.grave(k); r.StepUp && v.Yes && !slices.Contains([]string{HostDoor, "tailnet", "oidc", "local"}, v.Person.Via) {
		return ErrStepUp
	}
	before := len(r.Votes)
	r.Votes = slices.DeleteFunc(slices.Clone(r.Votes), func(o Vote) bool {
		return same(o.Person, v.Person)
	})
	insists := len(r.Votes) < before || !counts
	r.Votes = append(r.Votes, v)
	r.Needs = d.count(r, k)
	switch {
	case !v.Yes:
		r.State, r.By, r.Note, r.BreakGlass = Denied, v.Person.Name, v.Note, !counts
	case request.Enough(r.Needs):
		r.State, r.Note = Approved, v.Note
		r.By = r.Voters()
	case v.Person.Via == HostDoor && insists:
		if v.Scope.Lasts() {
			return fmt.Errorf("%w: who breaks the glass says yes for once", ErrScope)
		}
		r.State, r.By, r.Note, r.BreakGlass = Approved, v.Person.Name, v.Note, true
	}
	if r.State != Pending {
		r.Answered = v.Time
	}
	if r.State == Approved {
		return d.grant(r, k)
	}
	if v.Yes && v.Scope.Kind == Similar && k.similar == "" {
		return errNotAlike
	}
	return nil
}

// may reports whether somebody may answer r, and whether as one of those who were
// asked.
func (d *Desk) may(r *Request, k *ask, who action.Person) (counts bool, err error) {
	if who.Name == "" {
		return false, fmt.Errorf("%w: nobody has said who they are", ErrNotYours)
	}
	if r.Own(who) {
		return false, fmt.Errorf("%w: nobody answers for an agent of their own", ErrNotYours)
	}
	for _, name := range panel.Names(k.asks) {
		if d.member(name, who) {
			return true, nil
		}
	}
	if who.Via == HostDoor {
		return false, nil
	}
	return false, ErrNotYours
}

// MayAnswer reports whether who may answer the ask as one of those who were asked.
func (d *Desk) MayAnswer(r Request, who action.Person) bool {
	k := d.ask(r.ID)
	if k == nil {
		return false
	}
	counts, err := d.may(&r, k, who)
	return counts && err == nil
}

// grave reports whether a yes takes a fresh proof of who gives it.
func (d *Desk) grave(k *ask) bool {
	return slices.ContainsFunc(panel.Names(k.asks), func(name string) bool {
		a, _ := d.approver(name)
		return a.StepUp
	})
}

// harms reports whether an action may destroy something or change who may do what, as
// what nothing classifies may: a yes to that takes a fresh proof, whatever the
// approver wants else. The service's operations know that better than its protocol.
func harms(a *action.Action, dec action.Decision) bool {
	does := dec.Effects
	for _, p := range a.Parts {
		if dec.Effects == 0 {
			does |= p.Effects
		}
	}
	return does&(action.EffectDestructive|action.EffectAdmin|action.EffectUnknown) != 0
}

// member reports whether a person belongs to an approver as it is declared now.
func (d *Desk) member(name string, who action.Person) bool {
	if name == "" {
		if d.Operator == nil {
			return who.Via == HostDoor
		}
		return d.Operator(who)
	}
	a, ok := d.approver(name)
	return ok && slices.ContainsFunc(a.Members, who.Is)
}

func (d *Desk) approver(name string) (Approver, bool) {
	if d.Approver == nil || name == "" {
		return Approver{}, false
	}
	return d.Approver(name)
}

// count tells each approver's yeses. A person is one person, whatever door they
// came by.
func (d *Desk) count(r *Request, k *ask) []Need {
	var needs []Need
	for _, name := range panel.Names(k.asks) {
		n := Need{Approver: name, Require: 1}
		if a, ok := d.approver(name); ok {
			n.Require = max(a.Require, 1)
		}
		for _, v := range r.Votes {
			if v.Yes && !r.Own(v.Person) && d.member(name, v.Person) {
				n.Have = append(n.Have, v.Person.Name)
			}
		}
		needs = append(needs, n)
	}
	return needs
}

// standing reports whether an approved request would be approved by those who may
// answer now.
func (d *Desk) standing(r *Request, k *ask) bool {
	return r.BreakGlass || request.Enough(d.count(r, k))
}

func same(a, b action.Person) bool { return strings.EqualFold(a.Name, b.Name) }
