package vault

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
)

const (
	mintTimeout = 20 * time.Second
	mintEarly   = time.Minute     // a token is made again before its last minute
	mintWait    = 5 * time.Second // between two tries that failed
)

// A Minter makes of the secrets of an account, which last, what goes out, which
// does not: a token.
type Minter interface {
	Mint(ctx context.Context, auth action.Auth, secrets []Secret) (Minted, error)
}

// A Minted is what a Minter made. The caller takes the secrets over.
type Minted struct {
	As    action.Auth // how Value goes out; of its fields Scheme, Name and Least count
	Value Secret
	Sent  []Secret  // what of it goes out, if that is not all of it
	Until time.Time // when it ends; zero: not by itself
	// Next is the value that a secret of the account has from now on, by its place
	// in auth.Secrets: a refresh token that is good for one use.
	Next map[int]Secret
}

// Mint tells the vault who makes credentials of which scheme. It is called before
// the first Credential.
func (v *Vault) Mint(minters map[string]Minter) { v.minters = minters }

// A mint makes and keeps the tokens of one account.
type mint struct {
	*line
	key     string // tells it from those of other accounts
	auth    action.Auth
	current atomic.Pointer[token]
	failed  error     // guarded by line.making, as are the next two
	turn    uint64    // of the secrets that it failed with
	again   time.Time // not before then, after a failure
	problem atomic.Pointer[problem]
}

// A token is one credential and its life.
type token struct {
	*Credential
	turn  uint64
	renew time.Time // zero: never
	until time.Time
}

func (t *token) fresh(turn uint64, now time.Time) bool {
	return t != nil && t.turn == turn && (t.renew.IsZero() || now.Before(t.renew))
}

// minted gives the credential of an account that a token is made for. It blocks
// while one is made, and for nothing else.
func (v *Vault) minted(ctx context.Context, m Minter, auth action.Auth) (*Credential, error) {
	now := v.current.Load()
	_, turn, err := now.values(auth)
	if err != nil {
		return nil, err
	}
	one := v.mintOf(auth)
	if t := one.current.Load(); t.fresh(turn, v.now()) {
		t.use(v.second.Load())
		return t.Credential, nil
	}
	select {
	case one.making <- struct{}{}:
		defer func() { <-one.making }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	// Whoever had the turn before may have been given another refresh token: what was
	// read above is worth nothing then, or worse.
	if _, turn, err = v.current.Load().values(auth); err != nil {
		return nil, err
	}
	t := one.current.Load()
	if !t.fresh(turn, v.now()) {
		if t, err = v.makeLocked(ctx, m, one); err != nil {
			return nil, err
		}
	}
	t.use(v.second.Load())
	return t.Credential, nil
}

// makeLocked makes a token, unless that failed a moment ago. While it cannot be
// made, the last one goes on as long as it lasts.
func (v *Vault) makeLocked(ctx context.Context, m Minter, one *mint) (*token, error) {
	defer v.tell(one)
	// Whoever waits may give up; what was begun is for all.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mintTimeout)
	defer cancel()
	v.keepLocked(ctx, one.line)
	values, turns, turn, err := v.inUseLocked(one)
	if err != nil {
		return nil, err
	}
	now := v.now()
	if one.failed == nil || !now.Before(one.again) || one.turn != turn {
		got, err := m.Mint(ctx, one.auth, values)
		if err == nil {
			return v.takeLocked(ctx, one, got, turns)
		}
		one.failed, one.again, one.turn = err, now.Add(mintWait), turn
	}
	if last := one.current.Load(); last != nil && last.turn == turn && now.Before(last.until) {
		return last, nil
	}
	return nil, fmt.Errorf("token of %s: %w", strings.Join(one.auth.Secrets, ", "), one.failed)
}

// takeLocked keeps a token that was made, and before that what its secrets are from
// now on: turns tells which values of them it was made of.
func (v *Vault) takeLocked(ctx context.Context, one *mint, got Minted, turns map[string]uint64) (*token, error) {
	now, auth := v.now(), one.auth
	for place, next := range got.Next {
		one.spent[auth.Secrets[place]] = successor{next, turns[auth.Secrets[place]]}
	}
	v.keepLocked(ctx, one.line)
	got.As.Secrets = []string{strings.Join(auth.Secrets, ",")}
	c, err := NewCredential(got.As, got.Value)
	if err != nil {
		return nil, fmt.Errorf("token of %s: %w", strings.Join(auth.Secrets, ", "), err)
	}
	_, turn, err := v.current.Load().values(auth)
	if err != nil {
		return nil, err
	}
	for i, sent := range append([]Secret{got.Value}, got.Sent...) {
		v.mu.Lock()
		v.turn++
		id := v.turn
		v.mu.Unlock()
		v.used.With(fmt.Sprint(one.key, " token ", i), id, sent.Reveal())
	}
	c.LookFor(&v.used)
	c.label, c.uses = v.current.Load().labels(auth)
	t := &token{Credential: c, turn: turn, until: got.Until}
	if !got.Until.IsZero() {
		t.renew = got.Until.Add(-min(mintEarly, got.Until.Sub(now)/4))
	} else {
		t.until = now.Add(100 * 365 * 24 * time.Hour)
	}
	one.failed = nil
	one.current.Store(t)
	return t, nil
}

// mintOf gives the mint of an account, whichever rules name it.
func (v *Vault) mintOf(auth action.Auth) *mint {
	key := strings.Join(append([]string{auth.Scheme, auth.Name, auth.Spec}, auth.Secrets...), "\x00")
	v.mintMu.Lock()
	defer v.mintMu.Unlock()
	one, ok := v.mints[key]
	if !ok {
		one = &mint{key: key, auth: auth, line: v.lineOf(auth.Secrets[len(auth.Secrets)-1])}
		v.mints[key] = one
	}
	return one
}
