package vault

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault/seal"
)

// holders are values that hold a secret in every way that Go has, also in fields
// that fmt cannot call methods on.
func holders(t *testing.T) map[string]any {
	t.Helper()
	s := NewSecret([]byte(canary))
	c, err := NewCredential(action.Auth{Scheme: "bearer", Secrets: []string{"a"}}, s)
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, newMemory())
	put(t, v, "a", canary)
	signer, err := v.Signer(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	type public struct{ S Secret }
	type private struct{ s Secret }
	type deep struct{ p *private }
	type embedded struct{ Secret }
	return map[string]any{
		"value": s, "pointer": &s, "public field": public{s}, "private field": private{s},
		"pointer to private": &private{s}, "deep": deep{&private{s}}, "embedded": embedded{s},
		"slice": []Secret{s}, "map value": map[string]Secret{"k": s}, "map key": map[string]any{"k": private{s}},
		"array": [1]private{{s}}, "interface": []any{s, &s}, "credential": c, "credential value": *c,
		"error": fmt.Errorf("with %v: %w", s, errors.New("x")), "key": testKey('K'), "private key": struct{ k seal.Key }{testKey('K')},
		"signer": signer, "entry": entry{value: s}, "snapshot": v.current.Load(), "opened": v.opened, "source": &source{entry: entry{value: s}},
	}
}

// TestSecretDoesNotPrint tries every verb on every nesting, and what it must not
// show in every spelling that a verb would use.
func TestSecretDoesNotPrint(t *testing.T) {
	var spellings []string
	for _, s := range []string{canary, strings.Repeat("K", 32)} {
		b := []byte(s)
		spellings = append(spellings, s, fmt.Sprintf("%x", b), fmt.Sprintf("%X", b), fmt.Sprintf("% x", b),
			strings.Trim(fmt.Sprint(b[:8]), "[]"), strings.Trim(fmt.Sprintf("%#v", b[:8]), "[]byte{}"), "Q0FOQVJZ" /* base64 */, "S0tLS0tL") //nolint:staticcheck // the numbers are what must not be printed
	}
	check := func(t *testing.T, how, out string) {
		t.Helper()
		for _, s := range spellings {
			if strings.Contains(out, s) {
				t.Errorf("%s shows it: %.200s", how, out)
			}
		}
	}
	for name, holder := range holders(t) {
		t.Run(name, func(t *testing.T) {
			for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
				for _, flags := range []string{"", "+", "#", " ", "-20", "0.3", "# "} {
					format := "%" + flags + string(verb)
					check(t, format, fmt.Sprintf(format, holder))
				}
			}
			for _, marshal := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
				b, err := marshal(holder)
				check(t, "marshal", string(b)+fmt.Sprint(err))
			}
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "k", holder, slog.Group("g", "k", holder))
			slog.New(slog.NewTextHandler(&log, nil)).With("k", holder).Info("x", "k", holder)
			check(t, "slog", log.String())
			defer func() { check(t, "panic", fmt.Sprint(recover())) }()
			panic(holder)
		})
	}
}

func TestZeroSecret(t *testing.T) {
	if b := (Secret{}).Reveal(); b != nil {
		t.Errorf("%q", b)
	}
	if got := fmt.Sprint(Secret{}); got != redacted {
		t.Errorf("%q", got)
	}
}

func TestAuthorize(t *testing.T) {
	for name, c := range map[string]struct {
		auth  action.Auth
		value string
		check func(r *http.Request) string
		want  string
	}{
		"bearer":            {action.Auth{Scheme: "bearer"}, "tok", func(r *http.Request) string { return r.Header.Get("Authorization") }, "Bearer tok"},
		"header":            {action.Auth{Scheme: "header", Name: "X-Api-Key"}, "tok", func(r *http.Request) string { return r.Header.Get("X-Api-Key") }, "tok"},
		"basic":             {action.Auth{Scheme: "basic", Name: "u"}, "p:w", func(r *http.Request) string { u, p, _ := r.BasicAuth(); return u + "/" + p }, "u/p:w"},
		"basic and a field": {action.Auth{Scheme: "basic", Name: "u", Spec: "Private-Token"}, "p:w", func(r *http.Request) string { _, p, _ := r.BasicAuth(); return r.Header.Get("PRIVATE-TOKEN") + "/" + p }, "p:w/p:w"},
		"query":             {action.Auth{Scheme: "query", Name: "key"}, "a&b=c", func(r *http.Request) string { return r.URL.Query().Get("key") + r.URL.Query().Get("b") }, "a&b=c"},
		"cookie":            {action.Auth{Scheme: "cookie", Name: "sid"}, "tok", func(r *http.Request) string { return r.Header.Get("Cookie") }, "sid=tok"},
	} {
		t.Run(name, func(t *testing.T) {
			c.auth.Secrets = []string{"a"}
			cred, err := NewCredential(c.auth, NewSecret([]byte(c.value)))
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "https://x.dev/?x=1", nil)
			r.Header["Authorization"] = []string{"old", "older"}
			if err := cred.Authorize(r); err != nil {
				t.Fatal(err)
			}
			if got := c.check(r); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if name == "bearer" && len(r.Header["Authorization"]) != 1 {
				t.Errorf("the old one stands beside it: %q", r.Header["Authorization"])
			}
		})
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	for _, c := range []struct{ scheme, value string }{{"password", "x"}, {"", "x"}, {"bearer", "a\r\nX: y"}, {"bearer", "a\x00"}, {"header", "a\n"}} {
		cred, err := NewCredential(action.Auth{Scheme: c.scheme, Secrets: []string{"a"}}, NewSecret([]byte(c.value)))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "https://x.dev/", nil)
		err = cred.Authorize(r)
		if err == nil || len(r.Header) != 0 {
			t.Errorf("%s %q: %v, header %v", c.scheme, c.value, err, r.Header)
		}
		if err != nil && strings.Contains(err.Error(), "X: y") {
			t.Errorf("the error holds the secret: %v", err)
		}
	}
}

func TestNewCredentialWantsEverySecret(t *testing.T) {
	two := action.Auth{Scheme: "basic", Secrets: []string{"a", "b"}}
	for name, values := range map[string][]Secret{
		"none": nil, "one of two": {NewSecret([]byte("x"))}, "an empty one": {NewSecret([]byte("x")), NewSecret(nil)}, "a zero one": {{}, NewSecret([]byte("x"))},
	} {
		if _, err := NewCredential(two, values...); err == nil {
			t.Errorf("%s passed", name)
		}
	}
	c, err := NewCredential(action.Auth{Scheme: "bearer", Secrets: []string{"a"}}, NewSecret([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Password(); err == nil {
		t.Error("a bearer token is a password")
	}
}

func TestAPasswordThatNamesItsUser(t *testing.T) {
	auth := action.Auth{Scheme: "password", Secrets: []string{"db"}}
	for value, want := range map[string]string{
		`{"username":"u","password":"p","engine":"postgres"}`: "u:p",
		`{"username":"u"}`: "",
		`canary`:           "",
	} {
		c, err := NewCredential(auth, NewSecret([]byte(value)))
		if err != nil {
			t.Fatal(err)
		}
		user, password, err := c.Password()
		if want == "" {
			if err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: %q, %v", value, user, err)
			}
			continue
		}
		if got := user + ":" + string(password.Reveal()); got != want || err != nil {
			t.Errorf("%s: %s, %v", value, got, err)
		}
	}
}
