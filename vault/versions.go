package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"sallyport.dev/sallyport/vault/expiry"
	"sallyport.dev/sallyport/vault/seal"
)

// keptVersions is how many versions before the current one can be gone back to.
const keptVersions = 4

// ErrNoOlder means that there is no version to go back to.
var ErrNoOlder = errors.New("there is no older version")

// saveLocked seals value as the next version of name and keeps the last ones.
func (v *Vault) saveLocked(ctx context.Context, name string, value []byte, by string) (seal.Sealed, error) {
	was, had := v.sealed[name]
	s, err := seal.Seal(v.key, seal.Sealed{Name: name, Version: was.Version + 1, Created: v.now(), By: by}, value)
	if err != nil {
		return seal.Sealed{}, fmt.Errorf("seal %q: %w", name, err)
	}
	if had && !internal(name) {
		s.Older = append(slices.Clone(was.Older), was.Alone())
		s.Older = s.Older[max(0, len(s.Older)-keptVersions):]
	}
	if err := v.backend.SaveSealed(ctx, s); err != nil {
		return seal.Sealed{}, fmt.Errorf("save secret %q: %w", name, err)
	}
	v.sealed[name] = s
	return s, nil
}

// open gives the value of s.
func (v *Vault) open(s seal.Sealed) (Secret, error) {
	value, err := s.Open(v.key)
	if err != nil {
		return Secret{}, err
	}
	return NewSecret(value), nil
}

func (v *Vault) openLocked(s seal.Sealed) {
	v.turn++
	e := entry{turn: v.turn, label: fmt.Sprintf("%s@%d", s.Name, s.Version), used: new(atomic.Int64), info: Info{
		Name: s.Name, Version: s.Version, Created: s.Created, By: s.By, Source: "sealed",
	}}
	for _, o := range s.Older {
		e.info.Older = append(e.info.Older, o.Version)
	}
	if was, ok := v.opened[s.Name]; ok {
		e.used = was.used
	}
	if e.value, e.err = v.open(s); e.err != nil {
		e.info.Problem = e.err.Error()
	} else {
		e.info.Expires = expiry.Of(e.value.Reveal())
	}
	v.opened[s.Name] = e
}

// Rollback makes the value before the current one the next version of name.
func (v *Vault) Rollback(ctx context.Context, name, by string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.sealed[name]
	switch {
	case CheckName(name) != nil:
		return CheckName(name)
	case !ok:
		return fmt.Errorf("secret %q: %w", name, ErrNotFound)
	case len(s.Older) == 0:
		return fmt.Errorf("secret %q: %w", name, ErrNoOlder)
	}
	value, err := v.open(s.Older[len(s.Older)-1])
	if err != nil {
		return err
	}
	return v.putLocked(ctx, name, value, by)
}

// Rotate seals everything with another key. Nothing that is in use notices; the
// caller gives the old key up when Rotate has returned.
func (v *Vault) Rotate(ctx context.Context, key seal.Key) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make([]seal.Sealed, 0, len(v.sealed))
	for _, s := range v.sealed {
		all = append(all, s)
	}
	all, err := rewrapAll(ctx, v.backend, all, key, []seal.Key{v.key})
	if err != nil {
		return fmt.Errorf("rotate the key of the vault: %w", err)
	}
	for _, s := range all {
		v.sealed[s.Name] = s
	}
	v.key = key
	return nil
}

// rewrapAll gives everything sealed with key; what was sealed with one of the old
// ones is kept so, in one step. What no key opens stays as it is.
func rewrapAll(ctx context.Context, backend Backend, all []seal.Sealed, key seal.Key, old []seal.Key) ([]seal.Sealed, error) {
	out := slices.Clone(all)
	var changed []seal.Sealed
	for i, s := range all {
		from := slices.IndexFunc(old, func(k seal.Key) bool { return k.ID() == s.KeyID })
		if s.KeyID == key.ID() || from < 0 {
			continue
		}
		again, err := s.Rewrap(old[from], key)
		if err != nil {
			return nil, err
		}
		out[i], changed = again, append(changed, again)
	}
	if len(changed) == 0 {
		return out, nil
	}
	if err := backend.SaveSealed(ctx, changed...); err != nil {
		return nil, fmt.Errorf("save %d secrets: %w", len(changed), err)
	}
	return out, nil
}
