package past

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/replay"
	"sallyport.dev/sallyport/protocols/http"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/protocols/postgres"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/tcp"
)

func options() policy.Options {
	return policy.Options{
		Tables:    []action.FactTable{http.Facts(), postgres.Facts(), tcp.Facts()},
		Protocols: map[string]error{"http": nil, "postgres": sql.Available(), "tcp": nil},
		Trials: map[string]func(*action.Service, action.Trial) (*action.Action, error){
			"http": http.Trial, "postgres": postgres.Trial, "tcp": tcp.Trial,
		},
	}
}

const shop = `
service "shop" {
  hosts = ["shop.example.com"]
  auth  = bearer(secret.shop)
  operation "refund" {
    match  = "POST /v1/refunds"
    effect = "write"
  }
}
service "app_db" {
  protocol = "postgres"
  hosts    = ["db.internal"]
  auth     = password("agent", secret.app_db)
}
role "buyer" { use = [service.shop, service.app_db] }
rule "no unbounded writes" {
  on      = [service.app_db]
  verbs   = ["update", "delete"]
  unless  = sql.has_where
  verdict = "deny"
}
rule "orders may change" {
  on      = [service.app_db]
  verbs   = ["insert", "update"]
  tables  = ["orders", "lines"]
  verdict = "allow"
}
rule "small refunds" {
  on         = [service.shop]
  operations = ["refund"]
  when       = http.json.amount <= %d
  verdict    = "allow"
}
`

// world loads the configuration of the benchmark with a bound on refunds.
func world(tb testing.TB, bound int) *policy.Policy {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "sallyport.hcl")
	if err := os.WriteFile(path, fmt.Appendf(nil, shop, bound), 0o600); err != nil {
		tb.Fatal(err)
	}
	p, _, diags := policy.Load(path, options())
	if p == nil {
		tb.Fatal(diags)
	}
	return p
}

// traffic is one recorded action in a row of them: half of them SQL, a quarter with
// JSON bodies.
func traffic(tb testing.TB, p *policy.Policy, n int) *action.Action {
	tb.Helper()
	service, port, t := p.Services()[1], uint16(5432), action.Trial{Database: "app"}
	switch n % 4 {
	case 0:
		t.SQL = fmt.Sprintf(
			"SELECT o.id, o.total, c.name, c.city FROM orders o JOIN customers c ON c.id = o.customer WHERE o.created > '2026-11-%02d' AND o.status = 'open' AND o.region = %d ORDER BY o.created DESC LIMIT 50", n%28+1, n)
	case 1:
		t.SQL = fmt.Sprintf("UPDATE orders SET status = 'paid', changed = now() WHERE id = %d AND status <> 'paid'", n)
	case 2:
		service, port, t = p.Services()[0], 443, action.Trial{Method: "GET", URL: fmt.Sprintf("/v1/orders/%d?expand=lines&limit=50", n), Headers: headers("")}
	case 3:
		service, port, t = p.Services()[0], 443, action.Trial{Method: "POST", URL: "/v1/refunds", Headers: headers("application/json"), Body: body(n)}
	}
	if service.Protocol == "http" {
		t.URL = "https://shop.example.com" + t.URL
	}
	a, err := options().Trials[service.Protocol](service, t)
	if err != nil {
		tb.Fatal(err)
	}
	if r, ok := a.Parts[0].Facts.(*ask.Request); ok && len(t.Body) > 0 {
		r.Kept = content.Keep([]string{"application/json"}, nil, t.Body, 16<<10)
	}
	a.Service, a.Host, a.Dst = service, "shop.example.com", netip.AddrPortFrom(netip.MustParseAddr("198.18.0.7"), port)
	if service.Protocol == "postgres" {
		a.Host = "db.internal"
	}
	return a
}

