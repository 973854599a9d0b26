package expiry

import (
	"encoding/base64"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pki"
)

func jwt(claims string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." + enc.EncodeToString([]byte(claims)) + "." + enc.EncodeToString([]byte("x"))
}

func TestOf(t *testing.T) {
	ca, err := pki.New("an authority")
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	cert, key, err := ca.IssueClientPEM("app", soon)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, value string
		want        time.Time
	}{
		{"a certificate", string(cert), soon},
		{"a key and a certificate", string(key) + string(cert), soon},
		{"a chain, whose authority lasts longer", string(ca.PEM()) + string(cert), soon},
		{"a key", string(key), time.Time{}},
		{"a damaged certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", time.Time{}},
		{"a token", jwt(`{"exp":1900000000}`), time.Unix(1900000000, 0).UTC()},
		{"a token with a fraction", jwt(`{"exp":1900000000.5}`), time.Unix(1900000000, 0).UTC()},
		{"a token without an end", jwt(`{}`), time.Time{}},
		{"a token with nonsense", jwt(`{"exp":1e300}`), time.Time{}},
		{"a token that is none", "eyJ.x.y", time.Time{}},
		{"an ordinary key", "sk-0123456789", time.Time{}},
		{"nothing", "", time.Time{}},
	} {
		if got := Of([]byte(c.value)); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add([]byte(jwt(`{"exp":1900000000}`)))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(_ *testing.T, b []byte) { Of(b) })
}
