package fetch

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/pki"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/hclconf/host"
)

// script writes a program.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "get")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrograms(t *testing.T) {
	t.Setenv("SALLYPORT_KEY", "the-key-of-the-vault")
	for _, c := range []struct{ name, text, want, wrong string }{
		{"prints", `printf 'a-secret-value\n'`, "a-secret-value", ""},
		{"arguments are no shell's", `printf '%s' "$1"`, "$(id) 'x'", ""},
		{"a clean environment", `printf 'v%s' "$SALLYPORT_KEY"`, "v", ""},
		{"fails", `echo not signed in >&2; exit 3`, "", `exit status 3: "not signed in"`},
		{"prints nothing", `:`, "", "prints nothing"},
		{"prints too much", `head -c 100000 /dev/zero`, "", "more than"},
	} {
		r, _, err := Remote(&policy.SecretConfig{Name: "s", Exec: []string{script(t, c.text), "$(id) 'x'"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Fetch(t.Context())
		switch {
		case c.wrong == "" && (err != nil || string(got.Value) != c.want):
			t.Errorf("%s: %q, %v", c.name, got.Value, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAProgramEndsWithItsContext(t *testing.T) {
	r, _, err := Remote(&policy.SecretConfig{Exec: []string{script(t, "exec sleep 60")}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Fetch(ctx); err == nil {
		t.Error("it ran on")
	}
}

func TestEveryPlace(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct {
		conf policy.SecretConfig
		want string
	}{
		{policy.SecretConfig{}, ""},
		{policy.SecretConfig{Env: "X"}, ""},
		{policy.SecretConfig{Exec: []string{"op", "read", "op://ops/pager/key"}}, "exec op"},
		{policy.SecretConfig{AWS: "arn:aws:secretsmanager:eu-west-1:1:secret:db"}, "aws arn:aws:secretsmanager:eu-west-1:1:secret:db"},
		{policy.SecretConfig{GCP: "projects/p/secrets/s"}, "gcp projects/p/secrets/s"},
		{policy.SecretConfig{Vault: &host.Vault{Address: "https://v", Path: "kv/data/db", Field: "a"}}, "vault https://v kv/data/db"},
		{policy.SecretConfig{Vault: &host.Vault{Address: "https://v", Path: "kv/data/db", Field: "b"}}, "vault https://v kv/data/db"},
	} {
		r, spec, err := Remote(&c.conf)
		if err != nil || (r == nil) != (c.want == "") || r != nil && r.String() != c.want {
			t.Errorf("%+v: %v, %v", c.conf, r, err)
		}
		if r != nil && seen[spec] {
			t.Errorf("%s is taken for another place", spec)
		}
		seen[spec] = true
	}
	if _, _, err := Remote(&policy.SecretConfig{AWS: "arn:aws:s3:::x"}); err == nil {
		t.Error("an ARN of something else is taken")
	}
}

// T18: a store that only an authority of its own vouches for gets no token, and gives no
// secret, unless the configuration names that authority.
func TestT18_AStoreProvesItself(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Token") != "hvs.1" || r.URL.Path != "/v1/kv/data/db" {
			http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
			return
		}
		io.WriteString(w, `{"data":{"data":{"password":"pa55"},"metadata":{"version":3}}}`)
	}))
	defer srv.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("hvs.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := pki.New("other")
	if err != nil {
		t.Fatal(err)
	}
	own := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	for _, c := range []struct{ name, ca, value, wrong string }{
		{"by the host's roots", "", "", "unknown authority"},
		{"by another's", string(other.PEM()), "", "unknown authority"},
		{"by its own", own, "pa55", ""},
	} {
		r, _, err := Remote(&policy.SecretConfig{Vault: &host.Vault{Address: srv.URL, Path: "kv/data/db", Field: "password", TokenFile: token, CA: c.ca}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Fetch(t.Context())
		if string(got.Value) != c.value || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %q, %v", c.name, got.Value, err)
		}
	}
	if _, _, err := Remote(&policy.SecretConfig{Vault: &host.Vault{Address: srv.URL, Path: "kv/data/db", TokenFile: token, CA: "none"}}); err == nil {
		t.Error("no certificate proves it")
	}
}
