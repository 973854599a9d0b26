package main

import (
	"testing"
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
