package grant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A server is an authorization server as the configuration or its metadata names
// it.
type server struct {
	issuer                             string
	token, authorize, device, register string
	says                               bool     // who it is, in every answer (RFC 9207)
	methods                            []string // by which a client may prove itself; nil: it does not say
	resource                           string   // what the tokens are for, as the resource names itself
	scopes                             []string // that the resource knows
}

var errLent = errors.New("a client_secret is for a server that the configuration names, not for one that the resource does; write its issuer")

// find gives the server of an account, and asks for what the configuration does not
// say. secret is the client's.
func (c *Client) find(ctx context.Context, s *Spec, secret string) (server, error) {
	at := server{issuer: s.Issuer, resource: s.Resource}
	if s.TokenURL == "" && s.Issuer == "" {
		switch {
		case s.Resource == "":
			return server{}, errors.New("the configuration names no authorization server")
		case secret != "": // of one server, and the resource may name any
			return server{}, errLent
		}
		if err := c.protected(ctx, s, &at); err != nil {
			return server{}, err
		}
	}
	if s.TokenURL == "" || s.ClientID == "" || s.Flow == FlowCode && s.AuthorizeURL == "" || s.Flow == FlowDevice && s.DeviceURL == "" {
		if err := c.metadata(ctx, s, &at); err != nil {
			return server{}, err
		}
	}
	for _, stated := range []struct {
		by   string
		into *string
	}{{s.TokenURL, &at.token}, {s.AuthorizeURL, &at.authorize}, {s.DeviceURL, &at.device}} {
		if stated.by != "" {
			*stated.into = stated.by
		}
	}
	return at, nil
}

// wellKnown is where the metadata of something stands (RFC 8615; RFC 8414, 3;
// RFC 9728, 3): between its host and its path.
func wellKnown(of *url.URL, name string) string {
	return of.Scheme + "://" + of.Host + "/.well-known/" + name + strings.TrimSuffix(of.EscapedPath(), "/")
}

// protected asks a resource who gives tokens for it (RFC 9728). One that has no
// metadata is taken to be its own authorization server.
func (c *Client) protected(ctx context.Context, s *Spec, at *server) error {
	u, err := s.place(s.Resource)
	if err != nil {
		return err
	}
	root := &url.URL{Scheme: u.Scheme, Host: u.Host}
	places := []string{wellKnown(u, "oauth-protected-resource"), wellKnown(root, "oauth-protected-resource")}
	if told := c.challenge(ctx, s, u); told != "" {
		places = []string{told}
	}
	for _, place := range slices.Compact(places) {
		var said struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Scopes   []string `json:"scopes_supported"`
		}
		err := c.get(ctx, s, place, &said)
		switch {
		case missing(err):
			continue
		case err != nil:
			return err
		case !within(s.Resource, said.Resource):
			return fmt.Errorf("%s says that it is %.200q and not %q; if that is right, write it as resource", u.Host, said.Resource, s.Resource)
		case len(said.Servers) == 0:
			return fmt.Errorf("%s names no authorization server", u.Host)
		}
		at.issuer, at.resource, at.scopes = said.Servers[0], said.Resource, said.Scopes
		return nil
	}
	at.issuer = root.String()
	return nil
}

// within reports whether a resource is the one that was named, or stands below it.
func within(resource, named string) bool {
	if resource == named {
		return true
	}
	a, err1 := url.Parse(resource)
	b, err2 := url.Parse(named)
	if err1 != nil || err2 != nil || a.Scheme != b.Scheme || a.Host != b.Host || b.RawQuery != "" || b.Fragment != "" {
		return false
	}
	above := strings.TrimSuffix(b.Path, "/")
	return a.Path == above || strings.HasPrefix(a.Path, above+"/")
}

// told finds the address of the metadata in a challenge (RFC 9728, 5.1).
var told = regexp.MustCompile(`(?i)(?:^|[\s,])resource_metadata\s*=\s*"([^"\\]+)"`)

// challenge asks the resource itself, as somebody without a token; "" if it does not
// say where its metadata is.
func (c *Client) challenge(ctx context.Context, s *Spec, u *url.URL) string {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return ""
	}
	client, err := c.road(s, u)
	if err != nil {
		return ""
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close() //nolint:errcheck // only its head is read
	if resp.StatusCode != http.StatusUnauthorized {
		return ""
	}
	for _, v := range resp.Header.Values("WWW-Authenticate") {
		if m := told.FindStringSubmatch(v); m != nil {
			return m[1]
		}
	}
	return ""
}

