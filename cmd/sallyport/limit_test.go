package main

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/internal/store"
)

// A limit holds on live traffic, whoever asks is told why, and an operator sees it
// without naming the configuration.
func TestALimitHoldsAndIsExplained(t *testing.T) {
	d := newDesk(t, oneRole+`
rule "a few sales" {
  on        = [service.shop]
  methods   = ["POST"]
  limit     = "2/hour"
  verdict   = "allow"
  otherwise = "deny"
}
`)
	s := d.shopper("laptop")
	for _, want := range []int{200, 200, 403} {
		s.must("POST", "/v1/sales", want)
	}
	records := d.Records("service:shop", 3)

	has(t, d.ok("log", "--why").stdout,
		`Rule "a few sales" denies this because its limit of 2/hour is used up.`, "limit = 2/hour per agent  no", "methods = POST  yes")
	r := d.call("explain", records[2].ID)
	if r.code != 3 {
		t.Errorf("explain of a denied action: exit %d\n%s", r.code, r.stderr)
	}
	has(t, r.stdout, "then: deny", "now, by ", "is used up", "limit = 2/hour per agent  no")
	has(t, d.ok("explain", records[0].ID).stdout, "then: allow", "limit = 2/hour per agent  yes")
	var got past
	unmarshal(t, d.call("explain", "--json", records[2].ID).stdout, &got)
	if len(got.Trace) != 1 || got.Trace[0].Rules[0].Rule != "a few sales" || got.Now == nil || got.Rule != "a few sales" {
		t.Errorf("%+v", got)
	}
}

// Where no gateway runs, a recorded action is found in the state directory.
func TestExplainReadsTheRecordsOfAStoppedGateway(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_STATE_HOME", home)
	t.Setenv("SALLYPORT_URL", "")
	conf := filepath.Join(t.TempDir(), "c.hcl")
	write(t, conf, []byte("gateway {\n  wireguard {}\n}\n\nservice \"shop\" {\n  hosts = [\"shop.example.com\"]\n}\n\nrole \"buyer\" {\n  use = [service.shop]\n}\n"))
	keep(t, filepath.Join(home, "sallyport"), "ID-1")
	r := call(t.Context(), "", "explain", "ID-1", "-c", conf)
	if r.code != 3 {
		t.Errorf("exit %d:\n%s", r.code, r.stderr)
	}
	has(t, r.stdout, "DELETE shop.example.com/x", "then: deny", "now, by ", "posture guarded says deny")
	if r := call(t.Context(), "", "explain", "ID-2", "-c", conf); r.code != 1 {
		t.Errorf("an unknown id: exit %d\n%s", r.code, r.stderr)
	}
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	if r := call(t.Context(), "", "explain", "ID-1", "-c", conf); r.code != 5 {
		t.Errorf("without any records: exit %d\n%s", r.code, r.stderr)
	}
}

// keep records one refused action in a state directory.
func keep(t *testing.T, dir, id string) {
	t.Helper()
	s, err := store.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.New(t.Context(), s, build().Policy.Tables, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := build().Policy.Trials["http"](&action.Service{Name: "shop", Protocol: "http"}, action.Trial{Method: "DELETE", URL: "https://shop.example.com/x"})
	if err != nil {
		t.Fatal(err)
	}
	a.ID, a.Time, a.Host = id, time.Now(), "shop.example.com"
	a.Peer, a.Service = &action.Peer{ID: "1", Name: "ci", Enrolled: []string{"buyer"}}, &action.Service{Name: "shop", Protocol: "http"}
	d := action.Decision{Reason: "Refused.", Trace: []byte(`[{"effects":"destructive","posture":"guarded","verdict":"deny"}]`)}
	if err := log.Begin(t.Context(), a, d); err != nil {
		t.Fatal(err)
	}
	log.End(a, d, action.Result{})
	if err := errors.Join(log.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}
