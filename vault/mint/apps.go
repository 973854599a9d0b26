package mint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/grant"
)

// GitHubApp is the Spec of a github_app account, whose secret is the app's private
// key.
type GitHubApp struct {
	AppID        string `json:"app_id"`
	Installation string `json:"installation"`
	API          string `json:"api,omitempty"` // "": https://api.github.com
	CA           string `json:"ca,omitempty"`  // what it proves itself by; "": the host's roots
}

// githubApp makes tokens of an installation of a GitHub App
// (docs.github.com/en/rest/apps/apps, "Create an installation access token"). They
// go out as GitHub's preset sends tokens: by Basic, which git takes too.
type githubApp struct{ asker }

func (g *githubApp) Mint(ctx context.Context, auth action.Auth, secrets []vault.Secret) (vault.Minted, error) {
	var spec GitHubApp
	if err := json.Unmarshal([]byte(auth.Spec), &spec); err != nil {
		return vault.Minted{}, fmt.Errorf("account: %w", err)
	}
	key, err := rsaKey(secrets[0].Reveal())
	if err != nil {
		return vault.Minted{}, fmt.Errorf("secret %s: %w", auth.Secrets[0], err)
	}
	now := g.now()
	jwt, err := signed(key, "", map[string]any{
		"iss": spec.AppID, "iat": now.Add(-time.Minute).Unix(), "exp": now.Add(9 * time.Minute).Unix(),
	})
	if err != nil {
		return vault.Minted{}, err
	}
	api := spec.API
	if api == "" {
		api = "https://api.github.com"
	}
	at := strings.TrimSuffix(api, "/") + "/app/installations/" + url.PathEscape(spec.Installation) + "/access_tokens"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(nil))
	if err != nil {
		return vault.Minted{}, err
	}
	req.Header.Set("Authorization", "Bearer "+jwt)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	req.Header.Set("User-Agent", "sallyport")
	var got struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := g.send(req, spec.CA, http.StatusCreated, &got); err != nil {
		return vault.Minted{}, err
	}
	if got.Token == "" {
		return vault.Minted{}, errors.New("GitHub gives no token")
	}
	return vault.Minted{As: action.Auth{Scheme: "basic", Name: "x-access-token"}, Value: vault.NewSecret([]byte(got.Token)), Until: got.ExpiresAt}, nil
}

// Google is the Spec of a gcp_service_account account, whose secret is the key file
// that Google gives.
type Google struct {
	Scopes []string `json:"scopes"`
	CA     string   `json:"ca,omitempty"` // what the token endpoint proves itself by; "": the host's roots
}

// google makes tokens of a service account (RFC 7523;
// developers.google.com/identity/protocols/oauth2/service-account).
type google struct {
	asker
	grants *grant.Client
}

// maxAssertion is how long Google takes an assertion.
const maxAssertion = time.Hour

func (g *google) Mint(ctx context.Context, auth action.Auth, secrets []vault.Secret) (vault.Minted, error) {
	var spec Google
	if err := json.Unmarshal([]byte(auth.Spec), &spec); err != nil {
		return vault.Minted{}, fmt.Errorf("account: %w", err)
	}
	file, err := readKeyFile(secrets[0].Reveal())
	if err != nil {
		return vault.Minted{}, fmt.Errorf("secret %s: %w", auth.Secrets[0], err)
	}
	key, err := rsaKey([]byte(file.Key))
	if err != nil {
		return vault.Minted{}, fmt.Errorf("secret %s: private_key: %w", auth.Secrets[0], err)
	}
	now := g.now()
	jwt, err := signed(key, file.KeyID, map[string]any{
		"iss": file.Email, "scope": strings.Join(spec.Scopes, " "), "aud": file.TokenURI,
		"iat": now.Unix(), "exp": now.Add(maxAssertion).Unix(),
	})
	if err != nil {
		return vault.Minted{}, err
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {jwt}}
	got, err := g.grants.Form(ctx, file.TokenURI, spec.CA, form)
	if err != nil {
		return vault.Minted{}, err
	}
	return bearer(got), nil
}