// metadata reads what a server says of itself (RFC 8414), or what it says as a
// provider of OpenID Connect.
func (c *Client) metadata(ctx context.Context, s *Spec, at *server) error {
	if at.issuer == "" {
		return fmt.Errorf("the configuration names no %s, and no issuer that could be asked", map[string]string{FlowDevice: "device_url"}[s.Flow]+map[string]string{FlowCode: "authorize_url"}[s.Flow])
	}
	u, err := s.place(at.issuer)
	if err != nil {
		return err
	}
	var said struct {
		Issuer    string   `json:"issuer"`
		Token     string   `json:"token_endpoint"`
		Authorize string   `json:"authorization_endpoint"`
		Device    string   `json:"device_authorization_endpoint"`
		Register  string   `json:"registration_endpoint"`
		PKCE      []string `json:"code_challenge_methods_supported"`
		Methods   []string `json:"token_endpoint_auth_methods_supported"`
		Says      bool     `json:"authorization_response_iss_parameter_supported"`
	}
	for _, place := range []string{
		wellKnown(u, "oauth-authorization-server"), wellKnown(u, "openid-configuration"),
		strings.TrimSuffix(at.issuer, "/") + "/.well-known/openid-configuration",
	} {
		if err = c.get(ctx, s, place, &said); err == nil || !missing(err) {
			break
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("what %s says of itself: %w", u.Host, err)
	case said.Issuer != at.issuer && strings.TrimSuffix(said.Issuer, "/") != strings.TrimSuffix(at.issuer, "/"):
		return fmt.Errorf("%s says that it is %.200q and not %q", u.Host, said.Issuer, at.issuer)
	case said.Token == "":
		return fmt.Errorf("%s names no token endpoint", u.Host)
	case s.Flow == FlowCode && !slices.Contains(said.PKCE, "S256") && (said.PKCE != nil || s.Issuer == ""):
		return fmt.Errorf("%s knows no proof key by S256, without which no code is asked for", u.Host)
	}
	at.issuer = said.Issuer
	at.token, at.authorize, at.device, at.register = said.Token, said.Authorize, said.Device, said.Register
	at.says, at.methods = said.Says, said.Methods
	return nil
}

// enrol makes the gateway a client of a server (RFC 7591) and writes into g who it is
// there.
func (c *Client) enrol(ctx context.Context, s *Spec, at *server, name, redirect string, g *Grant) error {
	u, err := s.place(at.token)
	if err != nil {
		return err
	}
	if at.register == "" {
		return fmt.Errorf("%s registers nobody by itself: make a client there, and write its client_id", u.Host)
	}
	method := "none"
	if at.methods != nil && !slices.Contains(at.methods, method) {
		if method = "client_secret_basic"; !slices.Contains(at.methods, method) {
			method = "client_secret_post"
		}
	}
	ask := map[string]any{
		"client_name": "Sallyport (" + name + ")", "grant_types": []string{s.grantType(), "refresh_token"},
		"token_endpoint_auth_method": method,
	}
	if s.Flow == FlowCode {
		ask["redirect_uris"], ask["response_types"] = []string{redirect}, []string{"code"}
	}
	if len(s.Scopes) > 0 {
		ask["scope"] = strings.Join(s.Scopes, " ")
	}
	var got struct {
		ID     string   `json:"client_id"`
		Secret string   `json:"client_secret"`
		Method string   `json:"token_endpoint_auth_method"`
		Back   []string `json:"redirect_uris"`
	}
	if err := c.register(ctx, s, at.register, ask, &got); err != nil {
		return fmt.Errorf("register with %s: %w", u.Host, err)
	}
	switch {
	case got.ID == "":
		return fmt.Errorf("register with %s: it gives no client_id", u.Host)
	case got.Back != nil && s.Flow == FlowCode && !slices.Contains(got.Back, redirect):
		return fmt.Errorf("register with %s: it leads the browser elsewhere than to %s", u.Host, redirect)
	}
	g.ClientID, g.InBody = got.ID, got.Method == "client_secret_post"
	if got.Method != "none" {
		g.ClientSecret = got.Secret
	}
	return nil
}

// register posts what a client is. A server answers 201, or 200.
func (c *Client) register(ctx context.Context, s *Spec, endpoint string, ask map[string]any, out any) error {
	u, err := s.place(endpoint)
	if err != nil {
		return err
	}
	b, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return c.ask(ctx, s, req, http.StatusCreated, out)
}

// grantType is what the flow is called where a client registers.
func (s *Spec) grantType() string {
	if s.Flow == FlowDevice {
		return deviceGrant
	}
	return FlowCode
}
