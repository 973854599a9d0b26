// Package grant speaks OAuth with authorization servers: it leads a person there
// by a browser or with a code to type in, registers the gateway where that is
// asked for, and trades what it was given for tokens. It asks over TLS, follows
// nobody elsewhere, and keeps nothing.
package grant

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/sallyport/vault"
)

// The flows in which a person is asked.
const (
	FlowCode   = "authorization_code"
	FlowDevice = "device_code"
)

// A Spec is what the configuration says of an oauth2 account. Of its secrets the
// first is the client's, unless it is Public, and the last the refresh token, if
// there is one.
type Spec struct {
	TokenURL     string   `json:"token_url,omitempty"`
	AuthorizeURL string   `json:"authorize_url,omitempty"`
	DeviceURL    string   `json:"device_url,omitempty"`
	Issuer       string   `json:"issuer,omitempty"`   // what is not stated is looked up there (RFC 8414)
	Resource     string   `json:"resource,omitempty"` // what the tokens are for (RFC 8707); who gives them is looked up there (RFC 9728)
	ClientID     string   `json:"client_id,omitempty"`
	Scopes       []string `json:"scopes,omitempty"`
	Audience     string   `json:"audience,omitempty"`
	InBody       bool     `json:"in_body,omitempty"` // the client proves itself in the form, not by Basic
	Public       bool     `json:"public,omitempty"`  // the client has no secret: the only one is a refresh token
	CA           string   `json:"ca,omitempty"`      // what the servers that are named prove themselves by; "": the host's roots
	Flow         string   `json:"flow,omitempty"`    // how a person is asked; "": nobody is
}

// names reports whether the operator named this host.
func (s *Spec) names(host string) bool {
	for _, text := range []string{s.TokenURL, s.AuthorizeURL, s.DeviceURL, s.Issuer, s.Resource} {
		if u, err := url.Parse(text); err == nil && text != "" && strings.EqualFold(u.Hostname(), host) {
			return true
		}
	}
	return false
}

// A Grant is what a person gave, with what has to be known to use it: the value of
// a secret. It does not print.
type Grant struct {
	Refresh      string    `json:"refresh_token,omitempty"`
	Access       string    `json:"access_token,omitempty"` // of a server that gives no refresh token
	Until        time.Time `json:"until,omitzero"`         // when Access ends; zero: not by itself
	Resource     string    `json:"resource,omitempty"`     // what the configuration said when it was given
	Issuer       string    `json:"issuer,omitempty"`       // likewise, where the token endpoint was looked up
	Audience     string    `json:"granted_for,omitempty"`  // the resource as its own metadata names it
	TokenURL     string    `json:"token_url,omitempty"`    // as it was found
	ClientID     string    `json:"client_id,omitempty"`    // as the gateway was registered
	ClientSecret string    `json:"client_secret,omitempty"`
	InBody       bool      `json:"in_body,omitempty"`
}

const redacted = "[redacted]"

// Format prints nothing of it.
func (Grant) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) } //nolint:errcheck // fmt has nobody to tell

// LogValue logs nothing of it.
func (Grant) LogValue() slog.Value { return slog.StringValue(redacted) }

// Parse reads the value of a secret: a grant as Secret writes it, or a refresh
// token as somebody typed it in.
func Parse(value []byte) (Grant, error) {
	text := strings.TrimSpace(string(value))
	if !strings.HasPrefix(text, "{") {
		return Grant{Refresh: text}, nil
	}
	var g Grant
	if err := json.Unmarshal([]byte(text), &g); err != nil || g.Refresh == "" && g.Access == "" {
		return Grant{}, fmt.Errorf("the secret is neither a refresh token nor what connecting an account leaves")
	}
	return g, nil
}

// Secret is the value that Parse reads. A grant of nothing but a refresh token is
// that token.
func (g Grant) Secret() (vault.Secret, error) {
	if g == (Grant{Refresh: g.Refresh}) {
		return vault.NewSecret([]byte(g.Refresh)), nil
	}
	b, err := json.Marshal(g)
	return vault.NewSecret(b), err
}

// Parts are the secrets in it, each by itself.
func (g Grant) Parts() []vault.Secret {
	var list []vault.Secret
	for _, s := range []string{g.Refresh, g.Access, g.ClientSecret} {
		if s != "" {
			list = append(list, vault.NewSecret([]byte(s)))
		}
	}
	return list
}

// A Client asks authorization servers.
type Client struct {
	named *http.Client
	found *http.Client
	now   func() time.Time
}

// New makes a Client that reaches whom the operator named by one client, and whom
// those name by the other, which leads to the public internet only; nil leads
// nowhere. Neither follows a redirect, which would take a secret along.
func New(named, found *http.Client, now func() time.Time) *Client {
	return &Client{named: straight(named), found: straight(found), now: now}
}

func straight(c *http.Client) *http.Client {
	if c == nil {
		return nil
	}
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}
