package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// patience bounds one step of the script.
const patience = 30 * time.Second

// A Tunnel is the agent's way out.
type Tunnel interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// An Operator is the person who is asked during the show.
type Operator interface {
	// Approve waits for the next ask, says yes, and gives what was asked.
	Approve(ctx context.Context) (string, error)
}

// A Step is one thing that the agent tries.
type Step struct {
	What string // what a person would type
	Want string // "allowed", "denied", "asked, then allowed", "refused"
	// Try does it. got is in the words of Want; detail tells what came back.
	Try func(ctx context.Context) (got, detail string, err error)
}

// The words of Want.
const (
	allowed = "allowed"
	denied  = "denied"
	asked   = "asked, then allowed"
	refused = "refused"
)

// An actor plays the agent.
type actor struct {
	w      *World
	tunnel Tunnel
	op     Operator
	http   *http.Client
	roots  *x509.CertPool
}

// Script is the show, in the order to be played.
func (w *World) Script(t Tunnel, op Operator) []Step {
	a := &actor{w: w, tunnel: t, op: op}
	steps := []Step{
		{"curl http://sallyport.internal/ca.pem", allowed, a.trust},
		{"curl https://" + apiHost + "/v1/orders", allowed, a.orders},
		{"curl -X DELETE https://" + apiHost + "/v1/orders/7", denied, a.request(http.MethodDelete, "/v1/orders/7")},
		{"curl -d '{\"order\":7}' https://" + apiHost + "/v1/refunds", asked, a.refund},
		{"curl https://elsewhere.example/", refused, a.connect("elsewhere.example:443")},
		{"nc 203.0.113.9 22", refused, a.connect("203.0.113.9:22")},
	}
	if w.db != nil {
		steps = append(steps,
			Step{"psql -c 'SELECT name FROM customers'", allowed, a.sql("SELECT name FROM customers ORDER BY id")},
			Step{"psql -c 'DELETE FROM customers'", denied, a.sql("DELETE FROM customers")},
			Step{"psql -c 'DROP TABLE customers'", denied, a.sql("DROP TABLE customers")},
			Step{"psql -c 'SELECT count(*) FROM customers'", allowed, a.sql("SELECT count(*) FROM customers")},
		)
	}
	return steps
}

// trust fetches the gateway's CA, as every agent does first.
func (a *actor) trust(ctx context.Context) (string, string, error) {
	c := &http.Client{Transport: &http.Transport{DialContext: a.tunnel.DialContext, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://sallyport.internal/ca.pem", nil)
	if err != nil {
		return "", "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	pem, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", "", err
	}
	a.roots = x509.NewCertPool()
	if !a.roots.AppendCertsFromPEM(pem) {
		return "", "", fmt.Errorf("%s is no CA certificate", resp.Request.URL)
	}
	a.http = &http.Client{Transport: &http.Transport{
		DialContext: a.tunnel.DialContext, TLSClientConfig: &tls.Config{RootCAs: a.roots}, ForceAttemptHTTP2: true,
	}}
	return allowed, "the CA to trust for everything that follows", nil
}

func (a *actor) orders(ctx context.Context) (string, string, error) {
	got, detail, err := a.request(http.MethodGet, "/v1/orders")(ctx)
	if err == nil && got == allowed && a.w.injected() {
		detail += "; the upstream saw the real key, the agent sent none"
	}
	return got, detail, err
}

// answerGrace is how long after its effect an answer may take to be confirmed.
const answerGrace = 5 * time.Second

// refund is asked: the operator says yes while the request is held.
func (a *actor) refund(ctx context.Context) (string, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		what string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		what, err := a.op.Approve(ctx)
		answered <- answer{what, err}
	}()
	got, detail, err := a.request(http.MethodPost, "/v1/refunds")(ctx)
	if err != nil || got != allowed {
		return got, detail, err
	}
	// The yes is in force before the operator has heard so; without an ask, the
	// operator would wait for ever.
	defer time.AfterFunc(answerGrace, cancel).Stop()
	if ans := <-answered; ans.err == nil {
		return asked, detail + "; " + ans.what, nil
	}
	return got, detail, nil
}

// request makes a step of an HTTP request.
func (a *actor) request(method, path string) func(context.Context) (string, string, error) {
	return func(ctx context.Context) (string, string, error) {
		if a.http == nil {
			return "", "", errors.New("the CA could not be fetched")
		}
		req, err := http.NewRequestWithContext(ctx, method, "https://"+apiHost+path, strings.NewReader(body(method)))
		if err != nil {
			return "", "", err
		}
		resp, err := a.http.Do(req)
		if err != nil {
			return "", "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if err != nil {
			return "", "", err
		}
		if resp.StatusCode == http.StatusForbidden {
			return denied, "403 " + reason(b), nil
		}
		if resp.StatusCode >= 300 {
			return "", resp.Status + " " + string(b), nil
		}
		return allowed, fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(b))), nil
	}
}

func body(method string) string {
	if method == http.MethodPost {
		return `{"order":7}`
	}
	return ""
}

// reason reads why out of a problem document (RFC 9457).
func reason(b []byte) string {
	var p struct{ Reason, Detail string }
	if json.Unmarshal(b, &p) != nil || p.Reason == "" {
		return p.Detail
	}
	return p.Reason
}

// connect makes a step of a connection that must not come about.
func (a *actor) connect(addr string) func(context.Context) (string, string, error) {
	return func(ctx context.Context) (string, string, error) {
		c, err := a.tunnel.DialContext(ctx, "tcp", addr)
		if err == nil {
			return allowed, "connected", c.Close()
		}
		var dns *net.DNSError
		if errors.As(err, &dns) {
			return refused, "no such name, and no question about it left the gateway", nil
		}
		return refused, "connection refused, at once", nil
	}
}

// sql makes a step of a statement, in a session of its own like psql -c.
func (a *actor) sql(text string) func(context.Context) (string, string, error) {
	return func(ctx context.Context) (string, string, error) {
		conf, err := pgx.ParseConfig("postgres://agent@" + dbHost + "/" + database + "?sslmode=disable")
		if err != nil {
			return "", "", err
		}
		conf.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
		conf.DialFunc = a.tunnel.DialContext
		conf.TLSConfig = &tls.Config{RootCAs: a.roots, ServerName: dbHost}
		c, err := pgx.ConnectConfig(ctx, conf)
		if err != nil {
			return "", "", err
		}
		defer c.Close(ctx)
		rows, _ := c.Query(ctx, text, pgx.QueryExecModeSimpleProtocol) // CollectRows tells the error
		values, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (string, error) {
			v, err := r.Values()
			return fmt.Sprint(v...), err
		})
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "42501" {
			return denied, pg.Code + " " + pg.Message, nil
		}
		return allowed, strings.Join(values, ", "), err
	}
}

// Play runs one step.
func (s Step) Play(ctx context.Context) (got, detail string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.Try(ctx)
}
