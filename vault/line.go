package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A line is what the accounts that end with the same secret share: no two of them may
// hand in one refresh token at once.
type line struct {
	last   string               // name of the secret
	making chan struct{}        // has room for the one who makes the next token, and guards the rest
	spent  map[string]successor // by secret: what could not be written where it came from yet
	unkept error                // why not
}

// A successor is the value that a secret has from now on.
type successor struct {
	value Secret
	of    uint64 // the turn of the value before it
}

// lineOf gives the line of a secret; the caller holds mintMu.
func (v *Vault) lineOf(last string) *line {
	for _, one := range v.mints {
		if one.last == last {
			return one.line
		}
	}
	return &line{last: last, making: make(chan struct{}, 1), spent: map[string]successor{}}
}

// inUseLocked gives the secrets of an account as they are good now, and what tells
// them from what they were and will be: of each, and of all.
func (v *Vault) inUseLocked(one *mint) (values []Secret, turns map[string]uint64, turn uint64, err error) {
	now := v.current.Load()
	if values, turn, err = now.values(one.auth); err != nil {
		return nil, nil, 0, err
	}
	turns = map[string]uint64{}
	for i, name := range one.auth.Secrets {
		turns[name] = now.entries[name].turn
		if next, ok := one.spent[name]; ok && next.of == turns[name] {
			values[i] = next.value
		}
	}
	return values, turns, turn, nil
}

var errSet = errors.New("somebody has set it meanwhile")

// keepLocked gives secrets their next values, before what was made with them is used.
// What cannot be written where it came from is kept for the life of the process, and
// tried again. Tokens of the line that were good stay so: only what makes the next one
// has changed.
func (v *Vault) keepLocked(ctx context.Context, l *line) {
	l.unkept = nil
	if len(l.spent) == 0 {
		return
	}
	var good []*mint
	for _, one := range v.mintsOf(l) {
		_, turn, err := v.current.Load().values(one.auth)
		if t := one.current.Load(); err == nil && t != nil && t.turn == turn {
			good = append(good, one)
		}
	}
	for name, next := range l.spent {
		err := v.succeed(ctx, name, next)
		if err != nil && !errors.Is(err, errSet) {
			l.unkept = err
			continue
		}
		delete(l.spent, name)
		if err != nil {
			return // what it is now makes other tokens
		}
	}
	for _, one := range good {
		again := *one.current.Load()
		if _, turn, err := v.current.Load().values(one.auth); err == nil {
			again.turn = turn
			one.current.Store(&again)
		}
	}
}

// mintsOf lists the mints of a line; nil is every line.
func (v *Vault) mintsOf(l *line) []*mint {
	v.mintMu.Lock()
	defer v.mintMu.Unlock()
	var all []*mint
	for _, one := range v.mints {
		if l == nil || one.line == l {
			all = append(all, one)
		}
	}
	return all
}

// succeed gives a secret its next value, unless it is not the one any more that the
// next one follows.
func (v *Vault) succeed(ctx context.Context, name string, next successor) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	now, ok := v.current.Load().entries[name]
	if !ok || now.turn != next.of {
		return errSet
	}
	if src, ok := v.declared[name]; ok {
		return fmt.Errorf("it is read from %s, where the gateway writes nothing", src.Source)
	}
	return v.putLocked(ctx, name, NewSecret(slices.Clone(next.value.Reveal())), "oauth2")
}

// settle tries to write what could not be written.
func (v *Vault) settle(ctx context.Context) {
	for _, one := range v.mintsOf(nil) {
		select {
		case one.making <- struct{}{}:
			v.keepLocked(ctx, one.line)
			v.tell(one)
			<-one.making
		default: // whoever makes a token does it
		}
	}
}

// A problem is what operators should know of the last try.
type problem struct {
	text string
	turn uint64 // of the secrets that it was tried with
}

// tell says it; its caller has the turn.
func (v *Vault) tell(one *mint) {
	p := &problem{}
	switch {
	case one.failed != nil:
		p.text = "no token can be made: " + one.failed.Error()
	case one.unkept != nil:
		p.text = "its next value is in memory only, and lost when the gateway ends: " + one.unkept.Error()
	}
	if _, turn, err := v.current.Load().values(one.auth); err == nil {
		p.turn = turn
	}
	if one.problem.Store(p); p.text != "" {
		return
	}
	for _, other := range v.mintsOf(one.line) { // as the configuration may have had it before
		other.problem.Store(p)
	}
}

// troubles says by secret why accounts have no token, or may lose the next. What was
// tried with other values than they have now is no trouble any more.
func (v *Vault) troubles() map[string]string {
	found := map[string]string{}
	for _, one := range v.mintsOf(nil) {
		p := one.problem.Load()
		if p == nil || p.text == "" {
			continue
		}
		if _, turn, err := v.current.Load().values(one.auth); err == nil && turn == p.turn {
			found[one.last] = p.text
		}
	}
	return found
}
