package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sallyport.dev/sallyport/internal/node"
)

// A Client talks to a running gateway, over its admin socket or over HTTP with a
// token.
type Client struct {
	where string // the socket, or the URL
	base  string // what paths are added to
	token string
	http  *http.Client
	match string // the revision that a change is made for
}

// For gives a client whose changes are made for one revision, and refused if it
// is no longer the current one.
func (c *Client) For(revision string) *Client {
	other := *c
	other.match = `"` + revision + `"`
	return &other
}

// Client finds the gateway: --gateway, $SALLYPORT_URL, else the socket in its state
// directory.
func (r *Env) Client() *Client {
	where := cmp.Or(r.Gateway, os.Getenv("SALLYPORT_URL"), filepath.Join(r.State(), node.AdminSocket))
	where = strings.TrimPrefix(where, "unix://")
	if strings.Contains(where, "://") {
		return &Client{where: where, base: strings.TrimRight(where, "/"), token: os.Getenv("SALLYPORT_TOKEN"), http: &http.Client{
			Transport:     &http.Transport{DialContext: new(net.Dialer).DialContext, Proxy: http.ProxyFromEnvironment},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for one place
		}}
	}
	return &Client{where: where, base: "http://sallyport", http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", where)
		},
	}}}
}

// tailnet is where plain HTTP is encrypted all the same.
func tailnet() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fd7a:115c:a1e0::/48")}
}

// check fails for an address by which a token would cross a network in the clear.
func (c *Client) check() error {
	if c.base == "http://sallyport" {
		return nil
	}
	u, err := url.Parse(c.base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ExitError{Code: ExitUsage, Err: fmt.Errorf("%s is neither a socket nor an URL of a gateway, like https://sallyport.corp.ts.net", c.where)}
	}
	addr, err := netip.ParseAddr(u.Hostname())
	near := u.Hostname() == "localhost" || err == nil && (addr.IsLoopback() || slices.ContainsFunc(tailnet(), func(p netip.Prefix) bool { return p.Contains(addr) }))
	if u.Scheme == "http" && c.token != "" && !near {
		return ExitError{Code: ExitUsage, Err: fmt.Errorf("the token is not sent to %s: use https, localhost or an address of the tailnet", c.where)}
	}
	return nil
}

// Call sends in (nil: no body) and decodes the answer into out (nil: ignored).
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.Do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return ExitError{Code: ExitUnreachable, Err: fmt.Errorf("what answers at %s is no gateway, or one of another version: its answer to %s %s is not understood (%w)", c.where, method, path, err)}
	}
	return nil
}

// Do sends a request and gives the answer, whose body the caller closes.
func (c *Client) Do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode the request to %s: %w", path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.match != "" {
		req.Header.Set("If-Match", c.match)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized && c.token == "" {
		return nil, ExitError{Code: ExitFailed, Err: fmt.Errorf("the gateway at %s wants to know who asks: set SALLYPORT_TOKEN to what `sallyport token create` has printed there", c.where)}
	}
	return nil, problem(resp)
}

// problem makes an error of an answer that is none. What was asked for wrongly
// is an error of usage.
func problem(resp *http.Response) error {
	var p struct{ Detail string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&p); err != nil || p.Detail == "" {
		p.Detail = "the gateway answers " + resp.Status
	}
	code := ExitFailed
	if resp.StatusCode == http.StatusBadRequest {
		code = ExitUsage
	}
	return ExitError{Code: code, Status: resp.StatusCode, Err: errors.New(Printable(p.Detail))}
}

// unreachable says what to do about a gateway that does not answer.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	why, cure := err, "start one with `sallyport serve`, or say where it is with -c, --gateway or SALLYPORT_URL"
	var op *net.OpError
	if errors.As(err, &op) {
		why = op.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		cure = "its socket is for the user that runs it and for root: use sudo, or its dashboard's URL with a token"
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		why = errors.New("it hung up")
		cure = "it talks to the user that runs it and to root only: use sudo, or its dashboard's URL with a token"
	case errors.Is(err, syscall.ECONNREFUSED) && c.base == "http://sallyport":
		cure = "one that ran there is gone; start it again with `sallyport serve`"
	}
	return ExitError{Code: ExitUnreachable, Err: fmt.Errorf("no gateway answers at %s (%w); %s", c.where, why, cure)}
}
