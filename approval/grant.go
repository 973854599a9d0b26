package approval

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
)

var errNotAlike = fmt.Errorf("%w: it cannot be told what would be similar to this; give a yes for once, or for exactly this", ErrScope)

// grant makes of an approved request what its voters agree on: the narrowest of
// their scopes.
func (d *Desk) grant(r *Request, k *ask) error {
	var s Scope
	first := true
	for _, v := range r.Votes {
		if !v.Yes {
			continue
		}
		if first {
			s, first = v.Scope, false
			continue
		}
		s = s.Narrow(v.Scope)
	}
	if !s.Lasts() {
		return nil
	}
	if s.Kind == Similar && k.similar == "" {
		return errNotAlike
	}
	// The action that asked is the first use.
	r.Grant = &Grant{Kind: s.Kind, Until: r.Answered.Add(s.For), Left: max(s.Times-1, 0), Counted: s.Times > 0}
	return nil
}

// bound is what the grant of k is found by.
func (k *ask) bound() string {
	if k.req.Grant != nil && k.req.Grant.Kind == Exact {
		return k.exact
	}
	return k.similar
}

// useGrant takes one use of a yes for longer.
func (d *Desk) useGrant(q *question, bound string) (_ action.Decision, ok bool) {
	if bound == "" {
		return action.Decision{}, false
	}
	d.mu.Lock()
	list := slices.Clone(d.granted[bound])
	d.mu.Unlock()
	for _, k := range list {
		if id, by, ok := d.spend(k); ok {
			return q.allowed(id, by), true
		}
	}
	return action.Decision{}, false
}

// spend takes one use of k's grant; one that is counted is written down first.
func (d *Desk) spend(k *ask) (id, by string, ok bool) {
	k.step.Lock()
	defer k.step.Unlock()
	next := d.requestOf(k)
	if !next.Grant.Live(d.Now()) || !d.standing(&next, k) {
		return "", "", false
	}
	if next.Grant.Counted {
		g := *next.Grant
		g.Left--
		next.Grant = &g
		if err := d.keep(k, next); err != nil {
			d.Log.Error("the use of a grant cannot be kept", "id", next.ID, "err", err)
			return "", "", false
		}
		d.apply(k, next)
	}
	return next.ID, fmt.Sprintf("Approved by %s, until %s.", next.By, next.Grant.Until.UTC().Format(time.RFC3339)), true
}

// Grants lists the yeses for longer that are in force, the next to end first.
func (d *Desk) Grants() []Request {
	now := d.Now()
	d.mu.Lock()
	var list []Request
	for _, ks := range d.granted {
		for _, k := range ks {
			if k.req.Grant.Live(now) {
				list = append(list, k.view())
			}
		}
	}
	d.mu.Unlock()
	slices.SortFunc(list, func(a, b Request) int {
		return cmp.Or(a.Grant.Until.Compare(b.Grant.Until), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Revoke ends a yes for longer. Whoever may have given it may end it, and the
// host's admin.sock.
func (d *Desk) Revoke(id string, who action.Person) (Request, error) {
	k := d.ask(id)
	if k == nil {
		return Request{}, fmt.Errorf("grant %s: %w", id, ErrUnknown)
	}
	k.step.Lock()
	defer k.step.Unlock()
	next := d.requestOf(k)
	if !next.Grant.Live(d.Now()) {
		return Request{}, fmt.Errorf("grant %s: %w", id, ErrUnknown)
	}
	if _, err := d.may(&next, k, who); err != nil {
		return Request{}, fmt.Errorf("grant %s: %w", id, err)
	}
	g := *next.Grant
	g.Revoked = who.Name
	next.Grant = &g
	if err := d.keep(k, next); err != nil {
		return Request{}, fmt.Errorf("grant %s: it cannot be revoked: %w", id, err)
	}
	d.apply(k, next)
	d.Log.Info("approval revoked", "id", id, "by", who.Name, "via", who.Via)
	return d.requestOf(k), nil
}
