package vault

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault/scrub"
)

// A Credential is an opened account of one service, ready to be used. An action
// gets it only while it is being forwarded. It never changes once it was given
// out, and is safe for concurrent use.
type Credential struct {
	auth   action.Auth
	values []Secret         // in the order of auth.Secrets
	pair   *tls.Certificate // of mtls
	used   *scrub.Set
	uses   []*atomic.Int64
	label  string // "github@3": the secrets in it, and their versions
}

// NewCredential joins an Auth and its opened secrets.
func NewCredential(auth action.Auth, values ...Secret) (*Credential, error) {
	if len(values) == 0 || len(values) != len(auth.Secrets) {
		return nil, fmt.Errorf("credential %s: %d secrets opened of %d", auth.Scheme, len(values), len(auth.Secrets))
	}
	for i, v := range values {
		if len(v.Reveal()) == 0 {
			return nil, fmt.Errorf("secret %q is empty", auth.Secrets[i])
		}
	}
	c := &Credential{auth: auth, values: values}
	if auth.InHandshake() {
		if err := c.showCertificate(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Authorize sets the credential on r by position, in place of anything there. It
// refuses schemes that do not speak HTTP.
func (c *Credential) Authorize(r *http.Request) error {
	if c.auth.InHandshake() {
		return nil // its connection shows it
	}
	v := c.values[0].Reveal()
	if i := strings.IndexFunc(string(v), func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return fmt.Errorf("secret %q holds a control character and cannot be a header", c.auth.Secrets[0])
	}
	switch c.auth.Scheme {
	case "bearer":
		r.Header.Set("Authorization", "Bearer "+string(v))
	case "header":
		r.Header.Set(c.auth.Name, string(v))
	case "basic":
		pair := c.auth.Name + ":" + string(v)
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
		if also := c.auth.Spec; also != "" {
			r.Header.Set(also, string(v))
		}
	case "query":
		r.URL.RawQuery = setParameter(r.URL.RawQuery, c.auth.Name, string(v))
	case "cookie":
		r.AddCookie(&http.Cookie{Name: c.auth.Name, Value: string(v)})
	default:
		return fmt.Errorf("a %s credential cannot authorize an HTTP request", c.auth.Scheme)
	}
	return nil
}

// Password gives the user and password of a PostgreSQL account. Where the service
// names no user, the secret does. A client certificate has no password.
func (c *Credential) Password() (user string, password *Secret, err error) {
	if c.auth.InHandshake() {
		user, err = c.certified()
		return user, nil, err
	}
	if c.auth.Scheme != "password" {
		return "", nil, fmt.Errorf("a %s credential has no password", c.auth.Scheme)
	}
	if c.auth.Name != "" {
		return c.auth.Name, &c.values[0], nil
	}
	var account struct{ Username, Password string }
	if json.Unmarshal(c.values[0].Reveal(), &account) != nil || account.Username == "" || account.Password == "" {
		return "", nil, fmt.Errorf(`secret %q is no account: {"username": …, "password": …}`, c.auth.Secrets[0])
	}
	own := NewSecret([]byte(account.Password))
	return account.Username, &own, nil
}

// use notes when the secrets went out.
func (c *Credential) use(second int64) {
	for _, used := range c.uses {
		if used != nil && used.Load() < second {
			used.Store(second)
		}
	}
}

// Label names the secrets in it and their versions, for records: "github@3".
func (c *Credential) Label() string { return c.label }

// LookFor sets what Used looks for. Whoever makes a credential calls it before it
// is used.
func (c *Credential) LookFor(used *scrub.Set) { c.used = used }

// Used finds this credential's secrets, and whatever else the vault has given out,
// in what an upstream answers; nil finds nothing.
func (c *Credential) Used() *scrub.Matcher {
	if c == nil {
		return nil
	}
	return c.used.Current()
}

// AWS gives the key of an account of AWS, and the token of its session, "" without
// one.
func (c *Credential) AWS() (id, key, session string, err error) {
	if c == nil || c.auth.Scheme != "aws_sigv4" {
		return "", "", "", errors.New("the account is none that requests to AWS are signed with")
	}
	var a AWSAccount
	if err := json.Unmarshal(c.values[0].Reveal(), &a); err != nil {
		return "", "", "", errors.New("the account of AWS cannot be read")
	}
	return a.ID, a.Key, a.Session, nil
}

// An AWSAccount is what a minter of aws_sigv4 makes, as JSON.
type AWSAccount struct {
	ID      string `json:"id"`
	Key     string `json:"key"`
	Session string `json:"session,omitempty"`
}

// Least gives the weakest method by which a PostgreSQL password may be proved; ""
// if the service states none.
func (c *Credential) Least() string { return c.auth.Least }

// setParameter puts name=value behind what stands there; the protocol removed
// every parameter of that name before.
func setParameter(query, name, value string) string {
	pair := url.QueryEscape(name) + "=" + url.QueryEscape(value)
	if query == "" {
		return pair
	}
	return query + "&" + pair
}
