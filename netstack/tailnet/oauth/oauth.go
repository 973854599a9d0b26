// Package oauth makes auth keys for nodes with the secret of an OAuth client of
// Tailscale's. It keeps neither, logs neither, and makes no key without tags.
package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	prefix = "tskey-client-"
	api    = "https://api.tailscale.com"

	mintTime  = 20 * time.Second
	keyLife   = 60 * 60  // seconds that a key may be used in; it is used at once
	maxAnswer = 64 << 10 // bytes
)

// What keeps a key from being made.
var (
	errUntagged = errors.New("an OAuth client makes keys for nodes with tags only: write tags = [\"tag:sallyport\"] into the tailnet block")
	errNoHTTP   = errors.New("this gateway asks nobody by HTTP")
)

// Is reports whether a text is the secret of an OAuth client, and no auth key.
func Is(text string) bool { return strings.HasPrefix(text, prefix) }

// A client is an OAuth client's secret with what may stand behind it, in the
// spelling of Tailscale's own programs: ?preauthorized=false&ephemeral=true&baseURL=….
type client struct {
	secret       string
	base         string
	ephemeral    bool // false unless said: a gateway that is off stays in the tailnet
	preauthorize bool // true unless said
}

func parse(text string) (client, error) {
	secret, more, _ := strings.Cut(text, "?")
	c := client{secret: secret, base: api, preauthorize: true}
	said, err := url.ParseQuery(more)
	if err != nil {
		return c, errors.New("what stands behind the OAuth secret is no list of attributes") // the cause might quote the secret
	}
	for name, values := range said {
		switch name {
		case "baseURL":
			c.base = strings.TrimSuffix(values[0], "/")
		case "ephemeral":
			c.ephemeral, err = strconv.ParseBool(values[0])
		case "preauthorized":
			c.preauthorize, err = strconv.ParseBool(values[0])
		default:
			return c, fmt.Errorf("attribute %q behind the OAuth secret is not known", name)
		}
		if err != nil {
			return c, fmt.Errorf("attribute %q behind the OAuth secret is neither true nor false", name) // the cause quotes what was written
		}
	}
	return c, nil
}

// Mint makes an auth key for one node with these tags. Without tags it makes none:
// the node would be the client's owner's, and its key would expire.
func Mint(ctx context.Context, by *http.Client, text string, tags []string) (string, error) {
	switch {
	case len(tags) == 0:
		return "", errUntagged
	case by == nil:
		return "", errNoHTTP
	}
	c, err := parse(text)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, mintTime)
	defer cancel()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"sallyport"}, "client_secret": {c.secret}}
	var token struct {
		Token string `json:"access_token"`
	}
	err = post(ctx, by, c.base+"/api/v2/oauth/token", "application/x-www-form-urlencoded", "", []byte(form.Encode()), &token)
	if err != nil {
		return "", fmt.Errorf("take a token with the OAuth client: %w", err)
	}
	body, err := json.Marshal(map[string]any{
		"description": "sallyport gateway", "expirySeconds": keyLife,
		"capabilities": map[string]any{"devices": map[string]any{"create": map[string]any{
			"reusable": false, "ephemeral": c.ephemeral, "preauthorized": c.preauthorize, "tags": tags,
		}}},
	})
	if err != nil {
		return "", err
	}
	var made struct {
		Key string `json:"key"`
	}
	if err := post(ctx, by, c.base+"/api/v2/tailnet/-/keys", "application/json", token.Token, body, &made); err != nil {
		return "", fmt.Errorf("make an auth key with the OAuth client: %w", err)
	}
	if made.Key == "" {
		return "", errors.New("make an auth key with the OAuth client: the answer has none")
	}
	return made.Key, nil
}

// post sends one request of the API and reads the answer. Its errors hold what the
// API says, which knows no secret, and nothing that was sent.
func post(ctx context.Context, by *http.Client, to, kind, bearer string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := by.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var why struct{ Message string }
		if json.Unmarshal(text, &why) != nil || why.Message == "" {
			why.Message = "no reason given"
		}
		return fmt.Errorf("%s answers %s: %.200s", req.URL.Host, resp.Status, why.Message)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s gives an answer that does not read as one", req.URL.Host)
	}
	return nil
}
