package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/world"

	"github.com/jackc/pgx/v5"
)

const (
	megabyte = 1_000_000
	copyLine = 1000 // bytes of one line of COPY, its end included
	// bulkTime bounds one transfer.
	bulkTime = 3 * time.Minute
)

// A transfer moves n bytes through a variant.
type transfer struct {
	name string
	down bool
	move func(ctx context.Context, t *world.Target, n int) error

	rate, cpu *report.Bar
}

func transfers() []transfer {
	fast := func() *report.Bar { return report.AtLeast(1.2, "×") }
	return []transfer{
		{"HTTP down", true, download(world.PlainName), fast(), report.AtMost(0.7, "×")},
		{"HTTP up", false, upload(world.PlainName), fast(), report.AtMost(0.7, "×")},
		{"HTTPS down", true, download(world.APIName), fast(), report.AtMost(0.8, "×")},
		{"HTTPS up", false, upload(world.APIName), fast(), report.AtMost(0.9, "×")},
		{"COPY out", true, copyOut, fast(), report.AtMost(0.7, "×")},
		{"COPY in", false, copyIn, fast(), report.AtMost(0.7, "×")},
	}
}

func download(service string) func(context.Context, *world.Target, int) error {
	return func(ctx context.Context, t *world.Target, n int) error {
		h, err := newHTTPConn(ctx, t, service)
		if err != nil {
			return err
		}
		defer h.conn.Close()
		if err := h.conn.SetDeadline(time.Now().Add(bulkTime)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(h.conn, "GET /v1/bytes?n=%d HTTP/1.1\r\nHost: %s\r\n\r\n", n, service); err != nil {
			return err
		}
		resp, err := http.ReadResponse(h.in, nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		got, err := io.Copy(io.Discard, resp.Body)
		if err == nil && (resp.StatusCode != http.StatusOK || got != int64(n)) {
			err = fmt.Errorf("status %d with %d of %d bytes", resp.StatusCode, got, n)
		}
		return err
	}
}

func upload(service string) func(context.Context, *world.Target, int) error {
	return func(ctx context.Context, t *world.Target, n int) error {
		h, err := newHTTPConn(ctx, t, service)
		if err != nil {
			return err
		}
		defer h.conn.Close()
		if err := h.conn.SetDeadline(time.Now().Add(bulkTime)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(h.conn, "POST /v1/bytes HTTP/1.1\r\nHost: %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", service, n); err != nil {
			return err
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{h.conn}, lines(n), make([]byte, 64<<10)); err != nil {
			return err
		}
		body, err := h.answer()
		if err == nil && string(body) != strconv.Itoa(n) {
			err = fmt.Errorf("the upstream counted %.20q of %d bytes", body, n)
		}
		return err
	}
}

func copyOut(ctx context.Context, t *world.Target, n int) error {
	return withPG(ctx, t, func(c *pgx.Conn) error {
		var got counter
		text := fmt.Sprintf("copy (select repeat('x', %d) from generate_series(1, %d)) to stdout", copyLine-1, n/copyLine)
		if _, err := c.PgConn().CopyTo(ctx, &got, text); err != nil {
			return err
		}
		if int(got) != n {
			return fmt.Errorf("%d of %d bytes came", got, n)
		}
		return nil
	})
}

func copyIn(ctx context.Context, t *world.Target, n int) error {
	return withPG(ctx, t, func(c *pgx.Conn) error {
		if _, err := c.Exec(ctx, "begin"); err != nil {
			return err
		}
		tag, err := c.PgConn().CopyFrom(ctx, lines(n), "copy sink from stdin")
		if err != nil {
			return err
		}
		if tag.RowsAffected() != int64(n/copyLine) {
			return fmt.Errorf("%d of %d rows were taken", tag.RowsAffected(), n/copyLine)
		}
		_, err = c.Exec(ctx, "rollback")
		return err
	})
}

func withPG(ctx context.Context, t *world.Target, f func(*pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, bulkTime)
	defer cancel()
	c, err := connectPG(ctx, t, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // what counts is done
	return f(c)
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// lines gives n bytes of lines.
func lines(n int) io.Reader {
	line := strings.Repeat("y", copyLine-1) + "\n"
	return io.LimitReader(&repeat{block: bytes.Repeat([]byte(line), 64)}, int64(n))
}

type repeat struct {
	block []byte
	at    int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	return n, nil
}

// measureBulk moves much over one connection.
func measureBulk(ctx context.Context, b *bench) error {
	s, drops := make(report.Samples), world.UDPDrops()
	for range b.bulkRounds {
		for _, x := range transfers() {
			for _, name := range []string{"bare", "sallyport"} {
				t, err := b.world.Target(ctx, name)
				if err != nil {
					return err
				}
				if err := measureTransfer(ctx, s, t, x, b.bulkMB*megabyte); err != nil {
					return fmt.Errorf("%s by %s: %w", x.name, name, err)
				}
			}
		}
	}
	const us, ref = "sallyport", "bare"
	for _, x := range transfers() {
		b.report.Ratio("bulk", x.name, s.Median(us, x.name+" rate"), s.Median(ref, x.name+" rate"), "MB/s", ref, x.rate)
		b.report.Ratio("bulk", x.name, s.Median(us, x.name+" cpu"), s.Median(ref, x.name+" cpu"), "CPU s/GB", ref, x.cpu)
	}
	var resent, repeats, refRepeats float64
	for _, x := range transfers() {
		resent += s.Sum(us, x.name+" resent")
		repeats += s.Sum(us, x.name+" repeats")
		refRepeats += s.Sum(ref, x.name+" repeats")
	}
	b.report.Value("bulk", "segments that the gateway sent twice, all rounds", repeats, "", report.AtMost(0, ""))
	b.report.Value("bulk", "segments that the agent sent twice, all rounds", resent, "", nil)
	b.report.Note("bulk: %s sent %s segments twice; sockets of this machine dropped %s datagrams meanwhile, which no sender here is to blame for.",
		ref, report.Number(refRepeats), report.Number(world.UDPDrops()-drops))
	return nil
}

// measureTransfer measures one transfer.
func measureTransfer(ctx context.Context, s report.Samples, t *world.Target, x transfer, n int) error {
	cpu, err := t.CPU()
	if err != nil {
		return err
	}
	before, begin := t.Counters(), time.Now()
	if err := x.move(ctx, t, n); err != nil {
		return err
	}
	wall := time.Since(begin)
	after, err := t.CPU()
	if err != nil {
		return err
	}
	s.Add(t.Name, x.name+" rate", float64(n)/megabyte/wall.Seconds())
	s.Add(t.Name, x.name+" cpu", (after-cpu)/(float64(n)/1e9))
	s.Add(t.Name, x.name+" repeats", float64(t.Counters().Repeats-before.Repeats))
	s.Add(t.Name, x.name+" resent", float64(t.Counters().Resent-before.Resent))
	return nil
}
