package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// diff replays what agents did: it tells what a change would have changed, and what
// cannot be told because a body is not recorded.
func TestDiffReplaysWhatWasRecorded(t *testing.T) {
	d := newDesk(t, oneRole)
	s := d.shopper("laptop")
	s.must("GET", "/v1/orders", 200)
	s.must("GET", "/v1/prices", 200)
	s.must("DELETE", "/v1/orders", 403)
	d.Records("service:shop", 3)
	dir := t.TempDir()
	conf := func(name, text string) string {
		path := filepath.Join(dir, name+".hcl")
		write(t, path, []byte(strings.ReplaceAll(text, `tls   = { ca = file("upstreams.pem") }`, "")))
		return path
	}
	same := conf("same", oneRole)
	r := d.call("diff", same, same)
	if r.code != 0 || !strings.Contains(r.stderr, "3 actions replayed: 0 changes, 0 cannot be told.") {
		t.Fatalf("the same twice: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}

	r = d.call("diff", same, conf("stricter", oneRole+`
rule "no prices" {
  on      = [service.shop]
  paths   = ["/v1/prices"]
  verdict = "deny"
}
rule "orders may go" {
  on      = [service.shop]
  effects = ["destructive"]
  paths   = ["/v1/orders"]
  verdict = "ask"
}
`))
	if r.code != 1 {
		t.Errorf("two changes: exit %d", r.code)
	}
	has(t, r.stderr, "3 actions replayed: 2 changes, 0 cannot be told.")
	has(t, r.stdout, "allow -> deny ", "GET shop.example.com/v1/prices", `Rule "no prices" denies this.`, "deny  -> ask  ", "DELETE shop.example.com/v1/orders")
	if strings.Count(r.stdout, "\n") != 2 {
		t.Errorf("more than the two:\n%s", r.stdout)
	}

	r = d.call("diff", same, conf("elsewhere", strings.ReplaceAll(oneRole, "shop.example.com", "shop.example.org")), "--json")
	if r.code != 1 || strings.Count(r.stdout, `"new": "deny"`) != 2 {
		t.Errorf("a service that is gone: exit %d\n%s", r.code, r.stdout)
	}
	opaque := strings.Replace(strings.Replace(oneRole, "auth  = bearer(secret.shop)\n", "protocol = \"tcp\"\n", 1), `"shop.example.com"`, `"shop.example.com:443"`, 1)
	r = d.call("diff", same, conf("opaque", opaque))
	if r.code != 0 || !strings.Contains(r.stderr, "3 actions replayed: 0 changes, 3 cannot be told.") {
		t.Errorf("another protocol: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, args := range [][]string{{"diff", same}, {"diff", same, filepath.Join(dir, "none.hcl")}, {"diff", same, same, "--since", "yesterday"}} {
		if r := d.call(args...); r.code != 2 {
			t.Errorf("%v: exit %d\n%s", args, r.code, r.stderr)
		}
	}
}

// A rule that reads bodies cannot be replayed, and says so.
func TestDiffCannotTellBodies(t *testing.T) {
	d := newDesk(t, oneRole)
	s := d.shopper("laptop")
	d.Desk.Timeout = 1
	resp, err := s.c.Post("https://shop.example.com/v1/orders", "application/json", strings.NewReader(`{"amount": 3}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.must("GET", "/v1/orders", 200)
	d.Records("service:shop", 2)
	text := strings.ReplaceAll(oneRole, `tls   = { ca = file("upstreams.pem") }`, "")
	old, reads := filepath.Join(t.TempDir(), "old.hcl"), filepath.Join(t.TempDir(), "new.hcl")
	write(t, old, []byte(text))
	write(t, reads, []byte(text+`
rule "small ones" {
  on      = [service.shop]
  paths   = ["/v1/orders"]
  when    = http.json.amount < 5
  verdict = "allow"
}
`))
	r := d.call("diff", old, reads)
	if r.code != 0 || !strings.Contains(r.stderr, "2 actions replayed: 0 changes, 1 cannot be told.") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
