// Package pager makes what tells people's browsers that an agent asks: with a key
// that is made when it is first wanted and sealed in the vault, and by the way out
// that leads to the public internet only. It knows no browser itself.
package pager

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/push"
	"sallyport.dev/sallyport/dashboard/push/envelope"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/vault"
)

// keyName is what the vault calls the key.
const keyName = "push"

// project is whom a push service writes to about a gateway that has no address of
// its own on the web (RFC 8292, section 2.1).
const project = "https://sallyport.dev"

// Options of Web Push. Everything is set before New.
type Options struct {
	Vault *vault.Vault
	Store push.Store
	Desk  push.Desk
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error) // to public addresses only
	Roots *x509.CertPool                                                    // nil: the host's
	Rules func() *policy.Policy
	URLs  func() []string // where people reach the gateway
	Log   *slog.Logger
}

// New makes it; its Run tells of what is asked from now on.
func New(ctx context.Context, o Options) (*push.Phone, error) {
	services := func() []string {
		if d := o.Rules().Gateway().Dashboard; d != nil && d.Push != nil {
			return d.Push
		}
		return push.Known()
	}
	book, err := push.Open(ctx, o.Store, services, time.Now)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: o.Dial, TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
	}}
	return &push.Phone{
		Secure: door.SecureContext,
		Sender: &push.Sender{
			Book: book, Desk: o.Desk, Client: client, Now: time.Now, Since: time.Now(), Log: o.Log,
			Key: o.key, Contact: o.contact,
		},
	}, nil
}

// key gives the key by which push services know this gateway.
func (o Options) key(ctx context.Context) (*ecdsa.PrivateKey, error) {
	s, err := o.Vault.Internal(ctx, keyName, func() (vault.Secret, error) {
		key, err := envelope.NewKey()
		if err != nil {
			return vault.Secret{}, err
		}
		raw, err := envelope.MarshalKey(key)
		return vault.NewSecret(raw), err
	})
	if err != nil {
		return nil, fmt.Errorf("key of Web Push: %w", err)
	}
	return envelope.ParseKey(s.Reveal())
}

func (o Options) contact() string {
	for _, url := range o.URLs() {
		if strings.HasPrefix(url, "https://") {
			return url
		}
	}
	return project
}
