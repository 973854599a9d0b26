// Package mint makes tokens of what lasts: of OAuth clients, of GitHub Apps, of
// Google's service accounts. It asks the services that give them with the client
// it is handed, over TLS, follows nobody elsewhere, and keeps nothing.
package mint

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/sallyport/vault"
)

// maxAnswer bounds what a token endpoint may answer.
const maxAnswer = 64 << 10

// All gives the minter of every scheme that has one.
func All(client *http.Client, now func() time.Time) map[string]vault.Minter {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := asker{client: &c, now: now}
	return map[string]vault.Minter{
		"oauth2":              &oauth2{a},
		"github_app":          &githubApp{a},
		"gcp_service_account": &google{a},
		"aws_sigv4":           &amazon{a},
	}
}

// An asker asks for tokens.
type asker struct {
	client *http.Client
	now    func() time.Time
}

// A grant is what a token endpoint answers (RFC 6749, 5.1).
type grant struct {
	AccessToken  string          `json:"access_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    json.RawMessage `json:"expires_in"` // a number, of some as a text
	RefreshToken string          `json:"refresh_token"`
}

// until says when the token ends; zero if the answer does not.
func (g *grant) until(now time.Time) time.Time {
	var seconds json.Number
	if json.Unmarshal(bytes.Trim(g.ExpiresIn, `"`), &seconds) != nil {
		return time.Time{}
	}
	n, err := seconds.Int64()
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(min(n, 10*365*24*3600)) * time.Second)
}

// token posts a form to a token endpoint.
func (a *asker) token(ctx context.Context, endpoint string, form url.Values, basic *url.Userinfo) (*grant, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if basic != nil {
		password, _ := basic.Password()
		req.SetBasicAuth(url.QueryEscape(basic.Username()), url.QueryEscape(password)) // RFC 6749, 2.3.1
	}
	var g grant
	if err := a.send(req, http.StatusOK, &g); err != nil {
		return nil, err
	}
	if g.AccessToken == "" {
		return nil, fmt.Errorf("%s gives no access token", req.URL.Host)
	}
	if t := strings.ToLower(g.TokenType); t != "" && t != "bearer" {
		return nil, fmt.Errorf("%s gives a token of type %.20q, not a bearer token", req.URL.Host, g.TokenType)
	}
	return &g, nil
}

// send makes a request whose answer is JSON. No error tells what was sent, or more
// of the answer than the word for what was wrong.
func (a *asker) send(req *http.Request, want int, out any) error {
	if err := secure(req.URL); err != nil {
		return err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", req.URL.Host, err)
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s answers %s%s", req.URL.Host, resp.Status, problem(b))
	}
	if len(b) > maxAnswer || json.Unmarshal(b, out) != nil {
		return fmt.Errorf("%s answers no JSON that can be read", req.URL.Host)
	}
	return nil
}

// secure refuses to send a secret in the clear, but to this very host.
func secure(u *url.URL) error {
	switch host := u.Hostname(); {
	case u.Scheme == "https", u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1"):
		return nil
	}
	return fmt.Errorf("%s is not asked without TLS", u.Redacted())
}

// problem gives the error code of an answer (RFC 6749, 5.2): ": invalid_grant".
func problem(b []byte) string {
	var said struct {
		Error   any    `json:"error"`
		Message string `json:"message"` // GitHub
	}
	if json.Unmarshal(b, &said) != nil {
		return ""
	}
	code, _ := said.Error.(string)
	if code == "" {
		code = said.Message
	}
	if code == "" {
		return ""
	}
	return fmt.Sprintf(": %.80q", code)
}

// signed makes a JSON Web Token with RS256 (RFC 7519, RFC 7518).
func signed(key *rsa.PrivateKey, kid string, claims map[string]any) (string, error) {
	header := map[string]string{"alg": "RS256", "typ": "JWT"}
	if kid != "" {
		header["kid"] = kid
	}
	var parts []string
	for _, v := range []any{header, claims} {
		b, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(b))
	}
	text := strings.Join(parts, ".")
	digest := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

var errNoKey = errors.New("it is no RSA private key in PEM")

// rsaKey reads a private key, as GitHub (PKCS #1) and Google (PKCS #8) give it.
func rsaKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errNoKey
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	any8, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errNoKey
	}
	key, ok := any8.(*rsa.PrivateKey)
	if !ok {
		return nil, errNoKey
	}
	return key, nil
}

// sum is a SHA-256 in hex.
func sum(b []byte) string {
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:])
}
