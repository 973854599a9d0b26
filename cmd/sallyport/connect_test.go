package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab/idp"
)

// connecting is a desk with an authorization server, whose account is said by words.
func connecting(t *testing.T, words func(*idp.Server) string) (*desk, *idp.Server) {
	t.Helper()
	s := idp.New(t, time.Now)
	d := newDesk(t, fmt.Sprintf(`
gateway {
  wireguard {
    listen = ":0"
  }
  dashboard {
    listen = "localhost:0"
  }
}
service "notes" {
  hosts = ["notes.example.com"]
  auth  = oauth2({ %s, client_id = "gateway", refresh_token = secret.notes })
}
role "everyone" { use = [service.notes] }
`, words(s)))
	s.Set(func(s *idp.Server) {
		s.Clients["gateway"], s.Back["gateway"] = "", []string{d.API.Connect.URLs()[0] + "/api/v1/connect/callback"}
	})
	return d, s
}

// connect runs the command, and hands its lines over as they come: on stdout there is
// the address alone.
func (d *desk) connect(stdin io.Reader, address func(string), args ...string) result {
	d.t.Helper()
	cmd := newRoot()
	r, w := io.Pipe()
	var stdout, stderr bytes.Buffer
	cmd.SetIn(stdin)
	cmd.SetOut(w)
	cmd.SetErr(&stderr)
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			stdout.WriteString(lines.Text() + "\n")
			address(lines.Text())
		}
	}()
	code := run(d.t.Context(), cmd, append(args, "--gateway", d.socket)...)
	w.Close()
	<-read
	return result{code, stdout.String(), stderr.String()}
}

func TestSecretConnect(t *testing.T) {
	d, s := connecting(t, func(s *idp.Server) string {
		return fmt.Sprintf("authorize_url = %q, token_url = %q", s.URL+"/authorize", s.URL+"/token")
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	r := d.connect(strings.NewReader(""), func(at string) {
		resp, err := browser.Get(at)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	}, "secret", "connect", "notes")
	if r.code != 0 || strings.Count(r.stdout, "\n") != 1 {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	has(t, r.stderr, "Secret notes is connected.", "/api/v1/connect/callback")
	has(t, d.ok("secret", "ls").stdout, "notes", "sealed")
	has(t, d.ok("operator", "log").stdout, "connect", "notes")
	for _, secret := range s.Secrets() {
		if strings.Contains(r.stdout+r.stderr+d.Logs.String(), secret) {
			t.Error("a token is shown")
		}
	}
	if wrong := s.Wrong(); len(wrong) > 0 {
		t.Errorf("the server complains of %q", wrong)
	}
}

func TestSecretConnectByHand(t *testing.T) {
	d, _ := connecting(t, func(s *idp.Server) string {
		return fmt.Sprintf("authorize_url = %q, token_url = %q", s.URL+"/authorize", s.URL+"/token")
	})
	stop := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	in, typed := io.Pipe()
	r := d.connect(in, func(at string) {
		resp, err := stop.Get(at)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		go func() {
			fmt.Fprintln(typed, resp.Header.Get("Location"))
			typed.Close()
		}()
	}, "secret", "connect", "notes", "--paste")
	if r.code != 0 {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	has(t, r.stderr, "Secret notes is connected.")
}

func TestSecretConnectByDevice(t *testing.T) {
	d, s := connecting(t, func(s *idp.Server) string {
		return fmt.Sprintf("device_url = %q, token_url = %q", s.URL+"/device", s.URL+"/token")
	})
	r := d.connect(strings.NewReader(""), func(at string) {
		if !strings.HasSuffix(at, "/activate") {
			t.Errorf("the page is %s", at)
		}
		s.Agree(true)
	}, "secret", "connect", "notes")
	if r.code != 0 {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	has(t, r.stderr, "WDJB-MJHT", "Secret notes is connected.")
	s.Set(func(s *idp.Server) { delete(s.Clients, "gateway") })
	if r := d.call("secret", "connect", "notes"); r.code != 1 || !strings.Contains(r.stderr, "invalid_client") {
		t.Errorf("exit %d\n%s", r.code, r.stderr)
	}
	if r := d.call("secret", "connect", "other"); r.code != 1 || !strings.Contains(r.stderr, "no service has an account") {
		t.Errorf("exit %d\n%s", r.code, r.stderr)
	}
}

func TestTheSecretOfAClientComesFirst(t *testing.T) {
	d, _ := connecting(t, func(s *idp.Server) string {
		return fmt.Sprintf("device_url = %q, token_url = %q, client_secret = secret.client", s.URL+"/device", s.URL+"/token")
	})
	if r := d.call("secret", "connect", "notes"); r.code != 1 || !strings.Contains(r.stderr, "comes first: sallyport secret set client") {
		t.Errorf("exit %d\n%s", r.code, r.stderr)
	}
	// What is wrong stands at the end of its line, so that the columns hold.
	has(t, d.ok("secret", "ls").stdout, "client  sealed  -        -    -   never      -  ! not set\n", "notes   sealed  -        -    -   never      -  ! not set\n")
}
