//go:build nightly

package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
)

// program starts the first of these that is installed, as a server for developers, and
// gives its address.
func program(t *testing.T, root string) string {
	t.Helper()
	name := ""
	for _, p := range []string{"bao", "vault"} {
		if path, err := exec.LookPath(p); err == nil {
			name = path
			break
		}
	}
	if name == "" {
		notrun.Skip(t, "neither OpenBao (bao) nor HashiCorp Vault (vault) is installed")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := ln.Addr().String()
	ln.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, name, "server", "-dev", "-dev-root-token-id="+root, "-dev-listen-address="+at, "-dev-no-store-token")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var said strings.Builder
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &said, &said, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait() //nolint:errcheck // it was killed
		if t.Failed() {
			t.Log(said.String())
		}
	})
	return "http://" + at
}

// The real program answers as its documentation says, of which the other tests are made.
func TestTheRealProgram(t *testing.T) {
	const root = "root-of-this-test"
	address := program(t, root)
	tell := func(method, path, body string) (code int, data map[string]json.RawMessage) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, address+"/v1/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Vault-Token", root)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, nil // it has not begun yet
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var said struct{ Data map[string]json.RawMessage }
		if len(b) > 0 && json.Unmarshal(b, &said) != nil {
			t.Fatalf("%s %s: %s %s", method, path, resp.Status, b)
		}
		return resp.StatusCode, said.Data
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if code, _ := tell(http.MethodGet, "sys/health", ""); code == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not begin")
		}
	}
	text := func(data map[string]json.RawMessage, name string) (s string) {
		t.Helper()
		if err := json.Unmarshal(data[name], &s); err != nil || s == "" {
			t.Fatalf("no %s in %s", name, data)
		}
		return s
	}
	for _, step := range [][3]string{
		{"POST", "secret/data/db", `{"data":{"password":"pa55","port":5432}}`},
		{"POST", "sys/mounts/old", `{"type":"kv","options":{"version":"1"}}`},
		{"POST", "old/db", `{"password":"first-version"}`},
		{"POST", "sys/mounts/transit", `{"type":"transit"}`},
		{"POST", "transit/keys/gateway", `{}`},
		{"PUT", "sys/policies/acl/gateway", `{"policy":"path \"secret/data/db\" { capabilities = [\"read\"] }\npath \"old/db\" { capabilities = [\"read\"] }\npath \"transit/+/gateway\" { capabilities = [\"update\"] }"}`},
		{"POST", "sys/auth/approle", `{"type":"approle"}`},
		{"POST", "auth/approle/role/gateway", `{"token_policies":"gateway","token_ttl":"1h"}`},
	} {
		if code, _ := tell(step[0], step[1], step[2]); code != http.StatusOK && code != http.StatusNoContent {
			t.Fatalf("%s %s: %d", step[0], step[1], code)
		}
	}
	_, id := tell(http.MethodGet, "auth/approle/role/gateway/role-id", "")
	_, secret := tell(http.MethodPost, "auth/approle/role/gateway/secret-id", "{}")
	file := filepath.Join(t.TempDir(), "secret-id")
	if err := os.WriteFile(file, []byte(text(secret, "secret_id")), 0o600); err != nil {
		t.Fatal(err)
	}
	login := HashiLogin{RoleID: text(id, "role_id"), SecretIDFile: file}
	at := func(path, field string) *Hashi {
		return &Hashi{Client: http.DefaultClient, Address: address, Path: path, Field: field, Login: login}
	}
	db := at("secret/data/db", "password")
	for _, tt := range []struct {
		h    *Hashi
		want string
	}{
		{db, "pa55"}, {at("secret/data/db", "port"), "5432"}, {at("secret/data/db", "nothing"), `no field "nothing"`},
		{at("old/db", "password"), "first-version"}, {at("secret/data/other", "x"), "403"}, {at("old/db", ""), `{"password":"first-version"}`},
	} {
		got, err := tt.h.Fetch(t.Context())
		if s := fmt.Sprint(string(got.Value), err); !strings.Contains(s, tt.want) {
			t.Errorf("%s: %s, want %s", tt.h, s, tt.want)
		}
	}
	if code, _ := tell(http.MethodPut, "sys/leases/revoke-prefix/auth/approle", "{}"); code != http.StatusOK && code != http.StatusNoContent && code != http.StatusAccepted {
		t.Fatalf("revoke: %d", code)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) { // revoking takes its time
		_, err := db.Fetch(t.Context())
		if err != nil && strings.Contains(err.Error(), "403") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a token that was revoked is taken")
		}
	}
	if got, err := db.Fetch(t.Context()); err != nil || string(got.Value) != "pa55" {
		t.Errorf("after another login: %q, %v", got.Value, err)
	}
	seal := &Transit{Hashi: at("", ""), Key: "gateway"}
	sealed, err := seal.Encrypt(t.Context(), []byte("the key of the vault"))
	if err != nil || strings.Contains(sealed, "the key") {
		t.Fatalf("%s, %v", sealed, err)
	}
	if plain, err := seal.Decrypt(t.Context(), sealed); err != nil || string(plain) != "the key of the vault" {
		t.Errorf("%q, %v", plain, err)
	}
}
