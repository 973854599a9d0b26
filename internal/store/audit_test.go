package store

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
)

// facts are those of a protocol of the tests.
type facts struct {
	Method  string              `json:"method"`
	Host    string              `json:"host"`
	Path    string              `json:"path"`
	Query   map[string][]string `json:"query,omitempty"`
	Headers map[string][]string `json:"headers,omitempty"`
}

func tables() []action.FactTable {
	return []action.FactTable{{
		Protocol: "http",
		New:      func() action.Facts { return new(facts) },
		Facts: []action.FactSpec{action.Str("http.method", "", 0, func(f *facts) (string, action.State) {
			return f.Method, action.Known
		})},
	}}
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openLog(t testing.TB, s audit.Store, opts audit.Options) *audit.Log {
	t.Helper()
	l, err := audit.New(context.Background(), s, tables(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

var (
	peer    = &action.Peer{ID: "a1", Name: "ci", Enrolled: []string{"dev"}, Addr: netip.MustParseAddr("10.77.0.2"), Transport: "wireguard"}
	service = &action.Service{Name: "github", Protocol: "http"}
)

// example is an action of the usual size.
func example(n int) (*action.Action, action.Decision, action.Result) {
	now := time.Now()
	a := &action.Action{
		ID: action.NewID(now), Time: now, Session: "0q3f5k2m9a", Peer: peer, Service: service,
		Host: "api.github.com", Dst: netip.MustParseAddrPort("198.18.0.7:443"), Kind: "request",
		Summary: fmt.Sprintf("GET /repos/acme/app/issues/%d", n),
		Parts: []action.Part{{Effects: action.EffectRead, Facts: &facts{
			Method: "GET", Host: "api.github.com", Path: fmt.Sprintf("/repos/acme/app/issues/%d", n),
			Query:   map[string][]string{"page": {"2"}, "per_page": {"100"}},
			Headers: map[string][]string{"accept": {"application/vnd.github+json"}, "user-agent": {"curl/8.14.1"}},
		}}},
	}
	d := action.Decision{Verdict: action.Allow, Rule: "reads", Reason: "Reading is allowed."}
	r := action.Result{Status: "200", Upstream: "140.82.121.6:443", Injected: true, Sent: 412, Received: 18231, Duration: 83 * time.Millisecond}
	return a, d, r
}

func writeRecord(l *audit.Log, n int) string {
	a, d, r := example(n)
	if err := l.Begin(context.Background(), a, d); err != nil {
		return ""
	}
	l.End(a, d, r)
	return a.ID
}

// BenchmarkRecord prints the CPU time of a record, from Begin to the committed
// batch, with the queue kept full. Making the action is not counted.
func BenchmarkRecord(b *testing.B) { benchmarkRecord(b, 0) }

// BenchmarkRecordPaced offers 20,000 records a second, as the bar has it.
func BenchmarkRecordPaced(b *testing.B) { benchmarkRecord(b, 50*time.Microsecond) }

func benchmarkRecord(b *testing.B, every time.Duration) {
	s := openStore(b, b.TempDir()+"/state")
	l := openLog(b, s, audit.Options{})
	like, d, r := example(0)
	pour := func(each func(a *action.Action)) time.Duration {
		runtime.GC()
		cpu, begin := cpuTime(), time.Now()
		for i := range b.N {
			if every > 0 && i%200 == 0 {
				time.Sleep(time.Until(begin.Add(time.Duration(i) * every)))
			}
			a := *like
			a.Time = time.Now()
			a.ID = action.NewID(a.Time)
			each(&a)
		}
		return cpuTime() - cpu
	}
	made := pour(func(*action.Action) {})
	var line time.Duration // in the caller's time
	b.ResetTimer()
	cpu := cpuTime()
	pour(func(a *action.Action) {
		begin := time.Now()
		err := l.Begin(context.Background(), a, d)
		l.End(a, d, r)
		line += time.Since(begin)
		if err != nil {
			b.Fatal(err)
		}
	})
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	cpu = cpuTime() - cpu - made
	b.StopTimer()
	b.ReportMetric(float64(cpu)/float64(time.Microsecond)/float64(b.N), "cpu-µs/record")
	b.ReportMetric(float64(line)/float64(time.Microsecond)/float64(b.N), "line-µs/record")
	b.ReportMetric(float64(b.N)/float64(l.Stats().Batches), "records/batch")
	if got := l.Stats().Written; got != uint64(b.N) {
		b.Fatalf("%d of %d records written", got, b.N)
	}
}

// BenchmarkStrict has 64 actions wait for their intents at a time.
func BenchmarkStrict(b *testing.B) {
	s := openStore(b, b.TempDir()+"/state")
	l := openLog(b, s, audit.Options{Strict: true})
	cpu := cpuTime()
	b.ResetTimer()
	var g sync.WaitGroup
	for w := range 64 {
		g.Go(func() {
			for i := w; i < b.N; i += 64 {
				writeRecord(l, i)
			}
		})
	}
	g.Wait()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-cpu)/float64(time.Microsecond)/float64(b.N), "cpu-µs/record")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
