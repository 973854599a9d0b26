package mint

import (
	"context"
	"encoding/json"
	"fmt"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/grant"
)

// oauth2 makes tokens by the client's own grant (RFC 6749, 4.4), or of what a person
// has given: a refresh token (6), or a token that lasts.
type oauth2 struct{ grants *grant.Client }

func (o *oauth2) Mint(ctx context.Context, auth action.Auth, secrets []vault.Secret) (vault.Minted, error) {
	var spec grant.Spec
	if err := json.Unmarshal([]byte(auth.Spec), &spec); err != nil {
		return vault.Minted{}, fmt.Errorf("account: %w", err)
	}
	place := len(secrets) - 1 // of the refresh token
	if !spec.Public && place == 0 {
		t, err := o.grants.Own(ctx, spec, string(secrets[0].Reveal()))
		return bearer(t), err
	}
	secret := ""
	if !spec.Public {
		secret = string(secrets[0].Reveal())
	}
	g, err := grant.Parse(secrets[place].Reveal())
	if err != nil {
		return vault.Minted{}, fmt.Errorf("secret %s: %w", auth.Secrets[place], err)
	}
	t, next, err := o.grants.Refresh(ctx, spec, secret, g)
	if err != nil {
		return vault.Minted{}, fmt.Errorf("secret %s: %w", auth.Secrets[place], err)
	}
	m := bearer(t)
	m.Sent = next.Parts()
	if next != g {
		value, err := next.Secret()
		if err != nil {
			return vault.Minted{}, err
		}
		m.Next = map[int]vault.Secret{place: value}
	}
	return m, nil
}

func bearer(t grant.Token) vault.Minted {
	return vault.Minted{As: action.Auth{Scheme: "bearer"}, Value: vault.NewSecret([]byte(t.Access)), Until: t.Until}
}
