package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/approval"
)

const careful = oneRole + `
rule "careful" {
  on      = [service.shop]
  methods = ["POST"]
  verdict = "ask" # somebody looks
}
`

// An ask becomes a rule: the draft is shown, taken on the road of every edit, and the
// ask itself is answered only if that is said.
func TestAnAskBecomesARule(t *testing.T) {
	d := newDesk(t, careful)
	s := d.shopper("laptop")
	ask := func(path string) chan int {
		status := make(chan int, 1)
		go func() {
			code, _ := s.do(t.Context(), "POST", path)
			status <- code
		}()
		return status
	}
	first := ask("/v1/orders/12345678")
	id := d.waiting()
	r := d.ok("approvals", "rule", id, "--dry-run")
	has(t, r.stdout, `verdict = "ask" # somebody looks`, `unless`, `rule "buyer may write shop"`, `"/v1/orders/*"`)
	has(t, r.stderr, `Rule "careful" asks about it today`)
	if got, _ := d.Desk.Get(id); got.State != approval.Pending {
		t.Errorf("a look answers: %s", got.State)
	}
	r = d.ok("approvals", "rule", id, "--yes", "--note", "they always ask")
	has(t, r.stderr, "is in force")
	if got, _ := d.Desk.Get(id); got.State != approval.Pending {
		t.Errorf("an edit answers: %s", got.State)
	}
	d.ok("approvals", "approve", id)
	if got := <-first; got != 200 {
		t.Errorf("the asker got %d", got)
	}
	s.must("POST", "/v1/orders/87654321", 200)
	other := ask("/v1/refunds")
	id = d.waiting()
	r = d.ok("approvals", "rule", id, "--yes", "--approve")
	if got := <-other; got != 200 {
		t.Errorf("with --approve the asker got %d\n%s", got, r.stderr)
	}
	s.must("POST", "/v1/refunds", 200)
	has(t, d.ok("policy", "history").stdout, "they always ask")
}

// A service that an agent proposes is drafted, taken like every edit, and done then.
func TestAProposedServiceIsDraftedAndDone(t *testing.T) {
	d := newDesk(t, oneRole)
	s := d.shopper("laptop")
	say := func(method, path, body string) string {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://sallyport.internal"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(resp.StatusCode, " ", string(b))
	}
	has(t, say("POST", "/requests", `{"host":"api.example.org","reason":"\"}\nrule \"x\" { on = \"*\" verdict = \"allow\" }"}`), "202", "pending")
	id := d.waiting()
	has(t, d.ok("approvals", "show", id).stdout, "a service for api.example.org", `service "api_example_org"`)
	d.ok("approvals", "approve", id)
	has(t, say("GET", "/approvals/"+id, ""), "Somebody has taken it up")
	has(t, d.ok("approvals", "rule", id, "--yes").stdout, `service "api_example_org"`, `service.api_example_org]`)
	for deadline := time.Now().Add(patience); ; {
		if got, _ := d.Desk.Get(id); !got.Fulfilled.IsZero() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not done")
		}
		d.Desk.Fulfil()
	}
	has(t, say("GET", "/approvals/"+id, ""), "You may use it now")
	has(t, d.ok("approvals", "show", id).stdout, "the agent has such a service")
	has(t, say("POST", "/requests", `{"host":"api.example.org","reason":"again"}`), "409")
	text, err := os.ReadFile(d.API.Status().Config)
	if err != nil || strings.Contains(string(text), `rule "x"`) {
		t.Errorf("%v\n%s", err, text)
	}
}

// All that would be sent is printed, however long it is.
func TestAllOfAnAskIsPrinted(t *testing.T) {
	d := newDesk(t, oneRole)
	s := d.shopper("laptop")
	const lines = 30_000
	body := strings.Repeat("pay 5 to bob\u202e\n", lines)
	var wg sync.WaitGroup
	wg.Go(func() {
		req, err := http.NewRequestWithContext(t.Context(), "POST", "https://shop.example.com/v1/orders", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := s.c.Do(req); err == nil {
			resp.Body.Close()
		}
	})
	id := d.waiting()
	out := d.ok("approvals", "show", id)
	has(t, out.stdout, "NOT SHOWN", "--body shows all")
	out = d.ok("approvals", "show", id, "--body")
	if n := strings.Count(out.stdout, "  | pay 5 to bob<U+202E>\n"); n != lines {
		t.Errorf("%d lines of %d", n, lines)
	}
	has(t, out.stdout, fmt.Sprintf("body %d bytes, SHA-256 ", len(body)))
	d.ok("approvals", "deny", id)
	wg.Wait()
	if r := d.call("approvals", "show", id, "--body"); r.code != 1 || !strings.Contains(r.stderr, "not here in full any more") {
		t.Errorf("after the answer: %+v", r.stderr)
	}
}
