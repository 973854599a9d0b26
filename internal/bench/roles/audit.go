package roles

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"syscall"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/gateway"
	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/protocols/http"
)

// AuditRate is the rate of the bar, in records a second.
const AuditRate = 20_000

// AuditConfig is how long to write, and where.
type AuditConfig struct {
	State   string
	Seconds int
}

// AuditReady is what it came to.
type AuditReady struct {
	Records, Missing int
	Seconds          float64
	CPU, Baseline    float64 // s; Baseline is the same with no log
	Problems         []string
}

// fillAudit writes records at a steady rate, then reads them all back.
func fillAudit(ctx context.Context, config []byte) (any, error) {
	var c AuditConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	st, err := store.Open(ctx, c.State, log)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	journal, err := audit.New(ctx, st, tables(), audit.Options{Log: log})
	if err != nil {
		return nil, err
	}
	var out AuditReady
	if _, out.Baseline, err = pour(ctx, noJournal{}, c.Seconds, func() error { return nil }); err != nil {
		return nil, err
	}
	if out.Seconds, out.CPU, err = pour(ctx, journal, c.Seconds, journal.Close); err != nil {
		return nil, err
	}
	report, err := audit.Verify(ctx, st, nil)
	if err != nil {
		return nil, err
	}
	out.Records = int(report.Records)
	out.Missing = AuditRate*c.Seconds - out.Records
	for _, p := range report.Problems {
		out.Problems = append(out.Problems, fmt.Sprint(p))
	}
	return out, nil
}

// pour begins and ends actions at the rate, and gives wall and processor time
// until all are kept.
func pour(ctx context.Context, j gateway.Journal, seconds int, done func() error) (wall, cpu float64, err error) {
	like, err := likeAction()
	if err != nil {
		return 0, 0, err
	}
	const perTick, tick = 200, time.Second / (AuditRate / 200)
	decision := action.Decision{Verdict: action.Allow, Rule: "reads pass"}
	result := action.Result{Status: "200", Upstream: "127.0.0.1:443", Injected: true, Sent: 120, Received: 300, Duration: time.Millisecond}
	begin, before := time.Now(), ownCPU()
	for n := range seconds * AuditRate / perTick {
		for range perTick {
			a := *like
			a.Time = time.Now()
			a.ID = action.NewID(a.Time)
			if err := j.Begin(ctx, &a, decision); err != nil {
				return 0, 0, err
			}
			j.End(&a, decision, result)
		}
		time.Sleep(time.Until(begin.Add(time.Duration(n+1) * tick)))
	}
	err = done()
	return time.Since(begin).Seconds(), ownCPU() - before, err
}

// likeAction is the small request of the other parts.
func likeAction() (*action.Action, error) {
	svc := &action.Service{Name: "api", Protocol: "http", Injects: true}
	a, err := http.Trial(svc, action.Trial{Method: "GET", URL: "https://api.bench.test/v1/items", Headers: map[string]string{"User-Agent": "bench", "Accept": "*/*"}})
	if err != nil {
		return nil, err
	}
	a.Session, a.Peer, a.Service, a.Host = "session", Peer(), svc, "api.bench.test"
	a.Dst = netip.MustParseAddrPort("198.18.0.1:443")
	return a, nil
}

func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
