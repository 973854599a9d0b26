package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A stream is an answer that goes on until the test ends it.
type stream struct {
	mu   sync.Mutex
	came []string // "token at address" of each request
	next chan string
}

func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	s.came = append(s.came, token+" at "+r.RemoteAddr)
	s.mu.Unlock()
	if r.URL.Path != "/stream" {
		fmt.Fprint(w, "hello ", token)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for {
		out.Flush() //nolint:errcheck // the context ends, then
		select {
		case word, ok := <-s.next:
			if !ok {
				return
			}
			fmt.Fprintf(w, "data: %s %s\n\n", word, token)
		case <-r.Context().Done():
			return
		}
	}
}

// last gives the token and the connection of the last request.
func (s *stream) last() (token, at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, at, _ = strings.Cut(s.came[len(s.came)-1], " at ")
	return token, at
}

// A secret is changed while an agent uses it, and back: what runs goes on with the one
// it began with, what comes takes the new one on other connections; each use is in the
// log with its version, and the list says who set it and when it last went out.
func TestASecretIsRotatedWhileItIsUsed(t *testing.T) {
	const one, two = "the-first-key-of-the-shop", "another-key-of-the-shop"
	d := newDesk(t, strings.Replace(reachable, `probe = "GET /v1/me"`, `posture = "open"`, 1))
	s := &stream{next: make(chan string)}
	d.HTTPS("shop.example.com", s)
	if r := call(t.Context(), one+"\n", "secret", "set", "shop", "--gateway", d.socket); r.code != 0 {
		t.Fatal(r.stderr)
	}
	if list := d.ok("secret", "ls").stdout; !regexp.MustCompile(`shop +sealed +1 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\S+ +never +-`).MatchString(list) {
		t.Errorf("at first:\n%s", list)
	}
	agent := d.Agent("laptop", "agents").HTTP()
	get := func(path string) *http.Response {
		t.Helper()
		resp, err := agent.Get("https://shop.example.com" + path)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	asks := func(want string) (at string) {
		t.Helper()
		resp := get("/")
		defer resp.Body.Close() //nolint:errcheck // it is read
		b, _ := io.ReadAll(resp.Body)
		token, at := s.last()
		if token != want || string(b) != "hello "+strings.Repeat("*", len(want)) {
			t.Errorf("the shop is shown %q, and the agent %q", token, b)
		}
		return at
	}
	long := get("/stream")
	defer long.Body.Close() //nolint:errcheck // likewise
	events := bufio.NewReader(long.Body)
	hears := func(word string) {
		t.Helper()
		select {
		case s.next <- word:
		case <-time.After(patience):
			t.Fatal("the stream is over")
		}
		line, err := events.ReadString('\n')
		if want := "data: " + word + " " + strings.Repeat("*", len(one)) + "\n"; err != nil || line != want {
			t.Errorf("the stream says %q, %v", line, err)
		}
		events.ReadString('\n') //nolint:errcheck // the end of the event
	}
	hears("before")
	_, old := s.last()
	if r := call(t.Context(), two+"\n", "secret", "rotate", "shop", "--gateway", d.socket); r.code != 0 {
		t.Fatal(r.stderr)
	}
	for range 3 {
		if at := asks(two); at == old {
			t.Error("the new key goes over the connection of the old one")
		}
		hears("after")
	}
	close(s.next)
	if rest, err := io.ReadAll(events); err != nil || len(rest) != 0 {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
	_, new2 := s.last()
	for range 3 {
		if at := asks(two); at != new2 {
			t.Errorf("a request goes by %s, not by %s", at, new2)
		}
	}
	d.ok("secret", "rollback", "shop")
	if at := asks(one); at == old || at == new2 {
		t.Error("after the rollback a connection of before is used")
	}
	list := d.ok("secret", "ls").stdout
	if !regexp.MustCompile(`shop +sealed +3 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\S+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +-`).MatchString(list) {
		t.Errorf("at last:\n%s", list)
	}
	var used []string
	for _, r := range d.Records("service:shop", 8) {
		if r.Agent.Name != "laptop" || r.ID == "" || !r.Injected {
			t.Errorf("the log says %+v", r)
		}
		used = append(used, r.Secret)
	}
	if got := fmt.Sprint(used); strings.Count(got, "shop@1") != 1 || strings.Count(got, "shop@2") != 6 || strings.Count(got, "shop@3") != 1 {
		t.Errorf("the log says %s", got)
	}
	d.Clean(one, list)
	d.Clean(two, list)
}
