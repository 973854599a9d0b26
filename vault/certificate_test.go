package vault

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pki"
)

func TestAClientCertificate(t *testing.T) {
	ca, err := pki.New("clients")
	must(t, err)
	cert, key, err := ca.IssueClientPEM("app", time.Now().Add(time.Hour))
	must(t, err)
	over, overKey, err := ca.IssueClientPEM("", time.Now().Add(-time.Minute))
	must(t, err)
	for _, c := range []struct {
		what, name string
		cert, key  []byte
		user       string // "": refused
		shown      bool
	}{
		{"good", "", cert, key, "app", true},
		{"with a user", "other", cert, key, "other", true},
		{"over, and without a name", "", over, overKey, "", false},
		{"the key of another", "", cert, overKey, "", false},
		{"the wrong way round", "", key, cert, "", false},
	} {
		auth := action.Auth{Scheme: "mtls", Name: c.name, Secrets: []string{"cert", "key"}}
		v := open(t, newMemory())
		put(t, v, "cert", string(c.cert))
		put(t, v, "key", string(c.key))
		cred, err := v.Credential(t.Context(), auth)
		if err != nil {
			if c.shown || c.user != "" || strings.Contains(err.Error(), "BEGIN") {
				t.Errorf("%s: %v", c.what, err)
			}
			continue
		}
		pair, err := cred.Certificate()
		if (err == nil) != c.shown || err == nil && pair.Leaf == nil {
			t.Errorf("%s: %v", c.what, err)
		}
		user, password, err := cred.Password()
		if (err == nil) != (c.user != "") || user != c.user || password != nil {
			t.Errorf("%s: user %q, %v", c.what, user, err)
		}
		r := &http.Request{Header: http.Header{}, URL: &url.URL{}}
		if err := cred.Authorize(r); err != nil || len(r.Header) != 0 || r.URL.RawQuery != "" {
			t.Errorf("%s: a request gets %v, %v", c.what, r.Header, err)
		}
		if got := cred.Used().MaskString(string(c.cert)); got != string(c.cert) {
			t.Errorf("%s: what is public is masked in answers", c.what)
		}
	}
	var none *Credential
	if _, err := none.Certificate(); err == nil {
		t.Error("no account has a certificate")
	}
}
