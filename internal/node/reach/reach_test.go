package reach_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

const token = "a-token-that-stays-here"

const conf = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "shop" {
  hosts = ["*.shop.example.com", "api.shop.example.com"]
  auth  = bearer(secret.shop)
  tls   = { ca = file("upstreams.pem") }
  probe = "GET /v1/me"
}

service "untrusted" {
  hosts = ["untrusted.example.com"]
  auth  = bearer(secret.shop)
  probe = "GET /v1/me"
}

service "mute" {
  hosts = ["mute.example.com"]
  auth  = bearer(secret.shop)
  tls   = { ca = file("upstreams.pem") }
}

service "plain" {
  hosts = ["plain.example.com"]
  tls   = "disable"
  probe = "GET /"
}

service "orders" {
  protocol  = "postgres"
  hosts     = ["orders.example.com"]
  databases = ["postgres"]
  auth      = password("postgres", secret.orders)
  tls       = { ca = file("upstreams.pem") }
}

service "wide" {
  hosts = ["*.wide.example.com", "10.9.0.0/16"]
  tls   = { ca = file("upstreams.pem") }
}

service "unused" {
  hosts = ["unused.example.com"]
}

role "agents" { use = [service.shop, service.untrusted, service.mute, service.plain, service.orders, service.wide] }
`

// try asks the API for one test, as an editor, and gives the answer with its text.
func try(t *testing.T, l *lab.Lab, service, wish string) (c action.Contact, status int, text string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	r := httptest.NewRequestWithContext(ctx, "POST", "/api/v1/services/"+service+"/test", strings.NewReader(wish))
	caller := route.Host("ana")
	caller.Rights = route.RightsOf(route.Editor)
	w := httptest.NewRecorder()
	l.API.Handler().ServeHTTP(w, r.WithContext(route.WithCaller(r.Context(), caller)))
	text = w.Body.String()
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
	}
	return c, w.Code, text
}

// steps gives "dns ok, tcp ok, …".
func steps(c action.Contact) string {
	words := make([]string, len(c.Steps))
	for i, s := range c.Steps {
		words[i] = s.Name + " " + s.State
	}
	return strings.Join(words, ", ")
}

func TestReach(t *testing.T) {
	l := lab.New(t, conf)
	l.Secret("shop", token)
	var heard []string
	answer := http.StatusOK
	shop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard = append(heard, r.Method+" "+r.Host+r.URL.Path+" "+r.Header.Get("Authorization"))
		w.WriteHeader(answer)
		io.WriteString(w, "you are "+r.Header.Get("Authorization")) //nolint:errcheck // nobody reads it
	})
	for _, name := range []string{"api.shop.example.com", "eu.shop.example.com", "untrusted.example.com", "mute.example.com", "b.wide.example.com"} {
		l.HTTPS(name, shop)
	}
	l.HTTP("plain.example.com", shop)

	for _, row := range []struct {
		name, service, wish string
		answer              int
		want                string // the steps
		says                string // of the last one
		heard               string
	}{
		{"the secret is taken", "shop", "", 200, "dns ok, tcp ok, tls ok, account ok", "the upstream takes shop@1", "GET api.shop.example.com/v1/me Bearer " + token},
		{"another host of the service", "shop", `{"host":"eu.shop.example.com"}`, 200, "dns ok, tcp ok, tls ok, account ok", "takes shop@1", "GET eu.shop.example.com/v1/me Bearer " + token},
		{"the secret is not taken", "shop", "", 401, "dns ok, tcp ok, tls ok, account failed", "does not take shop@1", "GET api.shop.example.com/v1/me Bearer " + token},
		{"it may not do that", "shop", "", 403, "dns ok, tcp ok, tls ok, account unsure", "whether it is known or not", "GET api.shop.example.com/v1/me Bearer " + token},
		{"the upstream is broken", "shop", "", 503, "dns ok, tcp ok, tls ok, account unsure", "says nothing about", "GET api.shop.example.com/v1/me Bearer " + token},
		{"nobody knows its CA", "untrusted", "", 200, "dns ok, tcp ok, tls failed", "unknown authority", ""},
		{"no harmless request is known", "mute", "", 200, "dns ok, tcp ok, tls ok, account skipped", "probe =", ""},
		{"without TLS and secret", "plain", "", 200, "dns ok, tcp ok, tls skipped, account ok", "no account", "GET plain.example.com/ "},
		{"no name of it is known", "shop", `{"host":"gone.shop.example.com"}`, 200, "dns failed", "gone.shop.example.com", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			heard, answer = nil, row.answer
			c, status, text := try(t, l, row.service, row.wish)
			if status != http.StatusOK {
				t.Fatalf("%d %s", status, text)
			}
			if got := steps(c); got != row.want {
				t.Errorf("the steps are %s, want %s\n%s", got, row.want, text)
			}
			if says := c.Steps[len(c.Steps)-1].Says; !strings.Contains(says, row.says) {
				t.Errorf("it says %q, want %q", says, row.says)
			}
			if c.OK == strings.Contains(row.want, "failed") {
				t.Errorf("ok is %v after %s", c.OK, row.want)
			}
			if got := strings.Join(heard, "; "); got != row.heard {
				t.Errorf("the upstream heard %q, want %q", got, row.heard)
			}
			if strings.Contains(text, token) {
				t.Errorf("the secret stands in the answer: %s", text)
			}
			if strings.Contains(row.want, "tls ok") && (c.Certificate == nil || c.Certificate.Expires.IsZero() || !strings.Contains(c.Certificate.Issuer, "lab upstreams")) {
				t.Errorf("the certificate is %+v", c.Certificate)
			}
		})
	}
	l.Clean(token)
}

// A test of the connection leads nowhere that the service does not declare, and
// what an upstream says of the secret is not passed on.
func TestT06_ATestOfAServiceReachesNothingElse(t *testing.T) {
	l := lab.New(t, conf)
	l.Secret("shop", token)
	for _, name := range []string{"elsewhere.example.com", "169.254.169.254", "10.9.0.7"} {
		l.HTTPS(name, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s was asked", name) }))
	}
	for _, row := range []struct {
		service, wish string
		status        int
	}{
		{"shop", `{"host":"elsewhere.example.com"}`, http.StatusConflict},
		{"shop", `{"host":"169.254.169.254"}`, http.StatusConflict},
		{"shop", `{"host":"api.shop.example.com:22"}`, http.StatusConflict},
		{"shop", `{"host":"localhost:8484"}`, http.StatusConflict},
		{"shop", `{"role":"admins"}`, http.StatusBadRequest},
		{"wide", ``, http.StatusBadRequest},
		{"unused", ``, http.StatusConflict},
		{"nothing", ``, http.StatusNotFound},
	} {
		if _, status, text := try(t, l, row.service, row.wish); status != row.status {
			t.Errorf("%s %s: %d, want %d: %s", row.service, row.wish, status, row.status, text)
		}
	}
	if d := l.Dials(); len(d) > 0 {
		t.Errorf("the gateway dialled %v", d)
	}

	l.HTTPS("api.shop.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 %s\r\n\r\n", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}))
	c, _, text := try(t, l, "shop", "")
	if got := steps(c); got != "dns ok, tcp ok, tls ok, account failed" {
		t.Errorf("the steps are %s", got)
	}
	if strings.Contains(text, token) {
		t.Errorf("the secret stands in the answer: %s", text)
	}
}

func TestReachPostgres(t *testing.T) {
	l := lab.New(t, conf)
	l.Postgres("orders.example.com")
	l.Secret("orders", "upstream-password")
	c, _, text := try(t, l, "orders", "")
	if got := steps(c); got != "dns ok, tcp ok, tls ok, account ok" || !strings.Contains(text, "logged in as postgres by scram-sha-256-plus") {
		t.Errorf("the steps are %s\n%s", got, text)
	}
	l.Secret("orders", "another-password")
	c, _, text = try(t, l, "orders", "")
	if got := steps(c); got != "dns ok, tcp ok, tls ok, account failed" || !strings.Contains(text, "password authentication failed") {
		t.Errorf("the steps are %s\n%s", got, text)
	}
	if strings.Contains(text, "another-password") {
		t.Error("the password stands in the answer")
	}
}
