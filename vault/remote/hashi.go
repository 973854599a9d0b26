package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/vault"
)

// Hashi is one secret of a HashiCorp Vault or an OpenBao, by their HTTP API
// (developer.hashicorp.com/vault/api-docs). It keeps its login while that lasts.
type Hashi struct {
	Client    *http.Client
	Address   string // "https://vault.acme.dev"
	Namespace string // "": none
	Path      string // "kv/data/db", "database/creds/app"
	Field     string // "": the whole of it, as JSON
	Login     HashiLogin

	mu    sync.Mutex
	token string    // guarded by mu
	until time.Time // guarded by mu; zero: as long as it is taken
}

// HashiLogin says how to log in. Exactly one of TokenFile, JWTFile and RoleID is
// set.
type HashiLogin struct {
	Mount        string // where the method is mounted; "": where it usually is
	TokenFile    string
	Role         string // of JWTFile
	JWTFile      string // as Kubernetes gives one to a pod
	RoleID       string // of an AppRole
	SecretIDFile string
}

var _ vault.Remote = (*Hashi)(nil)

func (h *Hashi) String() string { return "vault " + h.Address + " " + h.Path }

// A reply is what every read of the API gives.
type reply struct {
	LeaseID       string                     `json:"lease_id"`
	LeaseDuration int64                      `json:"lease_duration"` // seconds
	Data          map[string]json.RawMessage `json:"data"`
	Auth          struct {
		Token         string `json:"client_token"`
		LeaseDuration int64  `json:"lease_duration"`
	} `json:"auth"`
}

// Fetch reads the secret. What an engine makes for the occasion, such as an
// account of a database, lasts as long as its lease.
func (h *Hashi) Fetch(ctx context.Context) (vault.Fetched, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.loginLocked(ctx); err != nil {
		return vault.Fetched{}, fmt.Errorf("log in to %s: %w", h.Address, err)
	}
	var got reply
	if err := h.callLocked(ctx, http.MethodGet, h.Path, nil, &got); err != nil {
		h.token = "" // it may have been revoked
		return vault.Fetched{}, fmt.Errorf("read %s: %w", h.Path, err)
	}
	data := got.Data
	if inner, ok := data["data"]; ok && data["metadata"] != nil { // version 2 of the kv engine
		data = nil
		if err := json.Unmarshal(inner, &data); err != nil || data == nil {
			return vault.Fetched{}, fmt.Errorf("read %s: this version of it is deleted", h.Path)
		}
	}
	value, err := h.value(data)
	if err != nil {
		return vault.Fetched{}, fmt.Errorf("read %s: %w", h.Path, err)
	}
	f := vault.Fetched{Value: value}
	if got.LeaseID != "" {
		f.Life = time.Duration(got.LeaseDuration) * time.Second
	}
	return f, nil
}

func (h *Hashi) value(data map[string]json.RawMessage) ([]byte, error) {
	if h.Field != "" {
		return field(data, h.Field)
	}
	if len(data) == 0 {
		return nil, errors.New("it holds nothing")
	}
	return json.Marshal(data)
}

// loginLocked gets a token, unless there is one that lasts.
func (h *Hashi) loginLocked(ctx context.Context) error {
	if h.Login.TokenFile != "" { // somebody else renews it
		token, err := readToken(h.Login.TokenFile)
		h.token = token
		return err
	}
	if h.token != "" && (h.until.IsZero() || time.Now().Before(h.until)) {
		return nil
	}
	path, body, err := h.Login.request()
	if err != nil {
		return err
	}
	h.token = ""
	var got reply
	if err := h.callLocked(ctx, http.MethodPost, path, body, &got); err != nil {
		return err
	}
	if got.Auth.Token == "" {
		return errors.New("it gives no token")
	}
	h.token, h.until = got.Auth.Token, time.Time{}
	if s := got.Auth.LeaseDuration; s > 0 {
		h.until = time.Now().Add(time.Duration(s) * time.Second * 3 / 4)
	}
	return nil
}

// request gives the path and body of a login.
func (l HashiLogin) request() (path string, body map[string]string, err error) {
	if l.RoleID != "" {
		secret, err := readToken(l.SecretIDFile)
		return "auth/" + orElse(l.Mount, "approle") + "/login", map[string]string{"role_id": l.RoleID, "secret_id": secret}, err
	}
	jwt, err := readToken(l.JWTFile)
	return "auth/" + orElse(l.Mount, "kubernetes") + "/login", map[string]string{"role": l.Role, "jwt": jwt}, err
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (h *Hashi) callLocked(ctx context.Context, method, path string, body, out any) error {
	header := http.Header{"X-Vault-Request": {"true"}}
	if h.token != "" {
		header.Set("X-Vault-Token", h.token)
	}
	if h.Namespace != "" {
		header.Set("X-Vault-Namespace", h.Namespace)
	}
	if b, ok := body.(map[string]string); ok && b == nil {
		body = nil
	}
	return call(ctx, h.Client, method, strings.TrimSuffix(h.Address, "/")+"/v1/"+strings.TrimPrefix(path, "/"), header, body, out)
}
