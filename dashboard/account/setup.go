package account

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"sallyport.dev/sallyport/dashboard/route"
)

// SetupFor is how long the link of the first run holds.
const SetupFor = time.Hour

// ErrNoSetup means that the link was used, is too old, or never was one.
var ErrNoSetup = errors.New("this link does not hold (any more); make an operator on the host: sallyport operator add NAME --right admin")

// An invite is the link of the first run. It is kept in memory only.
type invite struct {
	hash  string
	until time.Time
	used  bool
}

// A Link is how a link of the first run stands.
type Link string

// What a Link is. Whoever brings another token than the link's learns LinkUnknown only.
const (
	LinkGood    Link = "good"
	LinkUsed    Link = "used" // an operator is there, by it or in another way
	LinkExpired Link = "expired"
	LinkUnknown Link = "unknown" // mistyped, or printed by an earlier start
)

// Invite makes the token of the first run: whoever brings it first, while nobody
// else can log in, becomes the first operator. An earlier one ends.
func (b *Book) Invite() string {
	token := newToken()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.invite = invite{hash: fingerprint(token), until: b.now().Add(SetupFor)}
	return token
}

// Invited reports whether a link holds that nobody has used yet.
func (b *Book) Invited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.invited(b.invite.hash) == LinkGood
}

// Link tells how the link of a token stands.
func (b *Book) Link(token string) Link {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.invited(fingerprint(token))
}

// Accept makes the first operator, an admin, of whoever brings the token.
func (b *Book) Accept(ctx context.Context, token, name, password string) (Operator, error) {
	if err := CheckName(name); err != nil {
		return Operator{}, err
	}
	if b.Link(token) != LinkGood { // before anything costs something
		return Operator{}, ErrNoSetup
	}
	h, err := b.hash(ctx, password)
	if err != nil {
		return Operator{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.invited(fingerprint(token)) != LinkGood {
		return Operator{}, ErrNoSetup
	}
	o, err := b.add(ctx, record{Name: name, Rights: route.RightsOf(route.Admin), Created: b.now().UTC(), Hash: h})
	if err == nil {
		b.invite.used = true
	}
	return o, err
}

// invited tells how the link stands whose token has a hash. The caller holds mu.
func (b *Book) invited(hash string) Link {
	switch {
	case b.invite.hash == "" || subtle.ConstantTimeCompare([]byte(hash), []byte(b.invite.hash)) != 1:
		return LinkUnknown
	case b.invite.used || len(b.people) > 0:
		return LinkUsed
	case !b.now().Before(b.invite.until):
		return LinkExpired
	}
	return LinkGood
}
