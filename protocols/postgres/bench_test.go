package postgres

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
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
	l := newLine(b, plaintext, keeper, func(l *line) { l.forget = true })
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

// BenchmarkBulk copies 200 MB out and in, directly, through a plain splice and
// through the line, in turns.
func BenchmarkBulk(b *testing.B) {
	l := newLine(b, plaintext, keeper, func(l *line) { l.forget = true })
	db := needDatabase(b)
	plain := spliced(b, fmt.Sprintf("127.0.0.1:%d", db.port))
	file := b.TempDir() + "/rows"
	if err := os.WriteFile(file, bytes.Repeat([]byte("1\t"+strings.Repeat("x", 200)+"\n"), 1_000_000), 0o600); err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"out": "\\copy (SELECT 1, repeat('x', 200) FROM generate_series(1, 1000000) n) TO /dev/null",
		"in":  "BEGIN; CREATE TEMP TABLE bulk (id int, name text) ON COMMIT DROP;\n\\copy bulk FROM " + file,
	} {
		b.Run(name, func(b *testing.B) {
			run := func(port int) (took, cpu float64) {
				start, before := time.Now(), used()
				cmd := exec.Command("psql", "-X", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "root", "app")
				cmd.Env = append(os.Environ(), "PGSSLMODE=disable")
				cmd.Stdin = strings.NewReader(text + "\n")
				if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
					b.Fatalf("%v: %s", err, out)
				}
				return time.Since(start).Seconds(), used() - before
			}
			var direct, splice, spliceCPU, through, cpu float64
			for range b.N {
				d, _ := run(db.port)
				s, sc := run(plain)
				v, c := run(l.port())
				direct, splice, spliceCPU, through, cpu = direct+d, splice+s, spliceCPU+sc, through+v, cpu+c
			}
			b.ReportMetric(direct/through, "of-direct")
			b.ReportMetric(splice/through, "of-splice")
			b.ReportMetric(cpu/spliceCPU, "cpu-of-splice")
			b.ReportMetric(cpu/float64(b.N)*1000, "ms-cpu")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// spliced starts a relay that looks at nothing, and copies in this process.
func spliced(b *testing.B, address string) (port int) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	type bare struct{ io.Reader }
	one := func(dst, src net.Conn) {
		io.CopyBuffer(struct{ io.Writer }{dst}, bare{src}, make([]byte, 32<<10))
		dst.Close()
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", address)
			if err != nil {
				c.Close()
				return
			}
			go one(c, s)
			go one(s, c)
		}
	}()
	return ln.Addr().(*net.TCPAddr).Port
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
