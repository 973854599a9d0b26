package safe

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/hclconf/host"
	"sallyport.dev/sallyport/vault"
)

// T18: the key of the vault goes to a transit engine that its own authority proves, and
// to no other; a gateway that cannot ask there does not start with a new key.
func TestT18_TheKeeperOfTheKeyProvesItself(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Plaintext, Ciphertext string }
		if json.NewDecoder(r.Body).Decode(&sent) != nil || r.Method != http.MethodPost || r.Header.Get("X-Vault-Token") != "hvs.1" {
			http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
			return
		}
		switch plain, sealed := strings.CutPrefix(sent.Ciphertext, "vault:v1:"); {
		case r.URL.Path == "/v1/transit/encrypt/gateway" && sent.Plaintext != "":
			fmt.Fprintf(w, `{"data":{"ciphertext":%q,"key_version":1}}`, "vault:v1:"+sent.Plaintext)
		case r.URL.Path == "/v1/transit/decrypt/gateway" && sealed:
			fmt.Fprintf(w, `{"data":{"plaintext":%q}}`, plain)
		default:
			http.Error(w, `{"errors":["no handler"]}`, http.StatusNotFound)
		}
	}))
	defer srv.Close()
	dir := filepath.Join(t.TempDir(), "state")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("hvs.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	open := func(ca string) (*Safe, error) {
		return Open(t.Context(), Options{
			Dir: dir, Store: s, Log: slog.New(slog.DiscardHandler), Client: &http.Client{Transport: http.DefaultTransport},
			Key: policy.KeyConfig{Transit: &host.Vault{Address: srv.URL, Path: "transit", Field: "gateway", TokenFile: token, CA: ca}},
		})
	}
	own := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	if _, err := open(""); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("an engine that nothing proves: %v", err)
	}
	first, err := open(own)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Vault.Put(t.Context(), "x", vault.NewSecret([]byte("a-value")), "ana"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(""); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("once more: %v", err)
	}
	second, err := open(own)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.Vault.Value("x"); err != nil || string(got.Reveal()) != "a-value" {
		t.Errorf("%q, %v", got.Reveal(), err)
	}
}
