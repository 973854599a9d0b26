package grant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// deviceGrant is the type of a device's grant (RFC 8628, 3.4).
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// Bounds of what a server may ask for.
const (
	defaultInterval = 5 * time.Second
	maxInterval     = time.Minute
	maxDeviceLife   = 30 * time.Minute
)

// A Device is a person on the way through a browser elsewhere, with a code to type
// in (RFC 8628). It belongs to one goroutine at a time and does not print.
type Device struct {
	UserCode string    // what the person types
	Page     string    // where
	Complete string    // the page with the code in it; "": there is none
	Until    time.Time // it is over by then
	Host     string    // whom the person is asked by

	code     string
	interval time.Duration
	next     time.Time // it is not asked for before
	spec     Spec
	at       server
	client   proof
	grant    Grant
}

// Format prints nothing of it.
func (Device) Format(f fmt.State, r rune) { Grant{}.Format(f, r) }

// BeginDevice asks for a code that a person types in.
func (c *Client) BeginDevice(ctx context.Context, s Spec, secret, name string) (*Device, error) {
	d := &Device{spec: s}
	var err error
	if d.at, err = c.find(ctx, &s, secret); err != nil {
		return nil, err
	}
	u, err := s.place(d.at.device)
	if err != nil {
		return nil, fmt.Errorf("no code to type in: %w", err)
	}
	if err := c.known(ctx, &s, &d.at, name, "", &d.grant); err != nil {
		return nil, err
	}
	d.client, d.Host = s.proof(secret, d.grant), u.Host
	if len(s.Scopes) == 0 {
		s.Scopes = d.at.scopes
	}
	form := url.Values{"client_id": {d.client.id}}
	s.terms(form, d.grant)
	var got struct {
		Device   string      `json:"device_code"`
		User     string      `json:"user_code"`
		Page     string      `json:"verification_uri"`
		Older    string      `json:"verification_url"` // Google
		Complete string      `json:"verification_uri_complete"`
		Life     json.Number `json:"expires_in"`
		Interval json.Number `json:"interval"`
	}
	if err := c.post(ctx, &s, d.at.device, form, d.client, &got); err != nil {
		return nil, err
	}
	if got.Page == "" {
		got.Page = got.Older
	}
	if _, err := s.place(got.Page); err != nil || got.Device == "" || got.User == "" || len(got.User) > 64 {
		return nil, fmt.Errorf("%s gives no code to type in", d.Host)
	}
	if _, err := s.place(got.Complete); err == nil {
		d.Complete = got.Complete
	}
	now := c.now()
	d.code, d.UserCode, d.Page = got.Device, got.User, got.Page
	d.interval = min(max(seconds(got.Interval, defaultInterval), time.Second), maxInterval)
	d.Until, d.next = now.Add(min(seconds(got.Life, maxDeviceLife), maxDeviceLife)), now.Add(d.interval)
	return d, nil
}

func seconds(n json.Number, otherwise time.Duration) time.Duration {
	if v, err := n.Int64(); err == nil && v > 0 && v < 1<<31 {
		return time.Duration(v) * time.Second
	}
	return otherwise
}

var (
	errOver = errors.New("nobody typed the code in in time; begin again")
	errNo   = errors.New("the person said no")
)

// Poll asks whether the person has agreed, if it is time to: no more often than the
// server wants. done is false while that is open.
func (c *Client) Poll(ctx context.Context, d *Device) (g Grant, done bool, err error) {
	now := c.now()
	switch {
	case !now.Before(d.Until):
		return Grant{}, true, errOver
	case now.Before(d.next):
		return Grant{}, false, nil
	}
	form := url.Values{"grant_type": {deviceGrant}, "device_code": {d.code}}
	if d.at.resource != "" {
		form.Set("resource", d.at.resource)
	}
	t, err := c.token(ctx, &d.spec, d.at.token, form, d.client)
	d.next = c.now().Add(d.interval)
	var refused *Refusal
	switch code(err) {
	case "authorization_pending":
		return Grant{}, false, nil
	case "slow_down": // RFC 8628, 3.5
		d.interval += defaultInterval
		d.next = c.now().Add(d.interval)
		return Grant{}, false, nil
	case "access_denied":
		return Grant{}, true, errNo
	case "expired_token":
		return Grant{}, true, errOver
	}
	switch {
	case err == nil:
		g, err = c.granted(t, d.grant, d.Host)
		return g, true, err
	case errors.As(err, &refused):
		return Grant{}, true, err
	}
	// Nobody answered: it is asked again, later and later.
	d.interval = min(2*d.interval, maxInterval)
	d.next = c.now().Add(d.interval)
	return Grant{}, false, nil
}
