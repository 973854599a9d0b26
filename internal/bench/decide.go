package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/roles"
	"sallyport.dev/sallyport/protocols/http"
)

const (
	manyServices = 100
	rulesEach    = 10
)

// manyRules writes a configuration of many rules over many services.
func manyRules() string {
	var b strings.Builder
	var use []string
	for s := range manyServices {
		name := fmt.Sprintf("s%d", s)
		use = append(use, "service."+name)
		fmt.Fprintf(&b, "service %q {\n  hosts = [\"%s.bench.test\"]\n}\n", name, name)
		for r := range rulesEach {
			fmt.Fprintf(&b, "rule \"%s-%d\" {\n  on = [service.%[1]s]\n  methods = [\"POST\", \"GET\"]\n  paths = [\"/v%[2]d/**\"]\n"+
				"  when = http.query.dry != \"1\" && agent.name != \"ops\"\n  verdict = %[3]q\n}\n", name, r, verdictOf(r))
		}
	}
	fmt.Fprintf(&b, "role \"agents\" {\n  use = [%s]\n}\n", strings.Join(use, ", "))
	return b.String()
}

func verdictOf(r int) string {
	if r == 1 {
		return "allow"
	}
	return "deny"
}

// measureDecide times one decision among many rules, in this process.
func measureDecide(_ context.Context, b *bench) error {
	path := filepath.Join(b.world.Dir, "rules.hcl")
	if err := os.WriteFile(path, []byte(manyRules()), 0o600); err != nil {
		return err
	}
	begin := time.Now()
	p, err := roles.LoadPolicy(path)
	if err != nil {
		return err
	}
	loaded := time.Since(begin)
	peer := roles.Peer()
	found := p.Resolve(peer, "s50.bench.test", netip.MustParseAddrPort("198.18.0.1:443"))
	if found.Service == nil {
		return fmt.Errorf("no service: %s", found.Reason)
	}
	a, err := http.Trial(found.Service, action.Trial{Method: "GET", URL: "https://s50.bench.test/v1/items"})
	if err != nil {
		return err
	}
	a.Peer, a.Service, a.Host, a.Time = peer, found.Service, "s50.bench.test", time.Now()
	if d := p.Decide(a); d.Verdict != action.Allow {
		return fmt.Errorf("the decision is %s: %s", d.Verdict, d.Reason)
	}
	const times = 300_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin = time.Now()
	for range times {
		p.Decide(a)
	}
	spent := time.Since(begin)
	runtime.ReadMemStats(&after)
	b.report.Value("decide", "1,000 rules over 100 services", float64(spent.Nanoseconds())/times, "ns", report.AtMost(1000, "ns"))
	b.report.Value("decide", "allocations of a decision", float64((after.Mallocs-before.Mallocs)/times), "", report.AtMost(0, ""))
	b.report.Value("decide", "loading these rules", float64(loaded.Milliseconds()), "ms", nil)
	return nil
}
