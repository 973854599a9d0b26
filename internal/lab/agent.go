package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/netstack/wireguard"

	"github.com/jackc/pgx/v5"
)

// patience bounds every wait of a lab.
const patience = time.Minute

// An Agent is an enrolled agent and its end of the tunnel.
type Agent struct {
	*wireguard.Client
	Name string

	l *Lab
}

// Agent enrols an agent into roles, without any into the only one there is, and
// brings its tunnel up.
func (l *Lab) Agent(name string, roles ...string) *Agent {
	l.t.Helper()
	if known := l.Rules.Roles(); len(roles) == 0 && len(known) == 1 {
		roles = known
	}
	a, private, err := l.Roster.Add(l.t.Context(), name, roles, time.Time{})
	must(l.t, err)
	endpoint := fmt.Sprintf("127.0.0.1:%d", l.WG.Port())
	conf := wireguard.ClientConfig(wireguard.NewSettings(l.Roster.Space(), a, private, l.WG.PublicKey(), endpoint, 0))
	c, err := wireguard.NewClient(conf, nil)
	must(l.t, err)
	l.t.Cleanup(func() { c.Close() }) //nolint:errcheck // the test is over
	return &Agent{Client: c, Name: name, l: l}
}

// TLS is a client configuration that trusts the gateway's CA and nothing else.
func (a *Agent) TLS(alpn ...string) *tls.Config {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.l.CA.PEM()) {
		a.l.t.Fatal("the CA of the lab is no PEM")
	}
	return &tls.Config{RootCAs: roots, NextProtos: alpn}
}

// HTTP is a client whose every connection goes through the tunnel. It follows no
// redirect.
func (a *Agent) HTTP() *http.Client {
	tr := &http.Transport{DialContext: a.DialContext, TLSClientConfig: a.TLS(), ForceAttemptHTTP2: true}
	a.l.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport: tr, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// PG connects to a PostgreSQL URL through the tunnel.
func (a *Agent) PG(ctx context.Context, url string) (*pgx.Conn, error) {
	conf, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	conf.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	conf.DialFunc = a.DialContext
	if conf.TLSConfig != nil {
		name := conf.TLSConfig.ServerName
		conf.TLSConfig = a.TLS()
		conf.TLSConfig.ServerName = name
	}
	return pgx.ConnectConfig(ctx, conf)
}

// Answer waits for an ask and answers it.
func (l *Lab) Answer(yes bool) approval.Request {
	l.t.Helper()
	deadline := time.After(patience)
	for {
		changed := l.Desk.Changed()
		if list := l.Desk.List(); len(list) > 0 {
			got, err := l.Desk.Answer(list[0].ID, yes, action.Person{Name: "tester", Via: "admin.sock"}, "", approval.Scope{})
			must(l.t, err)
			return got
		}
		select {
		case <-changed:
		case <-deadline:
			l.t.Fatal("nobody asked")
		}
	}
}

// Records waits until n records meet a query, and gives them in the order in which
// the actions began: an agent has its answer before the record of it is kept, so that
// the next one's may stand before it.
func (l *Lab) Records(query string, n int) []audit.Record {
	l.t.Helper()
	q, err := audit.ParseQuery(query)
	must(l.t, err)
	q.Whole = true
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	events := l.Journal.Follow(ctx, audit.Query{})
	for {
		got, err := l.Journal.Query(ctx, q)
		must(l.t, err)
		if len(got) >= n {
			slices.SortFunc(got, func(a, b audit.Record) int { return strings.Compare(a.ID, b.ID) })
			return got
		}
		select {
		case <-events:
		case <-ctx.Done():
			l.t.Fatalf("%d records meet %q, want %d; the log:\n%s", len(got), query, n, l.Logs)
		}
	}
}

// Clean fails the test if a secret's value stands anywhere in the state
// directory, in the logs, or in what is given besides.
func (l *Lab) Clean(value string, seen ...string) {
	l.t.Helper()
	for _, s := range append(seen, l.Logs.String()) {
		if strings.Contains(s, value) {
			l.t.Errorf("the secret stands in %.200q", s)
		}
	}
	err := filepath.WalkDir(l.Dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // the gateway goes on meanwhile
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), value) {
			l.t.Errorf("the secret stands in %s", path)
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	must(l.t, err)
}
