package grant

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Token is what a token endpoint gives (RFC 6749, 5.1).
type Token struct {
	Access  string
	Refresh string
	Until   time.Time // zero: the answer does not say
}

// Format prints nothing of it.
func (Token) Format(f fmt.State, r rune) { Grant{}.Format(f, r) }

// A proof is how a client shows who it is.
type proof struct {
	id, secret string // "": the client is public
	inBody     bool
}

// Format prints nothing of it.
func (proof) Format(f fmt.State, r rune) { Grant{}.Format(f, r) }

// proof is the client as the configuration has it, or as it was registered.
func (s *Spec) proof(secret string, g Grant) proof {
	if s.ClientID == "" {
		return proof{id: g.ClientID, secret: g.ClientSecret, inBody: g.InBody}
	}
	return proof{id: s.ClientID, secret: secret, inBody: s.InBody}
}

// sign puts the proof on a request with this form (RFC 6749, 2.3.1).
func (p proof) sign(form url.Values) (basic *url.Userinfo) {
	switch {
	case p.id == "":
	case p.secret == "":
		form.Set("client_id", p.id)
	case p.inBody:
		form.Set("client_id", p.id)
		form.Set("client_secret", p.secret)
	default:
		return url.UserPassword(p.id, p.secret)
	}
	return nil
}

// post sends a form to an endpoint.
func (c *Client) post(ctx context.Context, s *Spec, endpoint string, form url.Values, p proof, out any) error {
	u, err := s.place(endpoint)
	if err != nil {
		return err
	}
	basic := p.sign(form)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic != nil {
		password, _ := basic.Password()
		req.SetBasicAuth(url.QueryEscape(basic.Username()), url.QueryEscape(password))
	}
	return c.ask(ctx, s, req, http.StatusOK, out)
}

// token asks a token endpoint.
func (c *Client) token(ctx context.Context, s *Spec, endpoint string, form url.Values, p proof) (Token, error) {
	var got struct {
		AccessToken  string          `json:"access_token"`
		TokenType    string          `json:"token_type"`
		ExpiresIn    json.RawMessage `json:"expires_in"` // a number, of some as a text
		RefreshToken string          `json:"refresh_token"`
		Error        string          `json:"error"` // of some with 200
	}
	if err := c.post(ctx, s, endpoint, form, p, &got); err != nil {
		return Token{}, err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return Token{}, err
	}
	if got.AccessToken == "" && got.Error != "" {
		return Token{}, &Refusal{Host: u.Host, Status: "200 OK", Code: got.Error}
	}
	if got.AccessToken == "" {
		return Token{}, fmt.Errorf("%s gives no access token", u.Host)
	}
	if t := strings.ToLower(got.TokenType); t != "" && t != "bearer" {
		return Token{}, fmt.Errorf("%s gives a token of type %.20q, not a bearer token", u.Host, got.TokenType)
	}
	return Token{Access: got.AccessToken, Refresh: got.RefreshToken, Until: until(got.ExpiresIn, c.now())}, nil
}

// until says when a token ends; zero if the answer does not.
func until(expires json.RawMessage, now time.Time) time.Time {
	var seconds json.Number
	if json.Unmarshal(bytes.Trim(expires, `"`), &seconds) != nil {
		return time.Time{}
	}
	n, err := seconds.Int64()
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(min(n, 10*365*24*3600)) * time.Second)
}

// Form posts a form of the caller's own to a token endpoint that the operator named, and
// that an authority in ca proves, "" one of the host's; what proves the client is in it.
func (c *Client) Form(ctx context.Context, endpoint, ca string, form url.Values) (Token, error) {
	return c.token(ctx, &Spec{TokenURL: endpoint, CA: ca}, endpoint, form, proof{})
}

// terms puts on a form what the tokens are for.
func (s *Spec) terms(form url.Values, g Grant) {
	if len(s.Scopes) > 0 {
		form.Set("scope", strings.Join(s.Scopes, " "))
	}
	if s.Audience != "" {
		form.Set("audience", s.Audience)
	}
	if r := cmp.Or(g.Audience, s.Resource); r != "" {
		form.Set("resource", r)
	}
}

// Own makes a token by the client's own grant (RFC 6749, 4.4).
func (c *Client) Own(ctx context.Context, s Spec, secret string) (Token, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	s.terms(form, Grant{})
	return c.token(ctx, &s, s.TokenURL, form, s.proof(secret, Grant{}))
}

var errElsewhere = errors.New("what it was connected to is not what the configuration names now; connect it again")

// Refresh makes a token of a grant (RFC 6749, 6), and gives the grant that has to be
// kept from now on, which is another one where the server has given another refresh
// token.
func (c *Client) Refresh(ctx context.Context, s Spec, secret string, g Grant) (Token, Grant, error) {
	if g.Resource != "" && g.Resource != s.Resource || s.TokenURL == "" && g.Issuer != "" && g.Issuer != s.Issuer {
		return Token{}, g, errElsewhere
	}
	if g.Refresh == "" {
		if !g.Until.IsZero() && !c.now().Before(g.Until) {
			return Token{}, g, errors.New("its token has ended, and the server gave none to make another with; connect it again")
		}
		return Token{Access: g.Access, Until: g.Until}, g, nil
	}
	endpoint := cmp.Or(s.TokenURL, g.TokenURL)
	if endpoint == "" {
		return Token{}, g, errors.New("it is not known who gives its tokens; connect it")
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.Refresh}}
	s.terms(form, g)
	t, err := c.token(ctx, &s, endpoint, form, s.proof(secret, g))
	if code(err) == "invalid_grant" {
		return Token{}, g, fmt.Errorf("%w: the refresh token is not taken any more; connect the account again", err)
	}
	if err != nil {
		return Token{}, g, err
	}
	if t.Refresh != "" {
		g.Refresh = t.Refresh
	}
	return t, g, nil
}
