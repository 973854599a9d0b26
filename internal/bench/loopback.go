package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/world"
)

// benchScale is pgbench's: a million accounts.
const benchScale = 10

// measureLoop is the line without the tunnel, beside nothing at all.
func measureLoop(ctx context.Context, b *bench) error {
	direct, err := b.world.Target(ctx, "direct")
	if err != nil {
		return err
	}
	loop, err := b.world.Loop("loop", false)
	if err != nil {
		return err
	}
	silent, err := b.world.Loop("silent", true)
	if err != nil {
		return err
	}
	s := make(report.Samples)
	for range b.rounds {
		for _, t := range []*world.Target{direct, loop, silent} {
			r, err := drive(ctx, t, manyConns, b.duration, keepAlive(t))
			if err != nil {
				return err
			}
			keep(s, t.Name, "http", r)
			if r, err = drive(ctx, t, 1, b.duration, keepAlive(t)); err != nil {
				return err
			}
			keep(s, t.Name, "one", r)
		}
	}
	const micro = 100 // CPU s per 10,000 in µs each
	cost, bare := s.Median("loop", "http cpu")*micro, s.Median("silent", "http cpu")*micro
	b.report.Ratio("loop", "HTTP, 64 connections", s.Median("loop", "http rate"), s.Median("direct", "http rate"), "req/s", "direct", report.AtLeast(0.3, "×"))
	b.report.Value("loop", "HTTP, processor time of a request", cost, "µs", report.AtMost(75, "µs"))
	b.report.Value("loop", "of that, audit (beside a gateway that writes nothing)", cost-bare, "µs", report.AtMost(12, "µs"))
	b.report.Ratio("loop", "HTTP, 1 connection, p50", s.Median("loop", "one p50"), s.Median("direct", "one p50"), "µs", "direct", nil)
	b.report.Ratio("loop", "HTTP, 1 connection, p50", s.Median("loop", "one p50"), s.Median("silent", "one p50"), "µs", "silent", nil)
	return b.measurePgbench(ctx, direct, loop)
}

// measurePgbench lets pgbench look up accounts.
func (b *bench) measurePgbench(ctx context.Context, direct, loop *world.Target) error {
	path, err := exec.LookPath("pgbench")
	if err != nil {
		b.report.Note("loop: no pgbench figures, because pgbench is not installed (Debian: apt-get install postgresql-client or postgresql-contrib).")
		return nil
	}
	if _, err := b.pgbench(ctx, path, direct, "-i", "-q", "-s", strconv.Itoa(benchScale)); err != nil {
		return err
	}
	s := make(report.Samples)
	modes := []string{"simple", "extended", "prepared"}
	for range b.rounds {
		for _, mode := range modes {
			for _, t := range []*world.Target{direct, loop} {
				if err := b.transactions(ctx, s, path, t, mode); err != nil {
					return err
				}
			}
		}
	}
	for _, mode := range modes {
		b.report.Ratio("loop", "pgbench -S, 16 clients, "+mode, s.Median("loop", mode+" rate"), s.Median("direct", mode+" rate"), "tx/s", "direct", report.AtLeast(0.5, "×"))
		b.report.Value("loop", "the same, processor time of a transaction", s.Median("loop", mode+" cpu"), "µs", nil)
	}
	return nil
}

func (b *bench) transactions(ctx context.Context, s report.Samples, path string, t *world.Target, mode string) error {
	before, err := t.CPU()
	if err != nil {
		return err
	}
	seconds := strconv.Itoa(max(1, int(b.duration/time.Second)))
	out, err := b.pgbench(ctx, path, t, "-S", "-c", strconv.Itoa(pgClients), "-j", "2", "-T", seconds, "-M", mode)
	if err != nil {
		return err
	}
	after, err := t.CPU()
	if err != nil {
		return err
	}
	rate, err := figure(out, `tps = ([0-9.]+)`)
	if err != nil {
		return err
	}
	done, err := figure(out, `transactions actually processed: ([0-9]+)`)
	if err != nil {
		return err
	}
	s.Add(t.Name, mode+" rate", rate)
	s.Add(t.Name, mode+" cpu", (after-before)/done*1e6)
	return nil
}

// pgbench runs pgbench at a variant.
func (b *bench) pgbench(ctx context.Context, path string, t *world.Target, args ...string) (string, error) {
	at := t.At[world.DBName]
	args = append(args, "-n", "-h", at.Addr().String(), "-p", strconv.Itoa(int(at.Port())), "-U", world.DBUser, world.Database)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+world.DBPassword, "PGSSLMODE=disable")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pgbench by %s: %w: %s", t.Name, err, out)
	}
	return string(out), nil
}

func figure(text, pattern string) (float64, error) {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("pgbench does not say %s: %.200s", pattern, text)
	}
	return strconv.ParseFloat(m[1], 64)
}