func headers(contentType string) map[string]string {
	h := map[string]string{"User-Agent": "python-requests/2.32.3", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
	if contentType != "" {
		h["Content-Type"] = contentType
	}
	return h
}

// body is an order of the usual size, some 600 bytes.
func body(n int) []byte {
	return fmt.Appendf(nil, `{"amount": %d, "currency": "EUR", "order": "ord_%08d", "reason": "The parcel came damaged; the customer sent two pictures and wants the money back.",
 "lines": [{"sku": "A-1", "count": 2, "price": 12.5}, {"sku": "B-7", "count": 1, "price": 3}, {"sku": "C-9", "count": 4, "price": 99}],
 "customer": {"name": "Bo", "email": "bo@example.com", "address": {"street": "Main St 1", "city": "Ghent", "country": "BE"}},
 "notify": true, "metadata": {"agent": "support-7", "run": "%d", "ticket": null}}`, n%100, n, n)
}

// fill keeps n actions in a new store and gives its log.
func fill(tb testing.TB, n int) *audit.Log {
	tb.Helper()
	p := world(tb, 50)
	s, err := store.Open(context.Background(), filepath.Join(tb.TempDir(), "state"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	now := time.Now().UTC().Truncate(time.Microsecond)
	var batch []audit.Record
	prev := audit.Hash{}
	distinct := make([]*action.Action, min(n, 2000))
	for i := range distinct {
		distinct[i] = traffic(tb, p, i)
	}
	for i := range n {
		one := *distinct[i%len(distinct)]
		a := &one
		a.ID, a.Time, a.Session = action.NewID(now), now, "0q3f5k2m9a"
		a.Peer = &action.Peer{ID: fmt.Sprint("a", i%20), Name: fmt.Sprint("agent-", i%20), Enrolled: []string{"buyer"}, Addr: netip.MustParseAddr("10.77.0.2")}
		a.Kind = "request"
		r := record.New(nil, a, action.Decision{Verdict: action.Allow, Reason: "Reading is allowed."})
		r.Finish(action.Decision{Verdict: action.Allow}, action.Result{Status: "200", Upstream: "192.0.2.7:443", Injected: true, Sent: 300, Received: 9000, Duration: 31 * time.Millisecond})
		r.Seal(uint64(i+1), prev, now)
		prev = r.Hash
		if batch = append(batch, r); len(batch) == 512 || i == n-1 {
			if err := s.Append(context.Background(), batch); err != nil {
				tb.Fatal(err)
			}
			batch = nil
		}
	}
	l, err := audit.New(context.Background(), s, options().Tables, audit.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

// export is a log as a source of records.
func export(ctx context.Context, l *audit.Log) replay.Source {
	return replay.Source{Reader: Reader(options().Tables), Records: Exported(func(f func([]byte) error) error {
		return l.Export(ctx, audit.Query{}, f)
	})}
}

// BenchmarkDiff judges 100,000 recorded actions by two configurations. The bar is
// 5 s.
func BenchmarkDiff(b *testing.B) {
	l := fill(b, 100_000)
	was, is := world(b, 50), world(b, 10)
	for b.Loop() {
		got, err := replay.Diff(b.Context(), export(b.Context(), l), was, is, replay.Bounds{})
		if err != nil {
			b.Fatal(err)
		}
		if got.Replayed != 100_000 || got.Untold != 0 || got.Changed() != 10_000 {
			b.Fatalf("%d replayed, %v, %d cannot be told", got.Replayed, got.Groups, got.Untold)
		}
	}
}

// What is replayed of a store is what was kept there: half of it SQL, bodies too.
func TestDiffOfAStore(t *testing.T) {
	l := fill(t, 1_000)
	got, err := replay.Diff(t.Context(), export(t.Context(), l), world(t, 50), world(t, 10), replay.Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	// Of a hundred refunds the rule lets 51 pass, and then 11.
	if fmt.Sprint(got.Replayed, got.Groups, got.Untold) != "1000 [{allow ask 100}] 0" {
		t.Errorf("%d replayed, %v, %d cannot be told", got.Replayed, got.Groups, got.Untold)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := replay.Diff(ctx, export(ctx, l), world(t, 50), world(t, 10), replay.Bounds{}); err == nil {
		t.Errorf("cancelled: %+v", got)
	}
}
