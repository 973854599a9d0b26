package grant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/sallyport/vault/answer"
)

const (
	// maxAnswer bounds what a server may answer.
	maxAnswer = 64 << 10
	// askFor bounds one question.
	askFor = 15 * time.Second
)

// A Refusal is an answer that is none: its status, and the code for what was wrong
// (RFC 6749, 5.2).
type Refusal struct{ Host, Status, Code string }

func (r *Refusal) Error() string {
	if r.Code == "" {
		return r.Host + " answers " + r.Status
	}
	return fmt.Sprintf("%s answers %s: %.80q", r.Host, r.Status, r.Code)
}

// code gives the code of a Refusal, "" of any other error.
func code(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// Send makes a request whose answer is JSON. No error tells what was sent, or more
// of the answer than the word for what was wrong.
func Send(client *http.Client, req *http.Request, want int, out any) error {
	if err := secure(req.URL); err != nil {
		return err
	}
	a, err := answer.Read(client, req, maxAnswer)
	if err != nil {
		return unreached(req.URL.Host, err)
	}
	if a.Code != want {
		return &Refusal{Host: a.Host, Status: a.Status, Code: problem(a.Body)}
	}
	return a.JSON(out)
}

// unreached leaves the address out of an error: what follows the path may be a
// secret.
func unreached(host string, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("ask %s: %w", host, err)
}

// secure refuses to send a secret in the clear, but to this very host.
func secure(u *url.URL) error {
	switch {
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && near(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%s is not asked without TLS", u.Redacted())
}

func near(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// problem gives the error code of an answer (RFC 6749, 5.2).
func problem(b []byte) string {
	var said struct {
		Error   any    `json:"error"`
		Message string `json:"message"` // GitHub
	}
	if json.Unmarshal(b, &said) != nil {
		return ""
	}
	if text, _ := said.Error.(string); text != "" {
		return text
	}
	return said.Message
}

// place reads an address that a server named: over TLS, or beside what the operator
// named on this very host; without a fragment or a password.
func (s *Spec) place(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > 2048 || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("%.100q is no address of an authorization server", text)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && near(u.Hostname()) && s.names(u.Hostname())) {
		return nil, fmt.Errorf("%.100q is not asked without TLS", text)
	}
	return u, nil
}

// road gives the client that an address may be reached by. The authority that the
// operator states vouches for whom they named, and for nobody else.
func (c *Client) road(s *Spec, to *url.URL) (*http.Client, error) {
	client, ca := c.found, ""
	if s.names(to.Hostname()) {
		client, ca = c.named, s.CA
	}
	switch {
	case client != nil:
	case s.names(to.Hostname()):
		return nil, fmt.Errorf("%s is not asked: this gateway asks nobody on its own account, as in a demo", to.Host)
	default:
		return nil, fmt.Errorf("%s is not asked: the configuration does not name it", to.Host)
	}
	return answer.Trust(client, ca)
}

// ask sends a request by the road that its host may be reached by.
func (c *Client) ask(ctx context.Context, s *Spec, req *http.Request, want int, out any) error {
	client, err := c.road(s, req.URL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sallyport")
	return Send(client, req.WithContext(ctx), want, out)
}

// get reads metadata. A server that has none there is an error for which missing
// is true.
func (c *Client) get(ctx context.Context, s *Spec, at string, out any) error {
	u, err := s.place(at)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	return c.ask(ctx, s, req, http.StatusOK, out)
}

// missing reports whether a server said that it has no such page, or has another
// kind of page there.
func missing(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && strings.HasPrefix(r.Status, "4")
}
