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
}

// Invite makes the token of the first run: whoever brings it first, while nobody
// else can log in, becomes the first operator. An earlier one ends.
func (b *Book) Invite() string {
	token := newToken()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.invite = invite{fingerprint(token), b.now().Add(SetupFor)}
	return token
}

// Invited reports whether a link holds that nobody has used yet.
func (b *Book) Invited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.invite.hash != "" && b.now().Before(b.invite.until) && len(b.people) == 0
}

// Accept makes the first operator, an admin, of whoever brings the token.
func (b *Book) Accept(ctx context.Context, token, name, password string) (Operator, error) {
	if err := CheckName(name); err != nil {
		return Operator{}, err
	}
	if !b.invited(token) { // before anything costs something
		return Operator{}, ErrNoSetup
	}
	h, err := b.hash(ctx, password)
	if err != nil {
		return Operator{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.holds(token) {
		return Operator{}, ErrNoSetup
	}
	o, err := b.add(ctx, record{Name: name, Rights: route.RightsOf(route.Admin), Created: b.now().UTC(), Hash: h})
	if err == nil {
		b.invite = invite{}
	}
	return o, err
}

func (b *Book) invited(token string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.holds(token)
}

// holds reports whether the token is the link's. The caller holds mu.
func (b *Book) holds(token string) bool {
	return b.invite.hash != "" && b.now().Before(b.invite.until) && len(b.people) == 0 &&
		subtle.ConstantTimeCompare([]byte(fingerprint(token)), []byte(b.invite.hash)) == 1
}
