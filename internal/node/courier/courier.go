// Package courier makes what hands every record on to the systems that the
// configuration in force names, and ends what it names no more. It reads no record
// itself.
package courier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/approval/webhook"
	"sallyport.dev/sallyport/audit/forward"
	"sallyport.dev/sallyport/dashboard/outlet"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/vault"
)

// Options of a Courier. Everything is set before New.
type Options struct {
	Source  forward.Source
	Store   forward.Store
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error) // to what the operator named
	Roots   *x509.CertPool                                                    // nil: the host's
	Secret  func(name string) (vault.Secret, error)
	Version string
	Log     *slog.Logger
}

// A Courier is all of them. New makes one, Close ends it.
type Courier struct {
	o    Options
	life context.Context
	stop context.CancelFunc

	mu  sync.Mutex
	all map[string]*run // by name; guarded by mu
}

// A run is one receiver and what it was made of.
type run struct {
	*forward.Forwarder
	spec spec
	end  func() // waits for what is on its way
}

// A spec tells one declaration from another.
type spec struct {
	host string
	policy.ForwardConfig
}

// New makes a Courier that knows nobody yet; Take tells it whom.
func New(o Options) *Courier {
	c := &Courier{o: o, all: map[string]*run{}}
	c.life, c.stop = context.WithCancel(context.Background())
	return c
}

// Take makes what rules name, keeps what they name as before, and ends the rest.
func (c *Courier) Take(p *policy.Policy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	named := map[string]spec{}
	for _, f := range p.Gateway().Forward {
		named[f.Name] = spec{p.Gateway().Name, f}
	}
	for name, r := range c.all {
		if s, ok := named[name]; !ok || s != r.spec {
			r.end() // before another one begins where it was
			delete(c.all, name)
		}
	}
	for name, s := range named {
		if c.all[name] == nil && c.life.Err() == nil {
			c.all[name] = c.begin(s)
		}
	}
}

func (c *Courier) begin(s spec) *run {
	f := &forward.Forwarder{Name: s.Name, Source: c.o.Source, Store: c.o.Store, Sender: c.sender(s), Now: time.Now, Log: c.o.Log}
	ctx, cancel := context.WithCancel(c.life)
	f.Begin(ctx) //nolint:errcheck // Run tries again, and tells
	var work sync.WaitGroup
	work.Go(func() { f.Run(ctx) })
	return &run{f, s, func() { cancel(); work.Wait() }}
}

func (c *Courier) sender(s spec) forward.Sender {
	if s.Webhook != "" {
		return &forward.Hook{Name: s.Name, URL: s.Webhook, Client: c.client(), Sign: c.sign(s.Secret), Now: time.Now}
	}
	out := &forward.Stream{Address: s.Syslog, Dial: c.o.Dial, Host: s.host, Version: c.o.Version, Most: int(s.Most), Now: time.Now}
	if !s.Plain {
		out.TLS = func() (*tls.Config, error) { return c.trust(s) }
	}
	return out
}

// client reaches a receiver of webhooks and nobody whom that one names.
func (c *Courier) client() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: c.o.Dial, TLSClientConfig: &tls.Config{RootCAs: c.o.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		},
	}
}

func (c *Courier) sign(secret string) func(http.Header, string, time.Time, []byte) error {
	return func(h http.Header, id string, at time.Time, body []byte) error {
		key, err := c.o.Secret(secret)
		if err != nil {
			return err
		}
		return webhook.Sign(h, key.Reveal(), id, at, body)
	}
}

// trust reads what a syslog server must prove, and what the gateway shows it. The
// files are read anew for every connection, so that another one counts at once.
func (c *Courier) trust(s spec) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(s.Syslog)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{RootCAs: c.o.Roots, ServerName: host, MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, err
		}
		if conf.RootCAs = x509.NewCertPool(); !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", s.CA)
		}
	}
	if s.Cert != "" {
		own, err := tls.LoadX509KeyPair(s.Cert, s.Key)
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{own}
	}
	return conf, nil
}

// list gives every run, by name.
func (c *Courier) list() []*run {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*run
	for _, r := range c.all {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *run) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Outlets tells how each receiver stands.
func (c *Courier) Outlets(ctx context.Context) []outlet.Outlet {
	var list []outlet.Outlet
	for _, r := range c.list() {
		at := r.Standing(ctx)
		o := outlet.Outlet{
			Kind: outlet.Syslog, Name: r.Name, Target: "tls://" + r.spec.Syslog, Problem: at.Problem, Since: at.Since, Delivered: at.Delivered,
			Records: &outlet.Progress{Arrived: at.Arrived, Behind: at.Behind, Lost: at.Lost},
		}
		switch {
		case r.spec.Webhook != "":
			o.Kind, o.Target = outlet.Records, site(r.spec.Webhook)
		case r.spec.Plain:
			o.Target = "tcp://" + r.spec.Syslog
		}
		list = append(list, o)
	}
	return list
}

// site is a receiver without what stands behind its host, which may be a secret of
// its own.
func site(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Behind counts the records that receivers do not have yet, of all together.
func (c *Courier) Behind() float64 {
	total := 0.0
	for _, r := range c.list() {
		total += float64(r.Standing(c.life).Behind)
	}
	return total
}

// Warnings lists what an operator must look at.
func (c *Courier) Warnings() []string {
	var list []string
	for _, r := range c.list() {
		if why := r.Alarm(); why != "" {
			list = append(list, why)
		}
		if r.spec.Secret == "" {
			continue
		}
		if s, err := c.o.Secret(r.spec.Secret); err == nil && errors.Is(webhook.CheckKey(s.Reveal()), webhook.ErrKey) {
			list = append(list, fmt.Sprintf("secret %s signs the records for %s, and is too short: %v", r.spec.Secret, r.Name, webhook.ErrKey))
		}
	}
	return list
}

// Secrets lists the secrets that are needed here.
func (c *Courier) Secrets() []string {
	var names []string
	for _, r := range c.list() {
		if r.spec.Secret != "" {
			names = append(names, r.spec.Secret)
		}
	}
	return names
}

// Close ends them all and waits, for a few seconds at most, for what is on its way.
func (c *Courier) Close() {
	c.stop()
	for _, r := range c.list() {
		r.end()
	}
}
