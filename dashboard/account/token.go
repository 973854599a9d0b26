package account

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
)

// tokenPrefix begins every API token, so that scanners for leaked ones find it.
const tokenPrefix = "sallyport_"

// A Token is an API token without what proves it. It acts for its owner.
type Token struct {
	ID      string        `json:"id"`
	Name    string        `json:"name"`
	Owner   action.Person `json:"owner"`
	Scope   route.Rights  `json:"scope"`
	Created time.Time     `json:"created"`
	Expires time.Time     `json:"expires"`
}

// apiKey is a token as it is stored.
type apiKey struct {
	Token
	Hash string `json:"hash"`
}

// Issue makes a token for what is in scope, and gives its secret form, which is
// not kept.
func (b *Book) Issue(ctx context.Context, owner action.Person, name string, scope route.Rights, life time.Duration) (Token, string, error) {
	if err := CheckName(name); err != nil {
		return Token{}, "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now().UTC()
	for id, t := range b.tokens {
		switch {
		case !now.Before(t.Expires):
			if err := b.revoke(ctx, id); err != nil {
				return Token{}, "", err
			}
		case t.Name == name:
			return Token{}, "", fmt.Errorf("token %s: %w", name, ErrExists)
		}
	}
	secret := newToken()
	id := fingerprint(secret + "id")[:12]
	k := apiKey{
		Token: Token{ID: id, Name: name, Owner: owner, Scope: scope, Created: now, Expires: now.Add(life)},
		Hash:  fingerprint(secret),
	}
	if err := b.put(ctx, bucketTokens, id, k); err != nil {
		return Token{}, "", err
	}
	b.tokens[id] = k
	return k.Token, tokenPrefix + id + "_" + secret, nil
}

// Token gives the token whose secret form this is.
func (b *Book) Token(secret string) (Token, bool) {
	rest, ok := strings.CutPrefix(secret, tokenPrefix)
	id, value, cut := strings.Cut(rest, "_")
	b.mu.Lock()
	k, known := b.tokens[id]
	b.mu.Unlock()
	if !ok || !cut || !known || !b.now().Before(k.Expires) {
		return Token{}, false
	}
	want, err := hex.DecodeString(k.Hash)
	got, err2 := hex.DecodeString(fingerprint(value))
	if err != nil || err2 != nil || subtle.ConstantTimeCompare(got, want) != 1 {
		return Token{}, false
	}
	return k.Token, true
}

// Tokens lists the tokens that hold, by name.
func (b *Book) Tokens() []Token {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []Token{}
	for _, k := range b.tokens {
		if b.now().Before(k.Expires) {
			list = append(list, k.Token)
		}
	}
	slices.SortFunc(list, func(x, y Token) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

// Revoke ends a token, by its id or name.
func (b *Book) Revoke(ctx context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, k := range b.tokens {
		if id == name || k.Name == name {
			return b.revoke(ctx, id)
		}
	}
	return fmt.Errorf("token %s: %w", name, ErrUnknown)
}

// revoke forgets a token. The caller holds mu.
func (b *Book) revoke(ctx context.Context, id string) error {
	delete(b.tokens, id) // it must be over even if the store fails
	return b.store.Delete(ctx, bucketTokens, id)
}

// revokeAll ends the tokens of an operator.
func (b *Book) revokeAll(ctx context.Context, owner string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for id, k := range b.tokens {
		if k.Owner.Name == owner && k.Owner.Via != "admin.sock" {
			errs = append(errs, b.revoke(ctx, id))
		}
	}
	return errors.Join(errs...)
}
