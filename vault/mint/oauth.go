package mint

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"
)

// OAuth is the Spec of an oauth2 account. Of its secrets the first is the client's,
// the second, if there is one, a refresh token.
type OAuth struct {
	TokenURL string   `json:"token_url"`
	ClientID string   `json:"client_id"`
	Scopes   []string `json:"scopes,omitempty"`
	Audience string   `json:"audience,omitempty"`
	InBody   bool     `json:"in_body,omitempty"` // the client proves itself in the form, not by Basic
	Public   bool     `json:"public,omitempty"`  // the client has no secret: the only one is a refresh token
}

// oauth2 makes tokens by the client's own grant (RFC 6749, 4.4), or by a refresh
// token (6).
type oauth2 struct{ asker }

func (o *oauth2) Mint(ctx context.Context, auth action.Auth, secrets []vault.Secret) (vault.Minted, error) {
	var spec OAuth
	if err := json.Unmarshal([]byte(auth.Spec), &spec); err != nil {
		return vault.Minted{}, fmt.Errorf("account: %w", err)
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(spec.Scopes) > 0 {
		form.Set("scope", strings.Join(spec.Scopes, " "))
	}
	if spec.Audience != "" {
		form.Set("audience", spec.Audience)
	}
	place := len(secrets) - 1 // of the refresh token
	refresh := spec.Public || len(secrets) == 2
	if refresh {
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", string(secrets[place].Reveal()))
	}
	var basic *url.Userinfo
	switch {
	case spec.Public:
		form.Set("client_id", spec.ClientID)
	case spec.InBody:
		form.Set("client_id", spec.ClientID)
		form.Set("client_secret", string(secrets[0].Reveal()))
	default:
		basic = url.UserPassword(spec.ClientID, string(secrets[0].Reveal()))
	}
	g, err := o.token(ctx, spec.TokenURL, form, basic)
	if err != nil {
		return vault.Minted{}, err
	}
	m := vault.Minted{As: action.Auth{Scheme: "bearer"}, Value: vault.NewSecret([]byte(g.AccessToken)), Until: g.until(o.now())}
	if refresh && g.RefreshToken != "" && g.RefreshToken != string(secrets[place].Reveal()) {
		m.Next = map[int]vault.Secret{place: vault.NewSecret([]byte(g.RefreshToken))}
	}
	return m, nil
}
