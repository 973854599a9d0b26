package consent

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/lab/idp"
	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/grant"
	"sallyport.dev/sallyport/vault/mint"
	"sallyport.dev/sallyport/vault/seal"
)

// childDir tells a copy of this test that it is a gateway which will be killed, and
// where its state is; childSpec, which account it uses.
const (
	childDir  = "SALLYPORT_TEST_CRASH_DIR"
	childSpec = "SALLYPORT_TEST_CRASH_SPEC"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childSpec)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child makes a token and uses it.
func child(dir, spec string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s, v, err := opened(ctx, dir)
	if err != nil {
		return err
	}
	defer s.Close()
	v.Mint(mint.All(http.DefaultClient, nil, time.Now))
	c, err := v.Credential(ctx, action.Auth{Scheme: "oauth2", Secrets: []string{"notes"}, Spec: spec})
	if err != nil {
		return err
	}
	var a grant.Spec
	if err := json.Unmarshal([]byte(spec), &a); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Resource, nil)
	if err != nil {
		return err
	}
	if err := c.Authorize(req); err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Println("used", resp.StatusCode)
	return nil
}

func opened(ctx context.Context, dir string) (*store.Store, *vault.Vault, error) {
	key, err := seal.ParseKey(strings.Repeat("7a", 32))
	if err != nil {
		return nil, nil, err
	}
	s, err := store.Open(ctx, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	v, err := vault.Open(ctx, s, key)
	return s, v, err
}

// run runs a child until it ends, or until kill is closed.
func run(t *testing.T, dir, spec string, kill <-chan struct{}) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childSpec+"="+spec)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-kill:
			cmd.Process.Kill() //nolint:errcheck // it may have ended
		case <-ended:
		}
	}()
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
	}
	cmd.Wait() //nolint:errcheck // it was killed
	close(ended)
	return text.String()
}

// T35: a gateway that is killed (kill -9) while a refresh token is replaced has the old
// one still, and one that is killed when the new access token is first seen has the
// new one: no token is used before what makes the next is on disk.
func TestT35_KilledWhileARefreshTokenIsReplaced(t *testing.T) {
	for _, grace := range []bool{true, false} {
		s := idp.New(t, time.Now)
		s.Clients["gateway"], s.Grace = "", grace
		spec, err := json.Marshal(grant.Spec{TokenURL: s.URL + "/token", ClientID: "gateway", Resource: s.Resource(), Public: true})
		if err != nil {
			t.Fatal(err)
		}
		dir, first := filepath.Join(t.TempDir(), "state"), s.Give("gateway", s.Resource())
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		kept := func(put string) string {
			t.Helper()
			st, v, err := opened(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			if put != "" {
				if err := v.Put(t.Context(), "notes", vault.NewSecret([]byte(put)), "ana"); err != nil {
					t.Fatal(err)
				}
			}
			value, err := v.Value("notes")
			if err != nil {
				t.Fatal(err)
			}
			return string(value.Reveal())
		}
		kept(first)
		die := func(set func(*idp.Server, func())) string {
			kill := make(chan struct{})
			s.Set(func(s *idp.Server) {
				s.Before, s.Used = nil, nil
				set(s, func() { close(kill); <-t.Context().Done() })
			})
			return run(t, dir, string(spec), kill)
		}
		for range 3 {
			before := kept("")
			if text := die(func(s *idp.Server, stop func()) { s.Used = stop }); text != "" {
				t.Fatalf("it says %s", text)
			}
			if now := kept(""); now == before || now != s.Last(first) {
				t.Error("a token was used before the next refresh token was on disk")
			}
		}
		before := kept("")
		die(func(s *idp.Server, stop func()) { s.Before = stop })
		if now := kept(""); now != before {
			t.Error("the old refresh token is forgotten before the new one is there")
		}
		text := die(func(*idp.Server, func()) {})
		if grace && text != "used 200\n" || !grace && !strings.Contains(text, "connect the account again") {
			t.Errorf("after that (grace %v) it says %s", grace, text)
		}
	}
}
