package grant

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// A Pending is a person on the way through a browser (RFC 6749, 4.1). It does not
// print.
type Pending struct {
	URL   string // where the browser goes
	State string // which the browser brings back
	Host  string // whom the person is asked by

	verifier, redirect string
	spec               Spec
	at                 server
	client             proof
	grant              Grant // what is known of it already
}

// Format prints nothing of it.
func (Pending) Format(f fmt.State, r rune) { Grant{}.Format(f, r) }

// Begin finds the server of an account, registers with it if the configuration has no
// client, and says where the browser goes. It comes back to redirect, exactly.
// secret is the client's, "" of one that is public; name is for people.
func (c *Client) Begin(ctx context.Context, s Spec, secret, name, redirect string) (*Pending, error) {
	p := &Pending{State: rand.Text(), redirect: redirect, spec: s}
	var err error
	if p.at, err = c.find(ctx, &s, secret); err != nil {
		return nil, err
	}
	if err := c.known(ctx, &s, &p.at, name, redirect, &p.grant); err != nil {
		return nil, err
	}
	u, err := s.place(p.at.authorize)
	if err != nil {
		return nil, err
	}
	p.client, p.Host = s.proof(secret, p.grant), u.Host
	p.verifier, err = newVerifier()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(p.verifier))
	q := u.Query() // RFC 6749, 3.1: what stands there stays
	if len(s.Scopes) == 0 {
		s.Scopes = p.at.scopes
	}
	s.terms(q, p.grant)
	for name, value := range map[string]string{
		"response_type": "code", "client_id": p.client.id, "redirect_uri": redirect, "state": p.State,
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256",
	} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	p.URL = u.String()
	return p, nil
}

// newVerifier makes the key of a proof (RFC 7636, 4.1).
func newVerifier() (string, error) {
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// known writes into g what the configuration does not say of the client and its
// server.
func (c *Client) known(ctx context.Context, s *Spec, at *server, name, redirect string, g *Grant) error {
	g.Resource = s.Resource
	if s.TokenURL == "" {
		g.Issuer = s.Issuer
	}
	if at.resource != s.Resource {
		g.Audience = at.resource
	}
	if s.TokenURL == "" {
		g.TokenURL = at.token
	}
	if s.ClientID != "" {
		return nil
	}
	return c.enrol(ctx, s, at, name, redirect, g)
}

var (
	errState = errors.New("this was not begun here, or is over already")
	errTwice = errors.New("the browser brings the same thing twice")
)

// Finish trades what the browser brings back for a grant. It is called once for a
// Pending, whatever it answers.
func (c *Client) Finish(ctx context.Context, p *Pending, q url.Values) (Grant, error) {
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(q[name]) > 1 {
			return Grant{}, errTwice
		}
	}
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(p.State)) != 1 {
		return Grant{}, errState
	}
	if err := p.answeredBy(q.Get("iss")); err != nil {
		return Grant{}, err
	}
	if text := q.Get("error"); text != "" {
		return Grant{}, fmt.Errorf("%s says: %.64q", p.Host, text)
	}
	if q.Get("code") == "" {
		return Grant{}, fmt.Errorf("%s gives no code", p.Host)
	}
	form := url.Values{"grant_type": {FlowCode}, "code": {q.Get("code")}, "redirect_uri": {p.redirect}, "code_verifier": {p.verifier}}
	if r := p.at.resource; r != "" {
		form.Set("resource", r)
	}
	t, err := c.token(ctx, &p.spec, p.at.token, form, p.client)
	if err != nil {
		return Grant{}, err
	}
	return c.granted(t, p.grant, p.Host)
}

// answeredBy holds who answered against who was asked (RFC 9207): a code of one
// server must not go to another.
func (p *Pending) answeredBy(iss string) error {
	switch {
	case iss == "" && p.at.says:
		return fmt.Errorf("%s does not say that the answer is its own", p.Host)
	case iss == "" || iss == p.at.issuer:
		return nil
	case p.at.issuer != "":
		return fmt.Errorf("the answer comes from %.200q, and %q was asked", iss, p.at.issuer)
	}
	by, err := url.Parse(iss)
	if err != nil || !strings.EqualFold(by.Host, p.Host) || by.Scheme != "https" && !near(by.Hostname()) {
		return fmt.Errorf("the answer comes from %.200q, and %s was asked; if that is right, write it as issuer", iss, p.Host)
	}
	return nil
}

// granted adds to a grant what was given for it.
func (c *Client) granted(t Token, g Grant, host string) (Grant, error) {
	switch {
	case t.Refresh != "":
		g.Refresh = t.Refresh
	case t.Until.IsZero():
		g.Access = t.Access
	default:
		return Grant{}, fmt.Errorf("%s gives a token that ends, and none to make another with; ask for that, by the scope offline_access or whatever it is called there", host)
	}
	return g, nil
}
