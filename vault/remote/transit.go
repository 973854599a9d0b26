package remote

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Transit is a key of the transit engine of a HashiCorp Vault or an OpenBao
// (developer.hashicorp.com/vault/api-docs/secret/transit), which never leaves it.
// Of its Hashi, Path is the engine's mount, "" for transit.
type Transit struct {
	*Hashi
	Key string
}

// Encrypt seals plain.
func (t *Transit) Encrypt(ctx context.Context, plain []byte) (string, error) {
	got, err := t.ask(ctx, "encrypt", map[string]string{"plaintext": base64.StdEncoding.EncodeToString(plain)}, "ciphertext")
	if err == nil && !strings.HasPrefix(got, "vault:") {
		err = errors.New("it gives no ciphertext")
	}
	return got, err
}

// Decrypt opens what Encrypt sealed.
func (t *Transit) Decrypt(ctx context.Context, sealed string) ([]byte, error) {
	got, err := t.ask(ctx, "decrypt", map[string]string{"ciphertext": sealed}, "plaintext")
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(got)
}

// ask makes one call and gives one field of its answer.
func (t *Transit) ask(ctx context.Context, what string, body map[string]string, want string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.loginLocked(ctx); err != nil {
		return "", fmt.Errorf("log in to %s: %w", t.Address, err)
	}
	var got reply
	path := orElse(t.Path, "transit") + "/" + what + "/" + t.Key
	if err := t.callLocked(ctx, http.MethodPost, path, body, &got); err != nil {
		t.token = ""
		return "", fmt.Errorf("%s with the key %s: %w", what, t.Key, err)
	}
	text, err := field(got.Data, want)
	return string(text), err
}
