package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/world"

	"github.com/jackc/pgx/v5"
)

const (
	// benchScale is pgbench's: a million accounts.
	benchScale = 10
	// oneRounds is how many rounds one client gets: its figures vary by a quarter.
	oneRounds = 5
)

// A mode is one way in which pgbench asks, and what it must reach of direct.
type mode struct {
	name  string
	ratio float64
}

func modes() []mode { return []mode{{"simple", 0.60}, {"extended", 0.56}, {"prepared", 0.58}} }

// measureLoopDB is PostgreSQL without the tunnel, beside nothing at all.
func measureLoopDB(ctx context.Context, b *bench) error {
	var targets []*world.Target
	for _, make := range []func() (*world.Target, error){
		func() (*world.Target, error) { return b.world.Target(ctx, "direct") },
		func() (*world.Target, error) { return b.world.Loop("loop", false) },
		func() (*world.Target, error) { return b.world.Loop("silent", true) },
	} {
		t, err := make()
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	if err := measureSessions(ctx, b, targets[1]); err != nil {
		return err
	}
	if err := measureLoopBulk(ctx, b, targets[:2]); err != nil {
		return err
	}
	for _, name := range []string{"splice", "pgbouncer"} {
		t, err := b.world.Target(ctx, name)
		if errors.Is(err, world.ErrNoBouncer) {
			b.report.Note("loopdb: no pgbouncer to compare with: %v", err)
			continue
		}
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	return measurePgbench(ctx, b, targets)
}

// measurePgbench lets pgbench look up accounts.
func measurePgbench(ctx context.Context, b *bench, targets []*world.Target) error {
	path, err := exec.LookPath("pgbench")
	if err != nil {
		b.report.Note("loopdb: no pgbench figures, because pgbench is not installed (Debian: apt-get install postgresql-client or postgresql-contrib).")
		return nil
	}
	if _, err := b.pgbench(ctx, path, targets[0], "-i", "-q", "-s", strconv.Itoa(benchScale)); err != nil {
		return err
	}
	s := make(report.Samples)
	for range b.rounds {
		for _, m := range modes() {
			for _, t := range targets {
				if err := b.transactions(ctx, s, path, t, m.name, pgClients); err != nil {
					return err
				}
			}
		}
	}
	for range oneRounds {
		for _, t := range targets[:2] {
			if err := b.transactions(ctx, s, path, t, "simple", 1); err != nil {
				return err
			}
		}
	}
	for _, m := range modes() {
		key := fmt.Sprintf("%s %d", m.name, pgClients)
		cost := s.Median("loop", key+" cpu")
		b.report.Ratio("loopdb", "pgbench -S, 16 clients, "+m.name, s.Median("loop", key+" rate"), s.Median("direct", key+" rate"), "tx/s", "direct", report.AtLeast(m.ratio, "×"))
		b.report.Value("loopdb", "the same, processor time of a transaction", cost, "µs", report.AtMost(38, "µs"))
		for _, t := range targets[3:] {
			b.report.Ratio("loopdb", "the same, "+t.Name, s.Median(t.Name, key+" rate"), s.Median("direct", key+" rate"), "tx/s", "direct", nil)
			b.report.Value("loopdb", "the same, "+t.Name+", processor time of a transaction", s.Median(t.Name, key+" cpu"), "µs", nil)
		}
		b.report.Value("loopdb", "of that, audit (beside a gateway that writes nothing)", cost-s.Median("silent", key+" cpu"), "µs", report.AtMost(12, "µs"))
	}
	b.report.Ratio("loopdb", "pgbench -S, one client, simple", s.Median("loop", "simple 1 rate"), s.Median("direct", "simple 1 rate"), "tx/s", "direct", report.AtLeast(0.4, "×"))
	return nil
}

func (b *bench) transactions(ctx context.Context, s report.Samples, path string, t *world.Target, mode string, clients int) error {
	before, err := t.CPU()
	if err != nil {
		return err
	}
	seconds := strconv.Itoa(max(1, int(b.duration/time.Second)))
	out, err := b.pgbench(ctx, path, t, "-S", "-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(2, clients)), "-T", seconds, "-M", mode)
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
	key := fmt.Sprintf("%s %d", mode, clients)
	s.Add(t.Name, key+" rate", rate)
	s.Add(t.Name, key+" cpu", (after-before)/done*1e6)
	return nil
}

// measureLoopBulk moves much of a database over one connection.
func measureLoopBulk(ctx context.Context, b *bench, targets []*world.Target) error {
	moves := []transfer{
		{name: "COPY out", move: copyOut}, {name: "COPY in", move: copyIn}, {name: "large SELECT", move: largeSelect},
	}
	s := make(report.Samples)
	for range b.bulkRounds {
		for _, x := range moves {
			for _, t := range targets {
				if err := measureTransfer(ctx, s, t, x, b.bulkMB*megabyte); err != nil {
					return fmt.Errorf("%s by %s: %w", x.name, t.Name, err)
				}
			}
		}
	}
	for _, x := range moves {
		b.report.Ratio("loopdb", x.name, s.Median("loop", x.name+" rate"), s.Median("direct", x.name+" rate"), "MB/s", "direct", report.AtLeast(0.95, "×"))
	}
	return nil
}

// largeSelect reads rows to their end without looking into them.
func largeSelect(ctx context.Context, t *world.Target, n int) error {
	return withPG(ctx, t, func(c *pgx.Conn) error {
		text := fmt.Sprintf("select repeat('x', %d) from generate_series(1, %d)", copyLine, n/copyLine)
		rows := c.PgConn().Exec(ctx, text)
		var got int
		for rows.NextResult() {
			for r := rows.ResultReader(); r.NextRow(); {
				got += len(r.Values()[0])
			}
		}
		err := rows.Close()
		if err == nil && got != n {
			err = fmt.Errorf("%d of %d bytes came", got, n)
		}
		return err
	})
}

// measureSessions is the memory of sessions that do nothing, and what a large
// result adds to it.
func measureSessions(ctx context.Context, b *bench, t *world.Target) error {
	open := make([]*pgx.Conn, 0, b.idle)
	defer func() {
		for _, c := range open {
			c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // what counts is done
		}
	}()
	var errs error
	before, err := t.RSS()
	for range b.idle {
		c, err := connectPG(ctx, t, pgx.QueryExecModeSimpleProtocol)
		if err == nil {
			open = append(open, c)
			_, err = c.Exec(ctx, "select 1")
		}
		if errs = errors.Join(errs, err); errs != nil {
			break
		}
	}
	if errs = errors.Join(errs, err); errs != nil {
		return errs
	}
	if err := pause(ctx, settleTime); err != nil {
		return err
	}
	after, err := t.RSS()
	if err != nil {
		return err
	}
	b.report.Value("loopdb", fmt.Sprintf("memory of each of %d idle sessions", b.idle), (after-before)/float64(b.idle), "KiB", report.AtMost(40, "KiB"))
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
