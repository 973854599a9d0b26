// Package probe tries an account of an HTTP service: one harmless request, which
// the service names, with the credential of its agents. What comes back is a
// status and nothing else.
package probe

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault"
)

// maxHead bounds what an upstream may say before its body.
const maxHead = 64 << 10

// Open gives the account of the service, nil where it has none.
type Open = func(context.Context) (*vault.Credential, error)

// Try proves the upstream and sends the service's own probe to host. It reads no
// more of the answer than its head. The caller closes w, also when ctx ends.
func Try(ctx context.Context, w protocols.Wire, svc *action.Service, host string, open Open) (*tls.ConnectionState, []action.Step) {
	if svc.Plaintext {
		return nil, []action.Step{
			{Name: "tls", State: "skipped", Says: "the service speaks without TLS"},
			account(ctx, w, svc, "http://"+host, open),
		}
	}
	begun := time.Now()
	c, err := w.Secure(ctx, "http/1.1")
	if err != nil {
		return nil, []action.Step{action.Failed("tls", err)}
	}
	state := c.ConnectionState()
	took := time.Since(begun)
	return &state, []action.Step{
		{Name: "tls", State: "ok", Says: tls.VersionName(state.Version) + ", and the certificate is good", Took: took},
		account(ctx, c, svc, "https://"+host, open),
	}
}

// account sends the probe to base.
func account(ctx context.Context, c net.Conn, svc *action.Service, base string, open Open) action.Step {
	step := action.Step{Name: "account", State: "skipped"}
	if svc.Passthrough {
		step.Says = "what is passed through takes no secret"
		return step
	}
	cred, err := open(ctx)
	if err != nil {
		return action.Failed("account", err)
	}
	line, fields, _ := strings.Cut(svc.Probe, "\n")
	method, target, ok := strings.Cut(line, " ")
	if !ok {
		step.Says = `the service names no harmless request to try its secret with: probe = "GET /path"`
		return step
	}
	begun := time.Now()
	status, err := send(ctx, c, method, base+target, fields, cred)
	if err != nil {
		return action.Failed("account", err)
	}
	return judged(status, line, cred, time.Since(begun))
}

// send gives the status of one request.
func send(ctx context.Context, c net.Conn, method, url, fields string, cred *vault.Credential) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return 0, fmt.Errorf("the probe cannot be sent: %w", err)
	}
	r.Header.Set("User-Agent", "sallyport")
	r.Header.Set("Accept", "application/json, */*;q=0.5")
	for field := range strings.Lines(fields) {
		name, value, _ := strings.Cut(strings.TrimSpace(field), ": ")
		r.Header.Set(name, value)
	}
	r.Close = true
	if cred != nil {
		if err := cred.Authorize(r); err != nil {
			return 0, err
		}
	}
	if err := r.Write(c); err != nil {
		return 0, fmt.Errorf("send the probe: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, maxHead)), r)
	if err != nil {
		return 0, fmt.Errorf("no answer to the probe that can be read: %w", err)
	}
	resp.Body.Close() //nolint:errcheck // only the head counts
	return resp.StatusCode, nil
}

// judged says what a status means for the account.
func judged(status int, probe string, cred *vault.Credential, took time.Duration) action.Step {
	s := action.Step{Name: "account", State: "unsure", Took: took}
	said := fmt.Sprintf("%d to %s", status, probe)
	if cred == nil {
		s.State, s.Says = "ok", said+"; the service has no account"
		return s
	}
	secret := cmp.Or(cred.Label(), "the credential")
	switch {
	case status == http.StatusUnauthorized:
		s.State, s.Says = "failed", said+": the upstream does not take "+secret
	case status == http.StatusForbidden:
		s.Says = said + ": " + secret + " may not do this, whether it is known or not"
	case status < http.StatusMultipleChoices:
		s.State, s.Says = "ok", said+": the upstream takes "+secret
	default:
		s.Says = said + ", which says nothing about " + secret
	}
	return s
}
