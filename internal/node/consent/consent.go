// Package consent finds in the rules in force the accounts that a person has to agree
// to, and makes the desk at which operators connect them. It reaches whom the operator
// named as the gateway itself does, and whom those name on the public internet only.
package consent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/connect"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/grant"
	"sallyport.dev/sallyport/vault/mint"
)

// Options of the desk.
type Options struct {
	Rules   func() *policy.Policy
	Vault   *vault.Vault
	Named   *http.Client // reaches whom the operator named; nil: nobody is asked
	Public  func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots   *x509.CertPool // that servers must prove themselves by; nil: the host's
	Set     func()         // is called after a secret got another value
	URLs    func() []string
	Witness func() route.Witness
	Log     *slog.Logger
}

// New makes the desk, and has tokens made by the same roads.
func New(o Options) *connect.Desk {
	found := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: o.Public, TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
	}}
	if o.Named != nil {
		o.Vault.Mint(mint.All(o.Named, found, time.Now))
	}
	return &connect.Desk{
		Grants:  grant.New(o.Named, found, time.Now),
		Account: o.account,
		Names:   func() map[string]string { return names(o.Rules()) },
		Keep: func(ctx context.Context, name string, value vault.Secret, by string) error {
			if err := o.Vault.Put(ctx, name, value, by); err != nil {
				return err
			}
			o.Set()
			return nil
		},
		URLs: o.URLs, Witness: o.Witness, Now: time.Now, Log: o.Log,
	}
}

var errSeveral = errors.New("several accounts of different servers or clients take it; give each a secret of its own")

// account finds the account whose refresh token is the secret of this name.
func (o *Options) account(name string) (connect.Account, error) {
	spec, auth, err := Find(o.Rules(), name)
	if err != nil {
		return connect.Account{}, err
	}
	for _, i := range o.Vault.List() {
		if i.Name == name && i.Source != "sealed" {
			return connect.Account{}, fmt.Errorf("secret %s is read from %s; only one that is sealed here can be connected", name, i.Source)
		}
	}
	a := connect.Account{Spec: *spec}
	if !spec.Public {
		s, err := o.Vault.Value(auth.Secrets[0])
		if errors.Is(err, vault.ErrNotFound) {
			return connect.Account{}, fmt.Errorf("the secret of the client comes first: sallyport secret set %s", auth.Secrets[0])
		}
		if err != nil {
			return connect.Account{}, fmt.Errorf("the secret of the client: %w", err)
		}
		a.Secret = string(s.Reveal())
	}
	return a, nil
}

// Find gives what the rules say of the account whose refresh token is the secret of
// this name.
func Find(p *policy.Policy, name string) (spec *grant.Spec, auth action.Auth, err error) {
	asked := false
	p.EachAccount(func(_ string, a action.Auth) {
		if a.Scheme != "oauth2" || a.Secrets[len(a.Secrets)-1] != name {
			return
		}
		var s grant.Spec
		if json.Unmarshal([]byte(a.Spec), &s) != nil || s.Flow == "" {
			asked = true
			return
		}
		if spec != nil && !reflect.DeepEqual(*spec, s) {
			err = errSeveral
		}
		spec, auth = &s, a
	})
	switch {
	case err != nil:
		return nil, auth, fmt.Errorf("secret %s: %w", name, err)
	case spec == nil && asked:
		return nil, auth, fmt.Errorf("the account of secret %s is one that nobody is asked for: it needs an authorize_url, a device_url, an issuer or a resource", name)
	case spec == nil:
		return nil, auth, fmt.Errorf("no service has an account auth = oauth2({ … refresh_token = secret.%s })", name)
	}
	return spec, auth, nil
}

// names lists the secrets that a person connects, by flow.
func names(p *policy.Policy) map[string]string {
	all := map[string]string{}
	p.EachAccount(func(_ string, a action.Auth) {
		if a.Scheme != "oauth2" {
			return
		}
		name := a.Secrets[len(a.Secrets)-1]
		if spec, _, err := Find(p, name); err == nil {
			all[name] = spec.Flow
		}
	})
	return all
}

// Wants reports whether the rules have a person connect this secret.
func Wants(p *policy.Policy, name string) bool {
	_, _, err := Find(p, name)
	return err == nil
}
