package postgres

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// BenchmarkPgbench runs pgbench -S through the line and directly, in turns:
// go test -run '^$' -bench Pgbench -benchtime 1x ./protocols/postgres
func BenchmarkPgbench(b *testing.B) {
	if _, err := exec.LookPath("pgbench"); err != nil {
		b.Skip("pgbench is not installed")
	}
	l := newLine(b, plaintext, as("md5_ro"), func(l *line) { l.forget = true })
	db := needDatabase(b)
	run := func(port int, args ...string) (float64, error) {
		args = append(args, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "root", "app")
		cmd := exec.Command("pgbench", args...)
		cmd.Env = append(os.Environ(), "PGSSLMODE=disable")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("%w: %s", err, out)
		}
		m := tps.FindSubmatch(out)
		if m == nil { // it initialised
			return 0, nil
		}
		return strconv.ParseFloat(string(m[1]), 64)
	}
	if _, err := run(db.port, "-i", "-q", "-s", "1"); err != nil {
		b.Fatal(err)
	}
	if out, err := db.psql("app", "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC"); err != nil {
		b.Fatal(out)
	}
	for _, clients := range []string{"16", "1"} {
		for _, mode := range []string{"simple", "extended", "prepared"} {
			b.Run(mode+"/c="+clients, func(b *testing.B) {
				var direct, through, cpu float64
				for range b.N {
					for range 2 {
						args := []string{"-S", "-n", "-T", "3", "-c", clients, "-j", "2", "-M", mode}
						d, err := run(db.port, args...)
						if err != nil {
							b.Fatal(err)
						}
						before := used()
						v, err := run(l.port(), args...)
						if err != nil {
							b.Fatal(err)
						}
						cpu += (used() - before) / (v * 3) * 1e6
						direct, through = direct+d, through+v
					}
				}
				b.ReportMetric(through/direct, "of-direct")
				b.ReportMetric(through/2/float64(b.N), "tps")
				b.ReportMetric(cpu/2/float64(b.N), "µs-cpu/tx")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// used gives the processor time of this process in seconds.
func used() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// BenchmarkBulk copies 200 MB out through the line and directly.
func BenchmarkBulk(b *testing.B) {
	l := newLine(b, plaintext, as("md5_ro"))
	db := needDatabase(b)
	copyOut := func(port int) time.Duration {
		start := time.Now()
		cmd := exec.Command("psql", "-X", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "root", "app",
			"-c", "COPY (SELECT n, repeat('x', 200) FROM generate_series(1, 1000000) n) TO STDOUT")
		cmd.Env = append(os.Environ(), "PGSSLMODE=disable")
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var direct, through time.Duration
	var cpu float64
	for range b.N {
		direct += copyOut(db.port)
		before := used()
		through += copyOut(l.port())
		cpu += used() - before
	}
	b.ReportMetric(float64(direct)/float64(through), "of-direct")
	b.ReportMetric(cpu/float64(b.N)*1000, "ms-cpu")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkIdle opens sessions that do nothing.
func BenchmarkIdle(b *testing.B) {
	l := newLine(b, plaintext, as("md5_ro"))
	const n = 50
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	for range b.N {
		before := heap()
		conns := make([]*pgconn.PgConn, n)
		for i := range conns {
			c, err := pgconn.Connect(b.Context(), l.url(""))
			if err != nil {
				b.Fatal(err)
			}
			conns[i] = c
			if _, err := c.Exec(b.Context(), "SELECT 1").ReadAll(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/n/1024, "KiB/session+client")
		for _, c := range conns {
			c.Close(b.Context())
		}
	}
	b.ReportMetric(0, "ns/op")
}
