package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"
)

// A plain is a wire without TLS.
type plain struct{ net.Conn }

func (plain) Secure(context.Context, ...string) (*tls.Conn, error) {
	return nil, errors.New("it speaks without TLS")
}

// A probe brings the fields that the service names, and what comes back is a verdict on
// the account only where it says something of it.
func TestAProbeBringsItsFields(t *testing.T) {
	for _, tt := range []struct{ probe, state, says string }{
		{"GET /v1/me\nx-version: 2022-06-28\nx-other: a: b", "ok", "200 to GET /v1/me"},
		{"GET /v1/me", "unsure", "400 to GET /v1/me"},
		{"GET /nobody", "failed", "401 to GET /nobody"},
		{"", "skipped", "names no harmless request"},
	} {
		near, far := net.Pipe()
		done := make(chan error, 1)
		go func() {
			defer far.Close()
			r, err := http.ReadRequest(bufio.NewReader(far))
			if err != nil {
				done <- nil // it has sent none
				return
			}
			status := "400 Bad Request"
			switch {
			case r.URL.Path == "/nobody":
				status = "401 Unauthorized"
			case r.Header.Get("X-Version") == "2022-06-28" && r.Header.Get("X-Other") == "a: b":
				status = "200 OK"
			}
			_, err = fmt.Fprintf(far, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status)
			done <- err
		}()
		cred, err := vault.NewCredential(action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, vault.NewSecret([]byte("a-secret")))
		if err != nil {
			t.Fatal(err)
		}
		_, steps := Try(t.Context(), plain{near}, &action.Service{Plaintext: true, Probe: tt.probe}, "api.example", func(context.Context) (*vault.Credential, error) {
			return cred, nil
		})
		near.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := steps[len(steps)-1]; s.Name != "account" || s.State != tt.state || !strings.Contains(s.Says, tt.says) {
			t.Errorf("%q: %+v", tt.probe, s)
		}
	}
}
