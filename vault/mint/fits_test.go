package mint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// A value that an account could never use is told when it is set, not when an agent
// needs it.
func TestFits(t *testing.T) {
	made := material(t)
	mtls := action.Auth{Scheme: "mtls", Secrets: []string{"cert", "key"}}
	app := action.Auth{Scheme: "github_app", Secrets: []string{"app"}}
	google := action.Auth{Scheme: "gcp_service_account", Secrets: []string{"file"}}
	for _, tt := range []struct {
		auth               action.Auth
		name, value, wrong string
	}{
		{mtls, "cert", made["cert"], ""},
		{mtls, "cert", made["cert"] + made["cert"], ""},
		{mtls, "cert", "ghp_token", "no certificate in PEM"},
		{mtls, "cert", made["pkcs8"], "no certificate in PEM"},
		{mtls, "cert", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"},
		{mtls, "key", made["pkcs8"], ""},
		{mtls, "key", made["ec"], ""},
		{mtls, "key", made["rsa"], ""},
		{mtls, "key", made["cert"], "no private key in PEM"},
		{mtls, "key", strings.ReplaceAll(made["pkcs8"], " PRIVATE", " ENCRYPTED PRIVATE"), "with a passphrase"},
		{mtls, "key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be read"},
		{mtls, "another", "text", ""},
		{app, "app", made["rsa"], ""},
		{app, "app", made["ec"], "no RSA private key"},
		{google, "file", made["file"], ""},
		{google, "file", `{"type": "authorized_user"}`, "no key file of a service account"},
		{google, "file", strings.Replace(made["file"], "BEGIN", "BEGUN", 1), "private_key: it is no RSA"},
		{action.Auth{Scheme: "bearer", Secrets: []string{"token"}}, "token", "text", ""},
	} {
		err := Fits(tt.auth, tt.name, []byte(tt.value))
		if err == nil && tt.wrong != "" || err != nil && (tt.wrong == "" || !strings.Contains(err.Error(), tt.wrong)) {
			t.Errorf("%s %s %.40q: %v, want %q", tt.auth.Scheme, tt.name, tt.value, err, tt.wrong)
		}
	}
}

// FuzzFits holds that no value breaks the reading of it.
func FuzzFits(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte(`{"type":"service_account"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, scheme := range []string{"mtls", "github_app", "gcp_service_account"} {
			for i, name := range []string{"a", "b"} {
				err := Fits(action.Auth{Scheme: scheme, Secrets: []string{"a", "b"}}, name, value)
				if err != nil && i == 0 && len(value) > 40 && strings.Contains(err.Error(), string(value)) {
					t.Fatalf("%v quotes the value", err)
				}
			}
		}
	})
}

// material is keys and a certificate in the forms that there are.
func material(t *testing.T) map[string]string {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plan := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, plan, plan, e.Public(), e)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalECPrivateKey(e)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(e)
	if err != nil {
		t.Fatal(err)
	}
	armor := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	made := map[string]string{
		"cert": armor("CERTIFICATE", cert), "ec": armor("EC PRIVATE KEY", ec), "pkcs8": armor("PRIVATE KEY", pkcs8),
		"rsa": armor("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)),
	}
	file, err := json.Marshal(keyFile{Type: "service_account", Email: "a@b", Key: made["rsa"], TokenURI: "https://oauth2.example/token"})
	if err != nil {
		t.Fatal(err)
	}
	made["file"] = string(file)
	return made
}
