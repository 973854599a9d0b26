// Package mint makes tokens of what lasts: of OAuth clients, of GitHub Apps, of
// Google's service accounts. It asks the services that give them with the client
// it is handed, over TLS, follows nobody elsewhere, and keeps nothing.
package mint

import (
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
	"net/http"
	"strings"
	"time"

	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/answer"
	"sallyport.dev/sallyport/vault/grant"
)

// All gives the minter of every scheme that has one. found reaches whom others than
// the operator have named, nil nobody.
func All(client, found *http.Client, now func() time.Time) map[string]vault.Minter {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := asker{client: &c, now: now}
	grants := grant.New(client, found, now)
	return map[string]vault.Minter{
		"oauth2":              &oauth2{grants},
		"github_app":          &githubApp{a},
		"gcp_service_account": &google{a, grants},
		"aws_sigv4":           &amazon{a},
		"aws_rds_iam":         &rds{amazon{a}},
	}
}

// An asker asks for tokens.
type asker struct {
	client *http.Client
	now    func() time.Time
}

// send asks a server that proves itself by an authority in ca; "": by the host's roots.
func (a *asker) send(req *http.Request, ca string, want int, out any) error {
	client, err := answer.Trust(a.client, ca)
	if err != nil {
		return err
	}
	return grant.Send(client, req, want, out)
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
