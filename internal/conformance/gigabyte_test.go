//go:build e2e

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// gigabyte is what goes through in one statement, in rows of 8 KiB.
const (
	gigabyte     = 1 << 30
	rowSize      = 8 << 10
	gigabyteRows = gigabyte / rowSize
)

// swell is how much larger the whole process may become meanwhile: gateway, agent and
// their buffers, and what a collector leaves that a busy machine has come late.
const swell = 64 << 20

// TestAGigabyteAtFlatMemory: a large SELECT, and a COPY out and in that are
// counted.
func TestAGigabyteAtFlatMemory(t *testing.T) {
	const sink = "CREATE TABLE sink (t text);"
	plain := newSite(t, `posture = "open"`, "", sink)
	counted := newSite(t, "posture = \"open\"\n  session {\n    max_rows  = 200000\n    max_bytes = \"2GiB\"\n  }", "", sink)
	text := fmt.Sprintf("SELECT repeat('x', %d) FROM generate_series(1, %d)", rowSize-1, gigabyteRows)
	for _, c := range []struct {
		name string
		site *site
		run  func(context.Context, *pgconn.PgConn) (int64, error)
	}{
		{"select", plain, func(ctx context.Context, c *pgconn.PgConn) (int64, error) { return readRows(ctx, c, text) }},
		{"copy out, counted", counted, func(ctx context.Context, c *pgconn.PgConn) (int64, error) {
			var n tally
			_, err := c.CopyTo(ctx, &n, "COPY ("+text+") TO STDOUT")
			return int64(n), err
		}},
		{"copy in, counted", counted, writeRows},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 2*patience)
			defer stop()
			conn, err := pgconn.Connect(ctx, c.site.dsn("postgres", c.site.port))
			must(t, err)
			defer conn.Close(context.Background())
			before := settle(t)
			start := time.Now()
			n, err := c.run(ctx, conn)
			if err != nil || n < gigabyte-gigabyteRows*8 {
				t.Fatalf("%d bytes: %v", n, err)
			}
			grown := peak(t) - before
			t.Logf("%d MiB in %s, %d MiB more at the peak", n>>20, time.Since(start).Round(time.Millisecond), grown>>20)
			if grown > swell {
				t.Errorf("it took %d MiB", grown>>20)
			}
		})
	}
}

// readRows reads the rows of a query and gives the bytes of their values.
func readRows(ctx context.Context, c *pgconn.PgConn, text string) (n int64, err error) {
	all := c.Exec(ctx, text)
	for all.NextResult() {
		r := all.ResultReader()
		for r.NextRow() {
			n += int64(len(r.Values()[0]))
		}
	}
	return n, all.Close()
}

// writeRows sends rows that the server reads and does not keep.
func writeRows(ctx context.Context, c *pgconn.PgConn) (int64, error) {
	row := append(bytes.Repeat([]byte{'x'}, rowSize-1), '\n')
	n := tally(0)
	_, err := c.CopyFrom(ctx, io.TeeReader(io.LimitReader(&endless{row: row}, gigabyte), &n), "COPY sink FROM STDIN WHERE false")
	return int64(n), err
}

// endless gives a row again and again.
type endless struct {
	row []byte
	at  int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.row[e.at:])
	e.at = (e.at + n) % len(e.row)
	return n, nil
}

type tally int64

func (c *tally) Write(b []byte) (int, error) {
	*c += tally(len(b))
	return len(b), nil
}

// settle gives memory back, forgets the peak so far and tells what is left.
func settle(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	must(t, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0))
	return peak(t)
}

// peak tells how much memory this process has had at most.
func peak(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	must(t, err)
	_, rest, ok := strings.Cut(string(b), "VmHWM:")
	if !ok {
		t.Fatal("no VmHWM")
	}
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	must(t, err)
	return kib << 10
}
